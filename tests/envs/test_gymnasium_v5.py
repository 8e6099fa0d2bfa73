"""The native v5 tasks equal Gymnasium's own, bit for bit."""

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.envs.mujoco.ant_v5 import AntEnv
from gymnasium.envs.mujoco.humanoid_v5 import mass_center
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import envs

TASKS = [
    "Ant-v5",
    "HalfCheetah-v5",
    "Hopper-v5",
    "Humanoid-v5",
    "HumanoidStandup-v5",
    "InvertedDoublePendulum-v5",
    "InvertedPendulum-v5",
    "Pusher-v5",
    "Reacher-v5",
    "Swimmer-v5",
    "Walker2d-v5",
]

# Every option that changes what a task observes, rewards or ends, away from its default.
OPTIONS = [
    ("Ant-v5", {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.3}),
    ("Ant-v5", {"contact_force_range": (-0.1, 20.0), "contact_cost_weight": 1e-3}),
    ("Ant-v5", {"exclude_current_positions_from_observation": False, "frame_skip": 2}),
    ("Ant-v5", {"main_body": "aux_3", "forward_reward_weight": 2.5, "ctrl_cost_weight": 0.1}),
    ("Ant-v5", {"main_body": 4, "healthy_z_range": (0.5, 0.8), "healthy_reward": 0.3}),
    ("Ant-v5", {"terminate_when_unhealthy": False, "reset_noise_scale": 0.4}),
    ("HalfCheetah-v5", {"forward_reward_weight": 0.7, "ctrl_cost_weight": 0.3}),
    ("HalfCheetah-v5", {"reset_noise_scale": 0.3, "frame_skip": 3}),
    ("HalfCheetah-v5", {"exclude_current_positions_from_observation": False}),
    ("Hopper-v5", {"terminate_when_unhealthy": False, "healthy_reward": 0.3}),
    ("Hopper-v5", {"healthy_z_range": (0.9, 1.3), "healthy_angle_range": (-0.1, 0.05)}),
    ("Hopper-v5", {"healthy_state_range": (-2.0, 3.0), "forward_reward_weight": 2.5}),
    ("Hopper-v5", {"exclude_current_positions_from_observation": False, "ctrl_cost_weight": 0.1}),
    *[
        (name, {option: False for option in options})
        for name in ("Humanoid-v5", "HumanoidStandup-v5")
        for options in (
            ["exclude_current_positions_from_observation"],
            ["include_cinert_in_observation"],
            ["include_cvel_in_observation", "include_qfrc_actuator_in_observation"],
            ["include_cinert_in_observation", "include_cfrc_ext_in_observation"],
        )
    ],
    ("Humanoid-v5", {"contact_cost_weight": 1e-3, "contact_cost_range": (0.01, 50.0)}),
    ("Humanoid-v5", {"healthy_z_range": (1.2, 1.45), "healthy_reward": 0.3}),
    ("Humanoid-v5", {"terminate_when_unhealthy": False, "reset_noise_scale": 0.1}),
    ("Humanoid-v5", {"forward_reward_weight": 0.7, "ctrl_cost_weight": 0.3, "frame_skip": 2}),
    ("HumanoidStandup-v5", {"impact_cost_weight": 1e-3, "impact_cost_range": (0.5, 40.0)}),
    ("HumanoidStandup-v5", {"ctrl_cost_weight": 0.7, "uph_cost_weight": 3.0}),
    ("HumanoidStandup-v5", {"reset_noise_scale": 0.1, "frame_skip": 2}),
    ("InvertedDoublePendulum-v5", {"healthy_reward": 3.7, "reset_noise_scale": 0.3}),
    ("InvertedDoublePendulum-v5", {"reset_noise_scale": 2.0}),  # some carts start off the rail
    ("InvertedPendulum-v5", {"reset_noise_scale": 0.15, "frame_skip": 1}),
    ("Pusher-v5", {"reward_near_weight": 0.3, "reward_dist_weight": 0.7}),
    ("Pusher-v5", {"reward_control_weight": 0.7, "xml_file": "pusher.xml"}),
    ("Reacher-v5", {"reward_dist_weight": 0.3, "reward_control_weight": 0.7}),
    ("Swimmer-v5", {"forward_reward_weight": 0.7, "ctrl_cost_weight": 0.3}),
    ("Swimmer-v5", {"exclude_current_positions_from_observation": False, "frame_skip": 2}),
    ("Swimmer-v5", {"reset_noise_scale": 0.5}),
    ("Walker2d-v5", {"healthy_z_range": (1.0, 1.5), "healthy_angle_range": (-0.3, 0.2)}),
    ("Walker2d-v5", {"terminate_when_unhealthy": False, "healthy_reward": 0.3}),
    ("Walker2d-v5", {"exclude_current_positions_from_observation": False}),
    ("Walker2d-v5", {"forward_reward_weight": 0.7, "ctrl_cost_weight": 0.3}),
]


