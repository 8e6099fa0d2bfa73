"""One body as a Gymnasium environment."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import envs

TWINS = [name for name in envs.native_names() if name in gymnasium.registry]


@pytest.mark.parametrize("env_id", envs.native_names())
@pytest.mark.filterwarnings("ignore:.*infinity:UserWarning")  # true of Gymnasium's own tasks too
@pytest.mark.filterwarnings("ignore:.*symmetric and normalized:UserWarning")
@pytest.mark.filterwarnings("ignore:.*vision is an image:UserWarning")  # of few numbers
@pytest.mark.filterwarnings("ignore:The minimal resolution for an image:UserWarning")
def test_the_checkers_of_gymnasium_and_sb3_find_nothing(env_id):
    env = gymnasium.make(f"wetware/{env_id}")
    check_env(env.unwrapped, skip_render_check=True)
    sb3_check_env(env)


@pytest.mark.parametrize("env_id", TWINS)
def test_one_body_equals_gymnasium(env_id):
    ours, theirs = gymnasium.make(f"wetware/{env_id}"), gymnasium.make(env_id)
    ours.action_space.seed(0)
    for seed in (3, None):
        np.testing.assert_array_equal(ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0])
        for _ in range(120):
            action = ours.action_space.sample()
            mine, others = ours.step(action), theirs.step(action)
            np.testing.assert_array_equal(mine[0], others[0])
            np.testing.assert_equal(mine[1:], others[1:])
            if others[2] or others[3]:
                break
