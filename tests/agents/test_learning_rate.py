import pytest

from agents.learning_rate import KLAdaptiveRate, LinearRate, as_learning_rate
from brains.factory import factory_from_config


def adaptive(**changes):
    options = {"initial": 4e-4, "minimum": 1e-4, "maximum": 8e-4, "kl_low": 0.01, "kl_high": 0.02}
    return KLAdaptiveRate(**{**options, "factor": 2.0, "anneal": False, **changes})


def test_the_rate_falls_after_a_large_move_and_rises_after_a_small_one():
    rate = adaptive()
    rate.observe(0.05)
    assert rate.rate(1.0) == pytest.approx(2e-4)
    rate.observe(0.001)
    rate.observe(0.001)
    assert rate.rate(1.0) == pytest.approx(8e-4)


def test_the_rate_stays_within_its_bounds_and_within_the_band():
    rate = adaptive()
    for _ in range(9):
        rate.observe(1.0)
    assert rate.rate(1.0) == pytest.approx(1e-4)
    rate.observe(0.015)
    assert rate.rate(1.0) == pytest.approx(1e-4)


def test_annealing_ends_at_zero():
    assert adaptive(anneal=True).rate(0.25) == pytest.approx(1e-4)
    assert LinearRate(initial=1e-3).rate(0.0) == 0.0


def test_the_rate_goes_on_where_its_state_was_read():
    rate, other = adaptive(), adaptive()
    rate.observe(1.0)
    other.load_training_state(rate.training_state())
    assert other.rate(1.0) == rate.rate(1.0)


@pytest.mark.parametrize("schedule", [adaptive(), LinearRate(initial=1e-3), as_learning_rate(3e-4)])
def test_a_description_builds_an_equal_schedule(schedule):
    built = factory_from_config(schedule.description(), trusted=("agents.learning_rate.",))()
    assert type(built) is type(schedule)
    assert vars(built) == vars(schedule)


@pytest.mark.parametrize(
    "bad", [{"initial": 1.0}, {"kl_low": 0.5}, {"factor": 1.0}, {"minimum": 0.0}]
)
def test_impossible_schedules_are_refused(bad):
    with pytest.raises(ValueError, match="got"):
        adaptive(**bad)
