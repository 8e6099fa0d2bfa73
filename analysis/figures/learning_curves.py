"""Returns while learning: against control steps, and against the time that they took."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from analysis.curves import align, band_of
from analysis.figures.axes import Panel, extent_of
from analysis.figures.palette import Colours
from analysis.groups import Group
from analysis.runs import Curve

POINTS = 120
TIMES = ((3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


def steps_panel(groups: Sequence[Group], colours: Colours) -> str:
    """Return a panel of returns against control steps, of groups in one body."""
    longest = max((group.budget for group in groups), default=0)
    unit, name = (1e6, "millions") if longest >= 2e5 else (1e3, "thousands")
    curves = {
        group.label: [
            Curve(run.curve.env_steps / unit, run.curve.returns)
            for run in group.runs
            if run.curve.env_steps.size
        ]
        for group in groups
    }
    return _panel(curves, colours, f"control steps, {name}", groups[0].env)


def time_panel(groups: Sequence[Group], colours: Colours) -> str:
    """Return a panel of returns against the time of training; empty if no run knows its time."""
    spent = [run.curve.wall_seconds for group in groups for run in group.runs]
    longest = max((seconds[-1] for seconds in spent if seconds.size), default=0.0)
    unit, name = next((size, name) for size, name in TIMES if longest > 2 * size or size == 1.0)
    curves = {
        group.label: [
            Curve(run.curve.wall_seconds / unit, run.curve.returns)
            for run in group.runs
            if run.curve.wall_seconds.size
        ]
        for group in groups
    }
    shared = {
        label: min((curve.env_steps[-1] for curve in members), default=0.0)
        for label, members in curves.items()
    }  # where the quick seeds have ended, the slow ones alone would tell nothing of the brain
    x_name = f"wall-clock of the training, {name}"
    return _panel(curves, colours, x_name, groups[0].env, shared)


def _panel(
    curves: dict[str, list[Curve]],
    colours: Colours,
    x_name: str,
    env: str,
    ends: Mapping[str, float] = MappingProxyType({}),
) -> str:
    """Draw a line per label: interquartile mean and interval; dotted where some runs are not.

    A label's line ends at `ends`, or else where its longest run does.
    """
    drawn = []
    for label, members in curves.items():
        if members:
            first = min(curve.env_steps[0] for curve in members)
            last = ends.get(label, max(curve.env_steps[-1] for curve in members))
            grid = np.linspace(first, last, POINTS)
            values = align(members, grid)
            drawn.append((label, grid, values, band_of(values)))
    if not drawn:
        return ""
    last = max(grid[-1] for _, grid, _, _ in drawn)
    heights = extent_of(*(part for _, _, _, band in drawn for part in band))
    panel = Panel((0.0, last), heights, x_name=x_name, y_name="return while exploring")
    for label, grid, _, band in drawn:
        panel.band(grid, band.low, band.high, colours[label])
    for label, grid, values, band in drawn:
        whole = np.isfinite(values).all(axis=1)
        panel.line(grid, band.value, colours[label], dotted=True)
        panel.line(grid, np.where(whole, band.value, np.nan), colours[label])
        panel.name(
            band.value[np.isfinite(band.value)][-1], colours.short(label), colours[label], label
        )
    names = ", ".join(label for label, _, _, _ in drawn)
    return panel.svg(f"{env}: return while exploring against {x_name} of {names}")
