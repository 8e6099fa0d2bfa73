"""What a return costs: a point per brain, return upwards, cost to the right."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.figures.axes import Panel, extent_of
from analysis.figures.palette import Colours
from analysis.statistics import Estimate
from analysis.tables import estimate_text


class Priced(NamedTuple):
    """A brain's return and what an action of it costs."""

    label: str
    returned: Estimate
    cost: float


def tradeoff_panel(brains: Sequence[Priced], colours: Colours, *, cost: str, env: str) -> str:
    """Return a panel of returns against costs.

    Args:
        brains: At least one, with positive costs.
        colours: Of the brains.
        cost: What the cost is, with its unit.
        env: The body.
    """
    heights = extent_of(*(np.array(brain.returned) for brain in brains))
    prices = [brain.cost for brain in brains]
    panel = Panel(
        (min(prices), max(prices)), heights, x_name=f"{cost}, logarithmic",
        y_name="deterministic return", logarithmic=True,
    )  # fmt: skip
    for brain in brains:
        value, low, high = brain.returned
        told = f"{brain.label}: return {estimate_text(brain.returned)} at {brain.cost:,.4g} {cost}"
        panel.point(brain.cost, value, low, high, colours[brain.label], told)
        panel.name(value, colours.short(brain.label), colours[brain.label], brain.label)
    return panel.svg(f"{env}: deterministic return against {cost}")


def affordable(brains: Sequence[Priced]) -> list[Priced]:
    """Return those whose return and cost are known, and whose cost a logarithm can show."""
    return [b for b in brains if math.isfinite(b.returned.value) and b.cost > 0]
