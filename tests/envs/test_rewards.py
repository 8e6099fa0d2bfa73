"""Bounded terms of reward."""

import numpy as np
import pytest

from envs.rewards import tolerance


def test_a_term_is_one_inside_a_tenth_at_the_margin_and_symmetric():
    values = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    terms = tolerance(values, low=-1.0, high=1.0, margin=1.0)
    np.testing.assert_allclose(terms, [0.1, 1, 1, 1, 0.1])


@pytest.mark.parametrize("options", [{"low": 1.0, "margin": 1.0}, {"margin": 0.0}])
def test_an_empty_interval_or_margin_is_refused(options):
    with pytest.raises(ValueError, match="low <= high and margin > 0"):
        tolerance(np.zeros(1), **options)
