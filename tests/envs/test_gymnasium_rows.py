"""The slower path for environments that the batched engine does not know."""

import gymnasium
import numpy as np
import pytest

import envs


class Broken(gymnasium.Env):
    """Senses what is no number in one of its steps, usually the third."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def __init__(self, value=np.nan, at=3):
        self.value, self.at = value, at

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.sensed(), {}

    def step(self, action):
        self.steps += 1
        return self.sensed(), 0.0, False, False, {}

    def sensed(self):
        return np.array([self.value if self.steps == self.at else 0.0], np.float32)


@pytest.fixture
def broken():
    options = {"disable_env_checker": True, "max_episode_steps": 5}
    gymnasium.register("Broken-v0", entry_point=Broken, **options)
    yield envs.make_vec_env("Broken-v0", num_envs=2)
    del gymnasium.registry["Broken-v0"]


def test_it_tells_episodes_as_the_batched_engine_does():
    env = envs.make_vec_env("CartPole-v1", num_envs=2, seed=0)
    env.reset()
    returns = np.zeros(2)
    ended = 0
    for _ in range(100):
        _, rewards, dones, infos = env.step(np.ones(2, int))
        returns += rewards
        for row, info in enumerate(infos):
            if not dones[row]:
                assert info == {}
                continue
            ended += 1
            assert info["episode"]["r"] == returns[row] == info["episode"]["l"]
            assert info["TimeLimit.truncated"] is False
            assert info["terminal_observation"].shape == (4,)
            returns[row] = 0
    assert ended > 10


def test_clocks_are_staggered_by_the_time_limit_wrapper():
    env = envs.make_vec_env("Pendulum-v1", num_envs=4, stagger=True)
    env.reset()
    told = []
    for step in range(400):
        _, _, dones, infos = env.step(np.zeros((4, 1), np.float32))
        told += [(step + 1, row, "episode" in infos[row]) for row in np.flatnonzero(dones)]
    assert told[:5] == [
        (50, 3, False),
        (100, 2, False),
        (150, 1, False),
        (200, 0, True),
        (250, 3, True),
    ]


def test_the_same_seed_gives_the_same_trajectory():
    def observations(seed):
        env = envs.make_vec_env("Pendulum-v1", num_envs=3, seed=seed)
        return [env.reset(), *(env.step(np.ones((3, 1), np.float32))[0] for _ in range(5))]

    np.testing.assert_array_equal(observations(1), observations(1))
    assert not np.array_equal(observations(1), observations(2))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sense_that_is_no_longer_finite_stops_with_its_row_and_step(broken, value):
    for body in broken.envs:
        body.unwrapped.value = value
    broken.reset()
    for _ in range(2):
        broken.step(np.zeros((2, 1), np.float32))
    with pytest.raises(
        envs.PhysicsError, match="Broken-v0: row 0 became non-finite, at its step 3"
    ):
        broken.step(np.zeros((2, 1), np.float32))


def test_so_does_one_in_the_first_or_the_last_step_of_an_episode(broken):
    for body in broken.envs:
        body.unwrapped.at = 0
    with pytest.raises(envs.PhysicsError, match="row 0 began non-finite, at its step 0"):
        broken.reset()
    for body in broken.envs:
        body.unwrapped.at = 5
    broken.reset()
    for _ in range(4):
        broken.step(np.zeros((2, 1), np.float32))
    with pytest.raises(envs.PhysicsError, match="row 0 became non-finite, at its step 5"):
        broken.step(np.zeros((2, 1), np.float32))


def test_an_action_that_is_not_finite_is_refused(broken):
    broken.reset()
    with pytest.raises(envs.PhysicsError, match="row 1 was given a non-finite action"):
        broken.step(np.array([[0.0], [np.nan]], np.float32))


def test_the_control_period_comes_from_the_body_or_its_frame_rate():
    assert envs.make_vec_env("gymnasium:Ant-v5", num_envs=1).control_period == pytest.approx(0.05)
    assert envs.make_vec_env("CartPole-v1", num_envs=1).control_period == pytest.approx(1 / 50)
