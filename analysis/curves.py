"""Learning curves: a panel per body, a line per brain, a band for what few seeds leave open."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.groups import Group
from analysis.runs import Curve, Floats
from analysis.statistics import Band, bootstrap_band

POINTS = 200
MOST_COLUMNS = 3
PANEL_INCHES = (4.6, 3.4)
PALETTE = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#332288",
    "#999933", "#882255",
)  # fmt: skip
"""Colours that differ for colour-blind readers too (Okabe and Ito, then Tol)."""
OWN_COLOURS = {
    "spiking": "#d55e00", "mlp": "#0072b2", "gru": "#009e73", "lstm": "#cc79a7", "full": "#332288",
    "sb3_ppo": "#7f7f7f", "sb3_recurrent_ppo": "#e69f00", "sb3_sac": "#56b4e9",
}  # fmt: skip
"""Brains that look the same in every figure."""


def draw_curves(groups: Sequence[Group], path: Path) -> None:
    """Draw the learning curves of groups of runs.

    The line is the interquartile mean over seeds of the return while exploring, the band its
    bootstrap interval. Where some runs have ended or not got to, the line is dotted and tells of
    those that are left.

    Args:
        groups: Runs, grouped.
        path: The PNG file to write.
    """
    drawn = [group for group in groups if any(run.curve.env_steps.size for run in group.runs)]
    bodies = list(dict.fromkeys(group.env for group in drawn))
    columns = max(1, min(MOST_COLUMNS, len(bodies)))
    rows = max(1, -(-len(bodies) // columns))
    width, height = PANEL_INCHES
    figure = Figure((width * columns, height * rows + 0.8), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    colours = colours_of([group.label for group in drawn])
    for panel, body in zip(panels, bodies, strict=False):
        for group in (group for group in drawn if group.env == body):
            _draw_group(panel, group, colours[group.label])
        _finish_panel(panel, body)
    for panel in panels[len(bodies) :]:
        panel.set_axis_off()
    if not bodies:
        panels[0].text(0.5, 0.5, "no episode has ended yet", ha="center", va="center")
    handles = [
        Line2D([], [], color=colour, lw=2.2, label=label) for label, colour in colours.items()
    ]
    if handles:
        width = min(len(handles), 2 * columns)
        figure.legend(handles=handles, loc="outside lower center", ncols=width, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.writing.png")
    figure.savefig(aside)
    aside.replace(path)


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """Return a colour per label, in alphabetical order; well-known brains keep theirs."""
    ordered = sorted(set(labels))
    taken = {OWN_COLOURS[label] for label in ordered if label in OWN_COLOURS}
    free = [colour for colour in PALETTE if colour not in taken] or list(PALETTE)
    others = [label for label in ordered if label not in OWN_COLOURS]
    chosen = {label: free[index % len(free)] for index, label in enumerate(others)}
    return {label: OWN_COLOURS.get(label) or chosen[label] for label in ordered}


def align(curves: Sequence[Curve], grid: Floats) -> Floats:
    """Return curves at common steps, [points, runs]; nan before and after what a curve tells."""
    return np.stack(
        [
            np.interp(grid, curve.env_steps, curve.returns, left=np.nan, right=np.nan)
            for curve in curves
        ],
        axis=-1,
    )


def band_of(values: Floats) -> Band:
    """Return interquartile mean and interval at each point, over the runs that are known there.

    Args:
        values: Curves, [points, runs]; nan where unknown.
    """
    known = np.isfinite(values)
    band = Band(*(np.full(len(values), np.nan) for _ in range(3)))
    for pattern in np.unique(known, axis=0):
        points = (known == pattern).all(axis=1)
        if not pattern.any():
            continue
        part = bootstrap_band([values[points][:, pattern]])
        for whole, piece in zip(band, part, strict=True):
            whole[points] = piece
    return band


def _draw_group(panel: Axes, group: Group, colour: str) -> None:
    curves = [run.curve for run in group.runs if run.curve.env_steps.size]
    first = min(curve.env_steps[0] for curve in curves)
    last = max(curve.env_steps[-1] for curve in curves)
    grid = np.linspace(first, last, POINTS)
    values = align(curves, grid)
    band = band_of(values)
    millions = grid / 1e6
    whole = np.isfinite(values).all(axis=1)
    panel.fill_between(millions, band.low, band.high, color=colour, alpha=0.18, lw=0)
    panel.plot(millions, band.value, color=colour, lw=1.0, ls=":")
    panel.plot(millions, np.where(whole, band.value, np.nan), color=colour, lw=1.8)


def _finish_panel(panel: Axes, body: str) -> None:
    panel.set_title(body, fontsize=11)
    panel.set_xlabel("control steps, millions")
    panel.set_ylabel("return while exploring")
    panel.grid(alpha=0.25, lw=0.6)
    panel.spines[["top", "right"]].set_visible(False)
    panel.margins(x=0.01)
