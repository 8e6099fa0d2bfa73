"""Bounded terms of reward."""

import numpy as np

_VALUE_AT_MARGIN = 0.1


def tolerance(
    values: np.ndarray, *, low: float = 0.0, high: float = 0.0, margin: float
) -> np.ndarray:
    """Return 1 inside [low, high], falling smoothly outside: 0.1 at a distance of `margin`.

        d = distance to [low, high] / margin          t = exp(-ln(10) d²)

    Rewards that are products of such terms stay in [0, 1] and need every term at once.

    Args:
        values: Any shape.
        low: Lower end of what is as good as can be.
        high: Upper end of it.
        margin: Distance at which the term has fallen to 0.1, in the unit of the values.

    Raises:
        ValueError: The interval is empty or the margin not positive.

    Source: the Gaussian tolerance of Tassa et al. 2018, arXiv:1801.00690.
    """
    if low > high or margin <= 0:
        raise ValueError(
            f"tolerance needs low <= high and margin > 0, got [{low}, {high}] and {margin}"
        )
    distance = np.maximum(np.maximum(low - values, values - high), 0.0) / margin
    return np.exp(np.log(_VALUE_AT_MARGIN) * distance**2)
