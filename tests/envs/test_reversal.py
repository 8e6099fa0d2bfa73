"""Which target pays can only be learned from what touches brought, again and again."""

import numpy as np
import pytest

import envs
from envs.scripted.reversal import controller
from tests.envs.episodes import flail, play

RETURN_STEPS = 12


def staying(rows):
    """Return an arm that feels no outcome and so stays with its target."""
    arm = controller(rows)

    def policy(observation):
        return arm({**observation, "interoception": np.zeros((rows, 1))})

    return policy


def test_who_leaves_what_does_not_pay_beats_who_stays_and_flailing_earns_little():
    learning, _ = play("Reversal-v0", rows=24)
    stubborn, _ = play("Reversal-v0", staying(24), rows=24)
    flailing, _ = flail("Reversal-v0", rows=24)
    assert learning.mean() > 15.5 and learning.min() >= 13
    assert 8 < stubborn.mean() < 12
    assert flailing.mean() < 4


@pytest.fixture
def course():
    """All that 20 trials of an arm that learns tell, one entry per step: name -> [T, 8]."""
    env = envs.make_vec_env("Reversal-v0", 8, seed=1, num_threads=1)
    observation, policy, told = env.reset(), controller(8), []
    for _ in range(260):
        running = observation["goal"][:, 4]
        observation, reward, dones, _ = env.step(policy(observation))
        felt = observation["interoception"][:, 0]
        told.append({**env.engine.task.step_info(), "reward": reward, "felt": felt})
        told[-1] |= {"running": running, "after": observation["goal"][:, 4]}
        assert not dones.any()
    return {name: np.array([step[name] for step in told]) for name in told[0]}


def test_the_paying_target_swaps_several_times_after_four_to_eight_trials(course):
    for row in range(8):
        pays = [course["pays"][course["trial"][:, row] == n, row][0] for n in range(14)]
        swaps = np.flatnonzero(np.diff(pays)) + 1
        assert 1 <= len(swaps) <= 3
        assert np.isin(np.diff([0, *swaps]), range(4, 9)).all()
        trials = course["trial"][course["swapped"][:, row], row]
        assert {n for n in trials.tolist() if n < 14} == set(swaps.tolist())


def test_a_touch_is_paid_once_and_felt_until_the_next_trial(course):
    touched = course["choice"] >= 0
    paid = touched & (course["choice"] == course["pays"])
    np.testing.assert_array_equal(course["reward"], paid)
    assert 0 < paid.sum() < touched.sum()
    steps, rows = np.nonzero(touched[:-RETURN_STEPS])
    for step, row in zip(steps, rows, strict=True):
        after = slice(step, step + RETURN_STEPS)
        assert (course["felt"][after, row] == (1 if paid[step, row] else -1)).all()
        assert (course["after"][after, row] == 0).all()
        assert course["felt"][step + RETURN_STEPS, row] == 0
        assert course["after"][step + RETURN_STEPS, row] == 1


def test_the_arm_is_drawn_home_whatever_it_wants():
    env = envs.make_vec_env("Reversal-v0", 4, seed=0, num_threads=1)
    observation = env.reset()
    started, policy = 0, staying(4)
    for _ in range(120):
        before = observation["goal"][:, 4]
        observation = env.step(policy(observation))[0]
        starts = (before == 0) & (observation["goal"][:, 4] == 1)
        started += np.count_nonzero(starts)
        assert np.abs(observation["proprioception"][starts, :2]).max(initial=0) < 0.06
    assert started > 10


def test_a_trial_without_a_touch_ends_unpaid():
    env = envs.make_vec_env("Reversal-v0", 2, seed=0, num_threads=1)
    env.reset()
    felt = [env.step(np.zeros((2, 2), np.float32))[0]["interoception"][0, 0] for _ in range(41)]
    assert felt[26:28] == [0, -1] and felt[38:] == [-1, 0, 0]


def test_an_episode_ends_with_its_last_trial():
    env = envs.make_vec_env(
        "Reversal-v0", 1, num_threads=1, env_kwargs={"trials": 3, "swap_after": (1, 1)}
    )
    env.reset()
    dones = [env.step(np.zeros((1, 2), np.float32))[2][0] for _ in range(108)]
    assert np.flatnonzero(dones).tolist() == [107]  # three trials and two returns


@pytest.mark.parametrize("options", [{"trials": 0}, {"swap_after": (3, 2)}, {"swap_after": (0, 2)}])
def test_a_course_of_trials_that_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match="1 <= fewest <= most"):
        envs.make_vec_env("Reversal-v0", 1, env_kwargs=options)