def assert_same(ours, theirs, where=""):
    """Compare results and infos of two vector environments, to the last bit and the same types."""
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs), where
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{where}.{key}")
        return
    theirs = np.asarray(theirs)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, where
    if theirs.dtype == object:
        for mine, other in zip(ours, theirs, strict=True):
            assert (mine is None) == (other is None), where
            if other is not None:
                np.testing.assert_array_equal(mine, other, err_msg=where)
    else:
        np.testing.assert_array_equal(ours, theirs, err_msg=where)


def pair(env_id, *, num_envs=3, mode=AutoresetMode.SAME_STEP, **options):
    ours = gymnasium.make_vec(
        f"wetware/{env_id}", num_envs=num_envs, num_threads=1, autoreset_mode=mode, **options
    )
    theirs = SyncVectorEnv(
        [lambda: gymnasium.make(env_id, **options) for _ in range(num_envs)], autoreset_mode=mode
    )
    return ours, theirs


def play(ours, theirs, *, seed, steps):
    """Give both the same random actions and compare all they say; return how often rows ended."""
    assert_same(ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0])
    theirs.action_space.seed(seed)
    endings = 0
    for _ in range(steps):
        actions = theirs.action_space.sample()
        mine, others = ours.step(actions), theirs.step(actions)
        for name, a, b in zip(
            ("observation", "reward", "terminated", "truncated", "info"), mine, others, strict=True
        ):
            assert_same(a, b, name)
        ended = others[2] | others[3]
        endings += ended.sum()
        if ended.any() and ours.autoreset_mode is AutoresetMode.DISABLED:
            again = [env.reset(options={"reset_mask": ended.copy()}) for env in (ours, theirs)]
            assert_same(again[0][0], again[1][0])
            assert_same(again[0][1], again[1][1])
    return endings


def test_the_native_v5_tasks_are_the_ones_compared_here():
    assert [name for name in envs.native_names() if name.endswith("-v5")] == TASKS


@pytest.mark.parametrize("env_id", TASKS)
def test_whole_random_episodes_equal_gymnasium_from_the_same_seed(env_id):
    limit = gymnasium.spec(env_id).max_episode_steps
    assert play(*pair(env_id, num_envs=2), seed=11, steps=limit + 10) >= 2


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("env_id", TASKS)
def test_every_autoreset_mode_tells_what_gymnasium_tells(env_id, mode):
    assert play(*pair(env_id, mode=mode, max_episode_steps=17), seed=3, steps=60) >= 9


def place_in_the_plane(body):
    """Return where Gymnasium believes a body to be, which the state of the physics is ahead of."""
    if isinstance(body, AntEnv):
        return body.data.body(1).xpos[:2]
    return mass_center(body.model, body.data)


@pytest.mark.parametrize("env_id", TASKS)
def test_a_state_copied_from_the_middle_of_an_episode_goes_on_as_in_gymnasium(env_id):
    theirs = gymnasium.make(env_id)
    theirs.reset(seed=4)
    theirs.action_space.seed(4)
    for _ in range(4):
        theirs.step(theirs.action_space.sample())
    ours = gymnasium.make_vec(f"wetware/{env_id}", num_envs=3, num_threads=1)
    ours.reset(seed=8)
    body = theirs.unwrapped
    row = ours.engine.batch.state[1]
    mujoco.mj_getState(body.model, body.data, row, mujoco.mjtState.mjSTATE_INTEGRATION)
    for array in ours.engine.task.memory().values():
        array[1] = place_in_the_plane(body)
    for _ in range(3):
        action = theirs.action_space.sample()
        observation, reward, terminated, *_ = theirs.step(action)
        mine = ours.step(np.stack([action * 0.5, action, -action]))
        np.testing.assert_array_equal(mine[0][1], observation)
        assert mine[1][1] == reward and mine[2][1] == terminated
        if terminated:
            break


@pytest.mark.parametrize(("env_id", "options"), OPTIONS)
def test_every_option_that_changes_the_task_equals_gymnasium(env_id, options):
    play(*pair(env_id, num_envs=2, **options), seed=5, steps=70)
