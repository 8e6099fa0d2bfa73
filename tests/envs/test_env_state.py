"""Saved states: what is resumed goes on bit for bit."""

import json

import gymnasium
import numpy as np
import pytest

import envs
from tests.envs.flat import flat

SLOW = [
    "gymnasium:Ant-v5",
    "CartPole-v1",
    "FrozenLake-v1",
    "MountainCarContinuous-v0",
    "Pendulum-v1",
]


class Entangled(gymnasium.Env):
    """Keeps its state where nobody can write it down."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.thoughts = object()
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), 0.0, False, False, {}


def play(env, steps, seed):
    """Return all that random actions lead to, as plain lists."""
    generator, told = np.random.default_rng(seed), []
    for _ in range(steps):
        if isinstance(env.action_space, gymnasium.spaces.Discrete):
            actions = generator.integers(env.action_space.n, size=env.num_envs)
        else:
            shape = (env.num_envs, *env.action_space.shape)
            actions = generator.uniform(env.action_space.low, env.action_space.high, shape)
        observation, rewards, dones, infos = env.step(actions)
        ends = [
            (
                i["TimeLimit.truncated"],
                listed(i["terminal_observation"]),
                i.get("episode", {}),
            )
            for i in infos
            if i
        ]
        for *_, episode in ends:
            episode.pop("t", None)
        told.append((listed(observation), rewards.tolist(), dones.tolist(), ends))
    return told


def listed(observation):
    """Return an observation, of one row or of several, as plain lists."""
    if isinstance(observation, dict):
        return {name: part.tolist() for name, part in observation.items()}
    return np.asarray(observation).tolist()


def through_a_file(tree):
    """Pass a state through what a file can hold: arrays of numbers, and JSON."""
    if isinstance(tree, dict):
        return {key: through_a_file(value) for key, value in tree.items()}
    if isinstance(tree, np.ndarray):
        assert tree.dtype.kind in "biuf"
        return np.frombuffer(tree.tobytes(), tree.dtype).reshape(tree.shape)
    return json.loads(json.dumps(tree))


@pytest.mark.parametrize("steps", [0, 37])
@pytest.mark.parametrize("env_id", [*envs.native_names(), *SLOW])
def test_a_restored_environment_goes_on_bit_for_bit(env_id, steps):
    env = envs.make_vec_env(env_id, num_envs=4, seed=3, stagger=True, num_threads=1)
    assert env.exact_resume
    env.reset()
    play(env, steps, seed=0)
    state, observation = through_a_file(env.training_state()), env.last_observation()
    expected = play(env, 60, seed=1)

    other = envs.make_vec_env(env_id, num_envs=4, seed=99, num_threads=3)
    other.load_training_state(state)
    np.testing.assert_array_equal(flat(other.last_observation()), flat(observation))
    assert play(other, 60, seed=1) == expected

    play(env, 5, seed=2)
    env.load_training_state(state)
    assert play(env, 60, seed=1) == expected


def test_a_vector_environment_goes_on_bit_for_bit_across_a_pending_reset():
    def rollout(env):
        env.action_space.seed(0)
        return [env.step(env.action_space.sample())[:4] for _ in range(30)]

    env, other = (gymnasium.make_vec("wetware/InvertedPendulum-v5", num_envs=5) for _ in range(2))
    env.reset(seed=0)
    env.action_space.seed(1)
    while True:
        *_, terminated, _, _ = env.step(env.action_space.sample())
        if terminated.any():
            break
    state = through_a_file(env.training_state())
    expected = rollout(env)
    other.load_training_state(state)
    for mine, theirs in zip(rollout(other), expected, strict=True):
        for part, wanted in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(part, wanted)


@pytest.mark.parametrize("env_id", ["Humanoid-v5", "InvertedDoublePendulum-v5"])
def test_a_reset_right_after_resuming_leaves_what_other_rows_sense(env_id):
    def make():
        return gymnasium.make_vec(f"wetware/{env_id}", num_envs=3, autoreset_mode="Disabled")

    env, other = make(), make()
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(3):
        before = env.step(env.action_space.sample())[0]
    other.load_training_state(through_a_file(env.training_state()))
    after, _ = other.reset(options={"reset_mask": np.array([False, True, False])})
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    assert (after[1] != before[1]).any()


def test_a_state_is_a_copy_that_later_steps_do_not_touch():
    env = envs.make_vec_env("Hopper-v5", num_envs=2)
    env.reset()
    state = env.training_state()
    rows = state["engine"]["rows"].copy()
    play(env, 5, seed=0)
    np.testing.assert_array_equal(state["engine"]["rows"], rows)


@pytest.mark.parametrize("env_id", ["Hopper-v5", "CartPole-v1"])
def test_a_state_of_another_number_of_rows_is_refused(env_id):
    env, other = (envs.make_vec_env(env_id, num_envs=n) for n in (2, 3))
    env.reset()
    with pytest.raises(ValueError, match="use the same"):
        other.load_training_state(env.training_state())


def test_an_environment_that_cannot_be_saved_says_so_in_one_line():
    gymnasium.register("Entangled-v0", entry_point=Entangled)
    try:
        env = envs.make_vec_env("Entangled-v0", num_envs=1)
        env.reset()
        assert not env.exact_resume
        with pytest.raises(envs.UnsavableError, match=r"Entangled-v0: Entangled.thoughts") as error:
            env.training_state()
        assert "\n" not in str(error.value)
    finally:
        del gymnasium.registry["Entangled-v0"]
