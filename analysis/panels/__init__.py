"""Panels that show signals of a brain: one for whatever signals there are, none for others."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.panels.base import Panel
from analysis.panels.heat import Heat
from analysis.panels.lines import Line, Modulators, PredictionErrors
from analysis.panels.raster import Raster

KINDS: tuple[type[Panel], ...] = (Raster, Heat, Modulators, PredictionErrors, Line)
"""From the top; a kind that comes later is left what the earlier ones do not claim."""


def panels_for(
    signals: Mapping[str, NDArray[Any]], orders: Mapping[str, NDArray[np.int64]] | None = None
) -> list[Panel]:
    """Return the panels for the signals that there are.

    Args:
        signals: A first value of each, [] or [n].
        orders: The order in which units are shown, by signal; others stay as they are numbered.
    """
    taken, made = set[str](), list[Panel]()
    for kind in KINDS:
        for names in kind.claim(signals):
            if taken.isdisjoint(names):
                made.append(kind(names, signals, orders or {}))
                taken.update(names)
    return made
