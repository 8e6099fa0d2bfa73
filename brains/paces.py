"""Learning rates of parts relative to the rest: those that parts set, and those asked for."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Union

from torch import nn

Paces = Mapping[str, Union[float, "Paces"]]
"""Nested as parts are, such as `{"controller": {"input": 0.1}}`. Names that a part does not have
are passed over, since another option of that part may have them."""


def check_paces(paces: Mapping[str, Any], parts: Iterable[str]) -> None:
    """Raise a ValueError if a part is named that no brain has, or a pace is no learning rate."""
    known = sorted(parts)
    if unknown := sorted(map(str, set(paces) - {*known})):
        near = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"paces names {unknown[0]!r}, but a brain has {known}{hint}")
    _require_rates(paces, "paces")


def _require_rates(paces: Mapping[str, Any], path: str) -> None:
    for name, pace in paces.items():
        if isinstance(pace, Mapping):
            _require_rates(pace, f"{path}.{name}")
        elif isinstance(pace, bool) or not isinstance(pace, float | int) or not pace >= 0:
            raise ValueError(f"{path}.{name} must be a number of at least 0, got {pace!r}")


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
