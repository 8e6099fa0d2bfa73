"""Values with their intervals, a row each: returns, differences, probabilities."""

import html
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from analysis.figures.axes import WIDTH, extent_of, tick_text, ticks, widened
from analysis.statistics import Estimate

ROW = 38
ROOM = 29
"""Characters of a name that fit beside its numbers."""
LEFT, RIGHT = 14.0, WIDTH - 14.0


class Line(NamedTuple):
    """A row of the figure.

    Attributes:
        name: What it is about.
        estimate: Where it lies.
        text: The numbers in words.
        told: The whole name, where `name` is short.
        style: Class of the page that colours it.
    """

    name: str
    estimate: Estimate
    text: str
    told: str
    style: str


def forest(
    lines: Sequence[Line],
    *,
    axis: str,
    told: str,
    middle: float | None = None,
    extent: tuple[float, float] | None = None,
) -> str:
    """Return a picture with a row per line: name and numbers above, point and interval below.

    Args:
        lines: At least one.
        axis: What the axis tells, with its unit.
        told: What the picture shows, in words.
        middle: Where neither side is better; None if there is no such place.
        extent: Of the axis; None for what the values need.
    """
    values = np.array([number for line in lines for number in line.estimate])
    marks = np.array([] if middle is None else [middle])
    low, high = extent or widened(extent_of(values, marks), 0.03)
    bottom = ROW * len(lines) + 6

    def across(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * (value - low) / (high - low)

    parts = [
        f'<line class="grid" x1="{across(value):.1f}" x2="{across(value):.1f}" y1="0" '
        f'y2="{bottom}"/><text class="tick middle" x="{across(value):.1f}" y="{bottom + 15}">'
        f"{tick_text(value)}</text>"
        for value in ticks(low, high, 5)
    ]
    if middle is not None:
        parts.append(
            f'<line class="mark" x1="{across(middle):.1f}" x2="{across(middle):.1f}" y1="0" '
            f'y2="{bottom}"/>'
        )
    parts += [_row(line, index, across) for index, line in enumerate(lines)]
    parts.append(
        f'<text class="tick middle" x="{WIDTH / 2}" y="{bottom + 33}">{html.escape(axis)}</text>'
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {bottom + 40}" role="img" aria-label="{html.escape(told)}">'
        f"{''.join(parts)}</svg>"
    )


def _row(line: Line, index: int, across: Callable[[float], float]) -> str:
    written, drawn = ROW * index + 16, ROW * index + 27
    value, low, high = line.estimate
    bar = ""
    if math.isfinite(low) and math.isfinite(high):
        bar = (
            f'<line class="bar" x1="{across(low):.1f}" x2="{across(high):.1f}" '
            f'y1="{drawn}" y2="{drawn}"/>'
        )
    return (
        f'<g class="{line.style}"><title>{html.escape(f"{line.told}: {line.text}")}</title>'
        f'<text class="name halo" x="{LEFT}" y="{written}">'
        f"{html.escape(line.name)}</text>"
        f'<text class="number halo" x="{RIGHT}" y="{written}">{html.escape(line.text)}</text>'
        f'{bar}<circle class="dot" cx="{across(value):.1f}" cy="{drawn}" r="4.5"/></g>'
    )
