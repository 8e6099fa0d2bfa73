"""Hand-written controllers keep to what a body senses and can do, each row by itself."""

import gymnasium
import numpy as np
import pytest

import envs
from envs.scripted import scripted_controller

ROWS, STEPS = 3, 60


SCRIPTED = [name for name in envs.native_names() if scripted_controller(name, 1) is not None]


def test_every_own_body_has_a_controller():
    own = [name for name in envs.native_names() if name not in gymnasium.registry]
    assert len(own) >= 7
    assert own == SCRIPTED


@pytest.mark.parametrize("env_id", SCRIPTED)
def test_a_controller_of_many_rows_does_what_controllers_of_one_row_each_do(env_id):
    env = envs.make_vec_env(env_id, ROWS, seed=0, num_threads=1)
    together = scripted_controller(env_id, ROWS)
    alone = [scripted_controller(env_id, 1) for _ in range(ROWS)]
    observation = env.reset()
    for _ in range(STEPS):
        actions = together(observation)
        assert actions.shape == (ROWS, *env.action_space.shape)
        for row, one in enumerate(alone):
            sensed = {name: part[row : row + 1] for name, part in observation.items()}
            np.testing.assert_allclose(one(sensed)[0], actions[row], atol=1e-6)
        assert (actions >= env.action_space.low).all()
        assert (actions <= env.action_space.high).all()
        observation = env.step(actions)[0]
