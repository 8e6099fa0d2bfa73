"""Plain values against declared types."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest

from envs.declared_types import as_declared, constrains, fits, in_words


@pytest.mark.parametrize(
    ("hint", "right", "wrong", "words"),
    [
        (int, [3, 3.0, np.int64(3)], [2.5, True, "3", None, math.nan], "a whole number"),
        (float, [1, 0.5, np.float32(0.5), math.inf], [True, "1", None, [1.0]], "a number"),
        (bool, [True, np.bool_(False)], [0, 1.0, "false", None], "true or false"),
        (str, ["a"], [1, None, ["a"]], "text"),
        (int | None, [1, None], ["a", 0.5], "a whole number or null"),
        (Literal["a", "b"], ["a"], ["c", 1], "one of a, b"),
        (Sequence[int], [[], [1], (1, 2)], [1, [0.5], "12"], "a list of a whole number"),
        (
            tuple[float, float],
            [[0, math.inf], (1.0, 2.0), np.array([0.5, 1.0])],
            [0.7, [1.0], [1, 2, 3], [1, "a"], None],
            "a list of 2 numbers",
        ),
        (tuple[int, ...], [[], [1, 2, 3]], [["a"], 1], "a list of a whole number"),
    ],
)
def test_a_type_takes_its_own_values_and_no_others(hint, right, wrong, words):
    assert all(fits(value, hint) for value in right)
    assert not any(fits(value, hint) for value in wrong)
    assert constrains(hint)
    assert in_words(hint) == words


@pytest.mark.parametrize(
    ("value", "hint", "declared"),
    [
        (4.0, int, 4),
        (4.0, float, 4.0),
        (4.0, int | float, 4.0),
        (4.0, int | str, 4),
        ([4.0, 8.0], tuple[int, int], (4, 8)),
        ([4, 8.0], tuple[float, float], (4, 8.0)),
        ([4.0], list[float], [4.0]),
    ],
)
def test_whole_floats_become_integers_and_lists_tuples_where_these_are_meant(value, hint, declared):
    found = as_declared(value, hint)
    assert (found, type(found)) == (declared, type(declared))
    if isinstance(declared, tuple):
        assert list(map(type, found)) == list(map(type, declared))
