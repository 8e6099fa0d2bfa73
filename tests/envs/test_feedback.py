"""Senses of the brain's own doing: last action, reward, and which senses report."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import envs
from envs.challenges import named_challenge
from tests.envs.test_sb3 import random_actions

ALL = ("action", "reward", "alive")
OWN = {"efference_copy", "reward", "alive"}


def make(env_id, num_envs=3, feedback=ALL, **options):
    return envs.make_vec_env(env_id, num_envs, num_threads=1, feedback=feedback, **options)


def always(name, severity="hard", **options):
    return named_challenge(name, severity=severity, onset="start", split="all", **options)


@pytest.mark.parametrize("env_id", ["Hopper-v5", "gymnasium:Hopper-v5"])
def test_last_action_and_reward_are_sensed_and_blank_where_an_episode_starts(env_id):
    env = make(env_id, seed=2)
    first = env.reset()
    assert set(first) == {"senses"} | OWN
    assert not first["efference_copy"].any()
    assert not first["reward"].any()
    endings = 0
    for _, actions in zip(range(60), random_actions(env), strict=False):
        seen, rewards, dones, infos = env.step(actions)
        going = ~dones
        np.testing.assert_array_equal(seen["efference_copy"][going], actions[going])
        np.testing.assert_array_equal(seen["reward"][going, 0], rewards[going].astype(np.float32))
        assert not seen["efference_copy"][dones].any()
        assert not seen["reward"][dones].any()
        for row in np.flatnonzero(dones):
            endings += 1
            last = infos[row]["terminal_observation"]
            assert set(last) == {"senses"} | OWN
            np.testing.assert_array_equal(last["efference_copy"], actions[row])
            assert last["reward"] == np.float32(rewards[row])
            assert last["alive"].all()
            assert env.observation_space.contains(last)
        assert seen["alive"].all()
        for row in range(env.num_envs):
            assert env.observation_space.contains({name: part[row] for name, part in seen.items()})
    assert endings >= 3


@pytest.mark.parametrize("env_id", ["Hopper-v5", "wetware/Quadruped-v0", "CartPole-v1"])
def test_the_body_itself_notices_nothing(env_id):
    plain, fed = make(env_id, feedback=(), seed=4), make(env_id, seed=4)

    def senses(observation):
        if not isinstance(observation, dict):
            return {"senses": observation}
        return {name: part for name, part in observation.items() if name not in OWN}

    def check(one, other):
        assert senses(one).keys() == senses(other).keys()
        for name, part in senses(one).items():
            np.testing.assert_array_equal(part, senses(other)[name])

    check(plain.reset(), fed.reset())
    plain.action_space.seed(0)
    for _ in range(40):
        actions = np.stack([plain.action_space.sample() for _ in range(3)])
        one, other = plain.step(actions), fed.step(actions)
        check(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_array_equal(one[2], other[2])
        assert [set(info) for info in one[3]] == [set(info) for info in other[3]]
    assert plain.control_period == fed.control_period
    assert plain.exact_resume == fed.exact_resume


def test_a_discrete_action_is_told_one_hot():
    env = make("CartPole-v1")
    assert not env.reset()["efference_copy"].any()
    seen = env.step(np.array([1, 0, 1]))[0]
    np.testing.assert_array_equal(seen["efference_copy"], [[0, 1], [1, 0], [0, 1]])


def test_what_is_told_is_what_was_commanded_not_what_reached_the_motors():
    env = make("HalfCheetah-v5", challenge=always("leg_loss"))
    env.reset()
    actions = next(random_actions(env))
    np.testing.assert_array_equal(env.step(actions)[0]["efference_copy"], actions)


def flat(env, observation):
    """Return the body's numbers in the order of its own observation space, [N, S]."""
    names = [name for name in env.observation_space.spaces if name not in OWN]
    return np.concatenate([observation[name].reshape(env.num_envs, -1) for name in names], axis=1)


BLANKING = [
    ("HalfCheetah-v5", "velocity_masking"),
    ("HalfCheetah-v5", "dropout"),
    ("wetware/Gaze-v0", "modality_loss"),
    ("wetware/Gaze-v0", "dropout"),
]


@pytest.mark.parametrize(("env_id", "challenge"), BLANKING)
def test_a_number_that_is_not_alive_reads_zero_and_those_alive_are_the_true_ones(env_id, challenge):
    true = make(env_id, feedback=(), seed=1)
    env = make(env_id, seed=1, challenge=always(challenge, severity="medium"))
    whole, seen = true.reset(), env.reset()
    dead = 0
    for _, actions in zip(range(20), random_actions(env), strict=False):
        named = whole if isinstance(whole, dict) else {"senses": whole}
        alive = seen["alive"]
        assert set(np.unique(alive)) <= {0.0, 1.0}
        np.testing.assert_array_equal(flat(env, seen), flat(env, named) * alive)
        dead += int((alive == 0).sum())
        whole, seen = true.step(actions)[0], env.step(actions)[0]
    assert dead > 20


