"""A range and a choice try only what they say, and are refused where they say nothing sensible."""

import pytest

pytest.importorskip("optuna", reason="the search extra is not installed")

from agents.errors import UsageError
from search.space import Choices, Range, read_dimension


def test_whole_ends_of_a_whole_key_are_whole_and_of_any_other_key_are_not():
    assert read_dimension("a", {"low": 1, "high": 3}, 2) == Range(1, 3, log=False, whole=True)
    assert not read_dimension("a", {"low": 1, "high": 3}, 2.0).whole
    assert not read_dimension("a", {"low": 1.0, "high": 3.0, "log": True}, 2).whole


def test_a_number_is_written_with_four_digits_and_stays_between_its_ends():
    rate = Range(1e-4, 3e-3, log=True, whole=False)
    assert rate.text(0.000123456) == "0.0001235"
    assert rate.text(0.00299999999) == "0.003"
    assert (rate.encode(0.003), rate.encode(0.0031), rate.encode("fast")) == (0.003, None, None)


def test_choices_are_written_as_a_command_line_takes_them():
    choices = read_dimension("a", {"choices": [True, None, [0.5, 2], "gru", 0.25]}, None)
    assert choices == Choices(("true", "null", "[0.5,2]", "gru", "0.25"))
    assert choices.encode([0.5, 2]) == "[0.5,2]"
    assert choices.encode("lstm") is None


@pytest.mark.parametrize(
    ("described", "told"),
    [
        (3, "needs {low"),
        ({"low": 1}, "needs {low"),
        ({"choices": []}, "needs {low"),
        ({"low": 1, "high": 2, "lg": True}, "needs {low"),
        ({"low": 2, "high": 1}, "low of a.b must be below high"),
        ({"low": "x", "high": 1}, "low of a.b must be below high"),
        ({"low": 0.0, "high": 1.0, "log": True}, "log of a.b needs low above 0"),
    ],
)
def test_a_description_that_says_nothing_sensible_is_refused(described, told):
    with pytest.raises(UsageError, match=told) as error:
        read_dimension("a.b", described, 1.0)
    assert "\n" not in str(error.value)
