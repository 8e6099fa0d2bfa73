"""Learning rates of parts relative to the rest: those that parts set, and those asked for."""

from collections.abc import Iterable, Mapping
from typing import Union

from torch import nn

Paces = Mapping[str, Union[float, "Paces"]]
"""Nested as parts are, such as `{"controller": {"input": 0.1}}`. Names that a part does not have
are passed over, since another option of that part may have them."""


def check_paces(paces: Paces, parts: Iterable[str]) -> None:
    """Raise `ValueError` if a part is named that no brain has."""
    known = sorted(set(parts))
    if unknown := sorted(set(paces) - set(known)):
        raise ValueError(f"paces names {unknown[0]!r}, but a brain has {known}")


def pace_of(module: nn.Module, name: str, paces: Paces) -> float:
    """Return the learning rate of a parameter relative to the rest.

    Args:
        module: What it is a parameter of. A submodule may have `rate_scales`, by parameter.
        name: Its full name.
        paces: Multiplied with those.
    """
    owner, _, leaf = name.rpartition(".")
    scales: Mapping[str, float] = getattr(module.get_submodule(owner), "rate_scales", {})
    pace: Paces | float = paces
    for part in name.split("."):
        if isinstance(pace, float | int):
            break
        pace = pace.get(part, 1.0)
    return scales.get(leaf, 1.0) * (pace if isinstance(pace, float | int) else 1.0)