@pytest.mark.parametrize("challenge", ["noise", "stuck", "sense_delay", "sense_remap", "leg_loss"])
def test_what_nobody_can_know_is_not_told(challenge):
    env = make("HalfCheetah-v5", challenge=always(challenge))
    seen = env.reset()
    for _, actions in zip(range(10), random_actions(env), strict=False):
        assert seen["alive"].all()
        seen = env.step(actions)[0]


def test_several_challenges_blank_together():
    both = [always("velocity_masking"), always("dropout", severity="medium")]
    seen = make("HalfCheetah-v5", challenge=both).reset()["alive"]
    velocities = make("HalfCheetah-v5", challenge=both[0]).reset()["alive"] == 0
    assert velocities.any()
    assert not seen[velocities].any()
    assert (seen == 0).sum() > velocities.sum()


def test_the_end_of_an_episode_tells_what_was_missing_then_and_its_successor_starts_afresh():
    window = {"onset": "middle", "split": "all"}
    env = make(
        "Reacher-v5", challenge=named_challenge("velocity_masking", severity="hard", **window)
    )
    seen = env.reset()
    assert seen["alive"].all()
    for _, actions in zip(range(50), random_actions(env), strict=False):
        seen, _, dones, infos = env.step(actions)
    assert dones.all()
    assert seen["alive"].all()
    for info in infos:
        last = info["terminal_observation"]
        np.testing.assert_array_equal(last["senses"][last["alive"] == 0], 0.0)
        assert (last["alive"] == 0).sum() == 2


def test_only_what_is_asked_for_is_told():
    for feedback, modality in zip(ALL, ("efference_copy", "reward", "alive"), strict=True):
        env = make("Hopper-v5", feedback=[feedback])
        assert set(env.observation_space.spaces) == {"senses", modality}
        assert set(env.reset()) == {"senses", modality}
        assert set(env.step(np.zeros((3, 3), np.float32))[0]) == {"senses", modality}
    assert isinstance(make("Hopper-v5", feedback=[]).observation_space, spaces.Box)


def test_a_wrong_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown feedback 'rewrd'; did you mean 'reward'"):
        make("Hopper-v5", feedback=["rewrd"])
    with pytest.raises(ValueError, match=r"write feedback=\[action\]"):
        make("Hopper-v5", feedback="action")


def test_a_sense_of_the_same_name_is_not_hidden():
    class Rewarded(gymnasium.Env):
        observation_space = spaces.Dict({"reward": spaces.Box(-1, 1, (1,))})
        action_space = spaces.Box(-1, 1, (1,))

        def reset(self, *, seed=None, options=None):
            return {"reward": np.zeros(1, np.float32)}, {}

    gymnasium.register("Rewarded-v0", entry_point=Rewarded, disable_env_checker=True)
    try:
        with pytest.raises(ValueError, match="a sense 'reward' of its own"):
            make("Rewarded-v0")
    finally:
        del gymnasium.registry["Rewarded-v0"]


@pytest.mark.parametrize(("env_id", "challenge"), [("Hopper-v5", "dropout"), ("CartPole-v1", None)])
def test_it_goes_on_bit_for_bit_from_its_state(env_id, challenge):
    befalls = None if challenge is None else always(challenge)
    env, other = (make(env_id, challenge=befalls, stagger=True) for _ in range(2))
    env.reset()
    draw = np.random.default_rng(0)
    discrete = isinstance(env.action_space, spaces.Discrete)
    plans = draw.integers(0, 2, (40, 3)) if discrete else draw.uniform(-1, 1, (40, 3, 3))
    for actions in plans[:20]:
        env.step(actions)
    other.load_training_state(env.training_state())
    for actions in [None, *plans[20:]]:
        one, two = (
            rows.last_observation() if actions is None else rows.step(actions)[0]
            for rows in (env, other)
        )
        for name, part in one.items():
            np.testing.assert_array_equal(part, two[name])


def test_a_state_of_other_feedback_is_refused():
    env, other = make("Hopper-v5"), make("Hopper-v5", feedback=["action"])
    env.reset()
    with pytest.raises(ValueError, match=r"feedback=\[action,reward,alive\]"):
        other.load_training_state(env.training_state())


def test_what_is_handed_out_belongs_to_the_caller():
    env = make("Hopper-v5")
    env.reset()["alive"][:] = 7.0
    assert env.last_observation()["alive"].all()
    seen = env.step(np.ones((3, 3), np.float32))[0]
    seen["efference_copy"][:] = 9.0
    np.testing.assert_array_equal(env.last_observation()["efference_copy"], 1.0)
