"""Measures of adaptation, on traces made by hand."""

import math

import numpy as np
import pytest

from agents.reward_traces import Trace
from analysis.adaptation import adaptation, aligned, as_line


def trace(*pieces, onset, end=None, terminated=False):
    """Return a trace of pieces (reward, steps)."""
    rewards = np.concatenate([np.full(steps, float(reward)) for reward, steps in pieces])
    return Trace(rewards, onset, end, terminated)


def measure(*traces):
    return adaptation(traces, window=20, instant=5)


def test_a_drop_that_is_partly_regained_and_leaves_an_after_effect():
    told = measure(trace((1, 20), (5, 80), (1, 30), (4, 70), (3, 10), (5, 90), onset=100, end=200))
    assert told.before == 5
    assert told.drop == 4
    assert told.loss == 1
    # The running mean of five steps is at 1 + 0.9 · 3 with five steps of the plateau in it.
    assert told.steps_to_plateau == 34
    assert told.area_lost == 4 * 30 + 1 * 70
    assert told.after_effect == 2
    assert (told.episodes, told.unchanged) == (1, 0)


def test_a_straight_way_back_is_nine_tenths_made_after_nine_tenths_of_it():
    rewards = np.concatenate([np.full(50, 10.0), np.linspace(0, 10, 101), np.full(100, 10.0)])
    told = adaptation([Trace(rewards, 50, None, False)], window=20, instant=1)
    assert told.drop == 10
    assert told.steps_to_plateau == 90
    assert told.loss == 0
    assert told.area_lost == pytest.approx(505)
    assert math.isnan(told.after_effect)


def test_a_body_that_is_no_worse_has_lost_nothing():
    told = measure(trace((2, 200), onset=100))
    assert (told.drop, told.loss, told.area_lost) == (0, 0, 0)
    assert math.isnan(told.steps_to_plateau)
    assert "nothing regained" in as_line(told)


def test_a_body_that_gets_worse_and_worse_regains_nothing():
    rewards = np.concatenate([np.full(50, 3.0), np.linspace(3, 0, 50)])
    told = adaptation([Trace(rewards, 50, None, False)], window=10, instant=5)
    assert told.drop < told.loss
    assert math.isnan(told.steps_to_plateau)


def test_rewards_below_zero_are_measured_alike():
    above = measure(trace((5, 100), (1, 30), (4, 70), onset=100))
    below = measure(trace((-5, 100), (-9, 30), (-6, 70), onset=100))
    assert below._replace(before=above.before) == pytest.approx(above, nan_ok=True)


def test_episodes_are_aligned_at_their_onsets_and_ends():
    early = trace((1, 10), (2, 30), (3, 60), onset=10, end=40)
    late = trace((1, 50), (4, 30), (3, 20), onset=50, end=80)
    before, under, after = aligned([early, late])
    assert before.tolist() == [1] * 10
    assert under.tolist() == [3] * 30
    assert after.tolist() == [3] * 20


def test_a_body_that_falls_earns_nothing_from_then_on():
    falls = trace((2, 100), (2, 10), onset=100, terminated=True)
    stands = trace((2, 200), onset=100)
    told = measure(falls, stands)
    assert told.area_lost == 2 * 90 / 2
    assert told.loss == 1
    assert told.drop == 0


def test_bodies_that_all_fall_go_on_losing_until_the_clock_would_have_ended_their_episodes():
    def falls(onset):
        return trace((2, onset + 5), onset=onset, terminated=True)._replace(time_limit=200)

    told = measure(falls(60), falls(100))
    assert told.area_lost == 2 * 95
    assert told.loss == 2
    assert told.drop == 0
    one_stands = measure(falls(60), trace((2, 200), onset=100))
    assert one_stands.area_lost == told.area_lost / 2


def test_episodes_that_end_before_the_change_are_counted_and_left_out():
    told = measure(trace((2, 30), onset=100, terminated=True), trace((2, 200), onset=100))
    assert (told.episodes, told.unchanged) == (1, 1)
    assert "1 of 2 episodes ended before the change" in as_line(told)
    none = measure(trace((2, 30), onset=100, terminated=True))
    assert none.episodes == 0 and math.isnan(none.before)
    assert as_line(none) == "no episode lived to see the change (1 ended before)"


def test_a_change_from_the_first_step_has_nothing_to_be_compared_with():
    told = measure(trace((1, 30), (4, 70), onset=0))
    assert math.isnan(told.before) and math.isnan(told.drop)
    assert told.steps_to_plateau == 34
    assert "from the first step" in as_line(told)


def test_a_transient_shorter_than_the_windows_is_measured_by_what_there_is():
    told = measure(trace((5, 100), (1, 3), (4, 2), (5, 95), onset=100, end=103))
    assert told.drop == told.loss == 4
    assert told.area_lost == 12
    assert told.after_effect == pytest.approx(2 / 5)


def test_windows_without_steps_are_refused():
    with pytest.raises(ValueError, match="at least 1, got 0 and 5"):
        adaptation([], window=0, instant=5)
