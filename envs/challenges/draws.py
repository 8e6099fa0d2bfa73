"""Random numbers that are looked up, not drawn in turn: one key per row, a counter, no state.

A generator per row would need a loop over rows in every step; one generator for all rows would tie
them together. Here the number of row i at step t in column d is a hash of (key_i, t, d):

    number(key, n) = finalise(key + (n + 1) · golden)        n = 2²⁴ step + column

which is SplitMix64 jumped to its n-th output. Each row gets a new key with each episode, so rows
know nothing of each other, of their number, or of when others start again.

Source: Steele, Lea and Flood 2014, doi:10.1145/2714064.2660195.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]
"""One key per row, [n]; any 64 bits."""

AT_START = 1 << 33
"""A step that no episode reaches, for what is drawn once per episode."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_STEP = np.uint64(1 << 24)


def uniform(keys: Keys, steps: NDArray[np.int64] | int, size: int) -> NDArray[np.float64]:
    """Return numbers between 0 and 1, both excluded, [n, size].

    Args:
        keys: One per row, [n].
        steps: Which draw of the episode this is, [n] or one for all rows.
        size: Numbers per row, fewer than 2²⁴.
    """
    return ((_bits(keys, steps, size) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normal(keys: Keys, steps: NDArray[np.int64] | int, size: int) -> NDArray[np.float64]:
    """Return numbers from the standard normal distribution, [n, size]; arguments as above."""
    from scipy.special import ndtri  # which those without noise need not wait for

    return ndtri(uniform(keys, steps, size))


def derived(keys: Keys, name: str) -> Keys:
    """Return other keys, [n], that belong to a name: streams that know nothing of each other."""
    salt = np.uint64(0)
    for letter in name.encode():
        salt = _finalise(np.atleast_1d(salt ^ np.uint64(letter)) + _GOLDEN)[0]
    return _finalise(keys.view(np.uint64) ^ salt).view(np.int64)


def _bits(keys: Keys, steps: NDArray[np.int64] | int, size: int) -> NDArray[np.uint64]:
    # Arrays wrap round silently where single numbers would warn.
    first = keys.view(np.uint64) + np.atleast_1d(steps).astype(np.uint64) * _STEP * _GOLDEN
    return _finalise(first[:, np.newaxis] + _columns(size))


@lru_cache(maxsize=64)
def _columns(size: int) -> NDArray[np.uint64]:
    return np.arange(1, size + 1, dtype=np.uint64) * _GOLDEN


def _finalise(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix bits so that neighbours have nothing in common; writes into a new array."""
    bits = bits ^ (bits >> np.uint64(30))
    bits *= _FIRST
    bits ^= bits >> np.uint64(27)
    bits *= _SECOND
    bits ^= bits >> np.uint64(31)
    return bits
