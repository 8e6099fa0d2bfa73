"""Senses that tell nothing beside the body's own."""

import numpy as np
import pytest
from gymnasium import spaces

import envs
from envs.challenges import named_challenge
from envs.distractors import distractors_beside, persistences
from tests.envs.test_sb3 import random_actions

HARD = {"share": 0.9, "time_constants": [1.0, 50.0]}


def make(env_id, num_envs=3, distractors=HARD, **options):
    return envs.make_vec_env(env_id, num_envs, num_threads=1, distractors=distractors, **options)


@pytest.mark.parametrize(
    ("env_id", "sizes"),
    [
        ("Hopper-v5", {"senses": 11, "distractors": 99}),
        ("gymnasium:Hopper-v5", {"senses": 11, "distractors": 99}),
        ("wetware/Reversal-v0", None),
    ],
)
def test_the_share_of_all_numbers_is_irrelevant_and_the_body_notices_nothing(env_id, sizes):
    plain, env = make(env_id, distractors=None, seed=4), make(env_id, seed=4)
    told = {name: box.shape[0] for name, box in env.observation_space.spaces.items()}
    assert sizes is None or told == sizes
    assert told["distractors"] == pytest.approx(0.9 * sum(told.values()), abs=0.5)

    def check(one, other):
        one = one if isinstance(one, dict) else {"senses": one}
        assert {*one, "distractors"} == {*other}
        for name, part in one.items():
            np.testing.assert_array_equal(part, other[name])

    check(plain.reset(), env.reset())
    endings = 0
    for _, actions in zip(range(60), random_actions(env), strict=False):
        one, other = plain.step(actions), env.step(actions)
        check(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_array_equal(one[2], other[2])
        for row in np.flatnonzero(one[2]):
            endings += 1
            last = other[3][row]["terminal_observation"]
            check(one[3][row]["terminal_observation"], last)
            np.testing.assert_array_equal(last["distractors"], other[0]["distractors"][row])
            assert env.observation_space.contains(last)
    assert endings or "Reversal" in env_id
    assert (plain.control_period, plain.exact_resume) == (env.control_period, env.exact_resume)


def lived(steps, num_envs=40, **options):
    env = make("InvertedPendulum-v5", num_envs, **options)
    still = np.zeros((num_envs, 1), np.float32)
    told = [env.reset()["distractors"]]
    return np.array([*told, *(env.step(still)[0]["distractors"] for _ in range(steps))])


def test_they_are_as_large_as_normalised_senses_and_remember_for_their_time_constants():
    told = lived(400)
    assert told.shape == (401, 40, 36)
    np.testing.assert_allclose(told.mean(axis=(0, 1)), 0.0, atol=0.35)
    np.testing.assert_allclose(told.std(axis=(0, 1)), 1.0, atol=0.2)
    np.testing.assert_allclose(told[0].std(), 1.0, atol=0.05)  # from the first step on
    now, then = told[1:].reshape(-1, 36), told[:-1].reshape(-1, 36)
    alike = [np.corrcoef(now[:, k], then[:, k])[0, 1] for k in range(36)]
    np.testing.assert_allclose(alike, persistences([1.0, 50.0], 36), atol=0.03)
    assert alike[0] == pytest.approx(np.exp(-1.0), abs=0.03)
    each_other = np.corrcoef(told[:, 0].T) - np.eye(36)
    assert np.abs(each_other[:10, :10]).max() < 0.4


def test_a_row_is_told_by_its_own_seed_alone_and_goes_on_over_the_end_of_an_episode():
    few, more = lived(60, 2, seed=5), lived(60, 4, seed=4)
    np.testing.assert_array_equal(few, more[:, 1:3])
    assert not (lived(5, 2, seed=6)[:, 0] == few[:6, 0]).any()
    slow = np.abs(np.diff(few[..., -1], axis=0))
    assert slow.max() < 1.5  # no jump, though pendulums have fallen


def test_a_seed_brings_the_same_again_and_a_second_reset_does_not():
    env = make("Hopper-v5", seed=3)
    first = env.reset()["distractors"]
    again = env.reset()["distractors"]
    assert not (first == again).any()
    env.seed(3)
    np.testing.assert_array_equal(env.reset()["distractors"], first)


@pytest.mark.parametrize("feedback", [(), ("action", "reward", "alive")])
def test_it_goes_on_bit_for_bit_from_its_state(feedback):
    dropped = named_challenge("dropout", severity="hard", onset="start")
    env, other = (
        make("Hopper-v5", seed=seed, challenge=dropped, stagger=True, feedback=feedback)
        for seed in (1, 8)
    )
    env.reset()
    plans = np.random.default_rng(0).uniform(-1, 1, (40, 3, 3)).astype(np.float32)
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


def test_what_is_irrelevant_always_reports():
    dropped = named_challenge("dropout", severity="hard", onset="start")
    env = make("Hopper-v5", challenge=dropped, feedback=["alive"])
    env.reset()
    names = [name for name in env.observation_space.spaces if name != "alive"]
    for _, actions in zip(range(10), random_actions(env), strict=False):
        seen = env.step(actions)[0]
        told = dict(zip(names, np.split(seen["alive"], [seen[names[0]].shape[1]], 1), strict=True))
        assert told["distractors"].all()
        np.testing.assert_array_equal(told["senses"] == 0, seen["senses"] == 0)


def test_without_a_share_the_body_is_as_it_was():
    assert isinstance(make("Hopper-v5", distractors={**HARD, "share": 0.0}).observation_space,
                      spaces.Box)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": 1.0}, "distractors.share must be between 0 and 1, got 1"),
        ({"share": -0.1}, "distractors.share must be between 0 and 1, got -0.1"),
        ({"share": 0.01}, "share=0.01 is not even one number beside 11: raise it, or choose"),
        ({"time_constants": [5.0, 1.0]}, r"two growing numbers .* got \[5.0, 1.0\]"),
        ({"time_constants": [0.0, 1.0]}, "above 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(changes, message):
    with pytest.raises(ValueError, match=message) as error:
        make("Hopper-v5", distractors={**HARD, **changes})
    assert "\n" not in str(error.value)


def test_a_body_that_is_distracted_already_is_left_alone():
    from envs.distractors import DistractorVecEnv

    with pytest.raises(ValueError, match="a sense 'distractors' of its own"):
        DistractorVecEnv(make("Hopper-v5"), **HARD, seed=0)  # type: ignore[arg-type]


def test_a_state_of_other_distractors_is_refused():
    env = make("Hopper-v5")
    env.reset()
    half = make("Hopper-v5", distractors={**HARD, "share": 0.5})
    with pytest.raises(ValueError, match=r"distractors\) \(3, 99\), this environment \(3, 11\)"):
        half.load_training_state(env.training_state())


@pytest.mark.parametrize(("share", "count"), [(0.5, 17), (0.75, 51), (0.9, 153)])
def test_a_share_is_of_all_numbers(share, count):
    assert distractors_beside(17, share) == count


def test_what_is_handed_out_belongs_to_the_caller():
    env = make("Hopper-v5")
    env.reset()["distractors"][:] = 99.0
    assert (np.abs(env.last_observation()["distractors"]) < 10).all()
