"""Variants of a challenge, and which of them training never meets."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["all", "train", "test"]
HeldOut = Sequence[int] | float | None
"""Indices of variants, those below zero counted from the end; or a share; or none."""


def held_out_variants(count: int, held_out: HeldOut) -> NDArray[np.int64]:
    """Return the variants that are kept for testing, sorted.

    A share is rounded, at least one, and chosen by a shuffle that depends on the count alone. What
    would leave nothing to train on, as the only leg of a hopper, is not held out.

    Args:
        count: Number of variants.
        held_out: Which of them, or what share.

    Raises:
        ValueError: There is no variant of some index, or the share is outside [0, 1).
    """
    if held_out is None or count < 2:
        return np.zeros(0, np.int64)
    if isinstance(held_out, int | float):
        if not 0 <= held_out < 1:
            raise ValueError(f"held_out must be a share in [0, 1) or a list, got {held_out}")
        size = max(1, round(held_out * count)) if held_out else 0
        shuffled = np.random.default_rng(count).permutation(count)
        return np.sort(shuffled[: min(size, count - 1)])
    for index in held_out:
        if not -count <= index < count:
            raise ValueError(f"held_out names variant {index}, but there are {count}")
    chosen = np.unique([index % count for index in held_out]).astype(np.int64)
    return chosen if chosen.size < count else np.zeros(0, np.int64)


def allowed_variants(count: int, split: Split, held_out: HeldOut) -> NDArray[np.int64]:
    """Return the variants of a split, sorted: `train` and `test` are disjoint, `all` has both.

    Where nothing is held out every split has all.
    """
    every = np.arange(count)
    tested = held_out_variants(count, held_out)
    if split not in ("all", "train", "test"):
        raise ValueError(f"split must be all, train or test, got {split!r}")
    if split == "all" or not tested.size:
        return every
    return tested if split == "test" else np.setdiff1d(every, tested)
