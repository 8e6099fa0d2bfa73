"""Drawing from one generator per row, and writing generators down."""

import json

import numpy as np
import pytest

from envs import generators
from envs.generators import (
    draw_uniform,
    draw_uniform_and_normal,
    generator_from_state,
    generator_state,
)


def fresh():
    return [np.random.default_rng(seed) for seed in range(20)]


@pytest.mark.parametrize("rounds_once", [True, False])
def test_draws_over_rows_equal_those_of_each_generator_to_the_last_bit(rounds_once, monkeypatch):
    if not generators._UNIFORM_ROUNDS_ONCE:  # where it does, two roundings would differ
        monkeypatch.setattr(generators, "_UNIFORM_ROUNDS_ONCE", rounds_once)
    rows, alone = fresh(), fresh()
    for low, high in ((-0.1, 0.1), (-0.005, 0.3)):
        expected = [generator.uniform(low, high, 7) for generator in alone]
        np.testing.assert_array_equal(draw_uniform(rows, low, high, 7), expected)
    expected = [
        np.r_[generator.uniform(-0.1, 0.1, 3), 0.1 * generator.standard_normal(5)]
        for generator in alone
    ]
    np.testing.assert_array_equal(draw_uniform_and_normal(rows, 0.1, 3, 5), expected)


def test_a_generator_written_as_json_goes_on_where_it_was():
    generator = np.random.default_rng(3)
    generator.integers(5, size=3, dtype=np.int32)  # leaves half of a draw behind
    again = generator_from_state(json.loads(json.dumps(generator_state(generator))))
    for draw in ("random", "standard_normal"):
        np.testing.assert_array_equal(getattr(again, draw)(9), getattr(generator, draw)(9))
    np.testing.assert_array_equal(
        again.integers(99, size=9, dtype=np.int32), generator.integers(99, size=9, dtype=np.int32)
    )


def test_another_kind_of_generator_is_refused():
    with pytest.raises(ValueError, match="expected a PCG64 generator, got MT19937"):
        generator_state(np.random.Generator(np.random.MT19937(0)))
