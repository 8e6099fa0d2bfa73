"""Differences told in a few words."""

import hashlib
from collections.abc import Sequence

MOST_DIFFERENCES = 3


def in_brief(told: Sequence[str]) -> list[str]:
    """Return differences, or the first few and a digest of all, which still tells them apart.

    Args:
        told: A phrase for each, such as `hidden_size=32`, always in the same order.
    """
    if len(told) <= MOST_DIFFERENCES:
        return list(told)
    digest = hashlib.sha256("\n".join(told).encode()).hexdigest()[:4]
    return [*told[:MOST_DIFFERENCES], f"{len(told) - MOST_DIFFERENCES} more, #{digest}"]
