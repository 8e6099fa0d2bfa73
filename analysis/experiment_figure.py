"""The figure of an experiment: final returns, and where there are such, onsets and energies."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis.compare import Comparison, Row
from analysis.curves import colours_of
from analysis.figures.onset import mean_onset
from analysis.groups import Group
from analysis.measures import is_energy

LineStyle = str | tuple[int, tuple[int, ...]]

PANEL_INCHES = (4.8, 3.0)
LEGEND_INCHES = 0.24
TITLE_WIDTH = 52  # characters of a line
DASHES = ("--", ":", "-.", (0, (6, 2, 1, 2, 1, 2)))  # of what a brain's lesions leave of it


class Style(NamedTuple):
    """How a brain is drawn: a lesioned one in the colour of the whole, hollow and dashed."""

    colour: str
    dash: LineStyle = "-"

    @property
    def fill(self) -> str:
        """What is inside its mark."""
        return self.colour if self.dash == "-" else "white"


def styles_of(labels: Sequence[str]) -> dict[str, Style]:
    """Return how each brain is drawn; `full, modulator_clamped` is `full` with a lesion."""
    known = set(labels)
    whole = {label: max(_beginnings(label) & known, key=len, default="") for label in known}
    colours = colours_of([label for label in known if not whole[label]])
    styles = {label: Style(colour) for label, colour in colours.items()}
    for label, colour in colours.items():
        lesioned = sorted(name for name in known if whole[name] == label)
        styles.update(
            {name: Style(colour, DASHES[at % len(DASHES)]) for at, name in enumerate(lesioned)}
        )
    return styles


def _beginnings(label: str) -> set[str]:
    parts = label.split(", ")
    return {", ".join(parts[:length]) for length in range(1, len(parts))}


def draw_experiment(comparison: Comparison, path: Path, *, title: str, with_energy: bool) -> None:
    """Draw a figure with a row per body and test.

    First the deterministic return of each brain: the interquartile mean over seeds, its bootstrap
    interval and, small, the seeds; a lesioned brain is hollow and dashed. Then the reward per step
    around a change in mid-episode. Then, if asked, the return against the energy of an action, a
    panel per set of constants.

    Args:
        comparison: What was compared.
        path: The PNG file to write.
        title: Of the figure.
        with_energy: Whether energy is what is asked.
    """
    bodies: dict[str, list[Group]] = {}
    for group in comparison.groups:
        bodies.setdefault(group.env, []).append(group)
    styles = styles_of([group.label for group in comparison.groups])
    energies = sorted({name for row in comparison.rows for name in row.measures if is_energy(name)})
    energies = energies if with_energy else []
    onsets = any(mean_onset(group) is not None for group in comparison.groups)
    columns = 1 + onsets + len(energies)
    width, height = PANEL_INCHES
    tallest = max(map(len, bodies.values()), default=1)
    height = max(height, 0.8 + LEGEND_INCHES * tallest)
    inches = (width * columns + 1.5, height * max(1, len(bodies)) + 0.6)
    figure = Figure(inches, layout="constrained", dpi=130)
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    panels = figure.subplots(len(bodies), columns, squeeze=False)
    for line, (env, groups) in zip(panels, bodies.items(), strict=True):
        rows = [row for row in comparison.rows if row.env == env]
        _returns(line[0], groups, rows, styles)
        line[0].set_title(_wrapped(env), fontsize=8)
        if onsets:
            _onset(line[1], groups, styles)
        for panel, name in zip(line[1 + onsets :], energies, strict=True):
            _energy(panel, rows, name, styles)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.writing.png")
    figure.savefig(aside)
    aside.replace(path)


def _returns(
    panel: Axes, groups: Sequence[Group], rows: Sequence[Row], styles: dict[str, Style]
) -> None:
    labels = [row.label for row in rows]
    for at, (row, group) in enumerate(zip(rows, groups, strict=True)):
        value, low, high = row.returns["deterministic"]
        scores, style = group.scores("deterministic"), styles[row.label]
        panel.plot(scores, np.full(scores.size, at), "|", color=style.colour, ms=9, alpha=0.7)
        panel.plot([low, high], [at, at], color=style.colour, lw=2.5, alpha=0.6, ls=style.dash)
        panel.plot([value], [at], "o", color=style.colour, mfc=style.fill, ms=6)
    panel.set_yticks(range(len(labels)), labels, fontsize=7)
    panel.invert_yaxis()
    panel.set_xlabel("deterministic return", fontsize=8)
    _finish(panel)


def _onset(panel: Axes, groups: Sequence[Group], styles: dict[str, Style]) -> None:
    for group in groups:
        told = mean_onset(group)
        if told is not None:
            style = styles[group.label]
            width = 1.6 if style.dash == "-" else 1.0
            panel.plot(*told, color=style.colour, lw=width, ls=style.dash)
    panel.axvline(0.0, color="#333333", lw=0.9, ls=":")
    panel.set_xlabel("control steps after the onset", fontsize=8)
    panel.set_ylabel("reward per step", fontsize=8)
    _finish(panel)


def _energy(panel: Axes, rows: Sequence[Row], name: str, styles: dict[str, Style]) -> None:
    for row in rows:
        cost = row.measures.get(name)
        value, low, high = row.returns["deterministic"]
        if cost is None or not cost.value > 0:
            continue
        style = styles[row.label]
        panel.plot([cost.value] * 2, [low, high], color=style.colour, lw=2.0, alpha=0.6)
        panel.plot([cost.value], [value], "o", color=style.colour, mfc=style.fill, ms=6)
        panel.annotate(
            row.label, (cost.value, value), xytext=(5, 3), textcoords="offset points", fontsize=6
        )
    panel.set_xscale("log")
    panel.margins(x=0.25)
    panel.set_xlabel(name, fontsize=8)
    panel.set_ylabel("deterministic return", fontsize=8)
    _finish(panel)


def _finish(panel: Axes) -> None:
    panel.grid(alpha=0.25, lw=0.6)
    panel.tick_params(labelsize=7)
    panel.spines[["top", "right"]].set_visible(False)


def _wrapped(text: str) -> str:
    """Return a text over several lines, broken at its commas."""
    parts = text.split(", ")
    lines = [parts[0]]
    for _, part in pairwise(parts):
        if len(lines[-1]) + len(part) > TITLE_WIDTH:
            lines.append(part)
        else:
            lines[-1] += f", {part}"
    return ",\n".join(lines)
