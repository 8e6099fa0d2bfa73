"""A panel: two axes, lines, bands, points, and names written where the lines end."""

import html
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH, HEIGHT = 400, 270
LINE_HEIGHT = 14


class Panel:
    """An SVG picture under construction.

    Args:
        x: Least and greatest value along the horizontal axis.
        y: Least and greatest value along the vertical axis.
        x_name: What the horizontal axis tells, with its unit.
        y_name: What the vertical axis tells, with its unit.
        logarithmic: Whether the horizontal axis is.
        named: Whether names stand to the right of the panel.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        x_name: str,
        y_name: str,
        logarithmic: bool = False,
        named: bool = True,
    ) -> None:
        self._left, self._right = 52.0, WIDTH - (132.0 if named else 14.0)
        self._top, self._bottom = 24.0, HEIGHT - 42.0
        self._logarithmic = logarithmic
        self._x = self._scaled(x)
        self._y = widened(y)
        self._x_name, self._y_name = x_name, y_name
        self._parts: list[str] = []
        self._names: list[tuple[float, str, str, str]] = []

    def line(self, x: Floats, y: Floats, style: str, *, dotted: bool = False) -> None:
        """Draw a line with a gap wherever y is nan; `style` is a class of the page."""
        kind = "line thin" if dotted else "line"
        for points in self._pieces(x, y):
            self._parts.append(f'<polyline class="{kind} {style}" points="{points}"/>')

    def steps(self, x: Floats, y: Floats, style: str) -> None:
        """Draw a line that keeps each value until the next."""
        self.line(np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1], style)

    def band(self, x: Floats, low: Floats, high: Floats, style: str) -> None:
        """Fill what lies between two lines, wherever both are known."""
        known = np.isfinite(low) & np.isfinite(high)
        for piece in _runs_of(known):
            if piece.size > 1:
                there = np.concatenate([x[piece], x[piece][::-1]])
                back = np.concatenate([low[piece], high[piece][::-1]])
                points = next(iter(self._pieces(there, back)))
                self._parts.append(f'<polygon class="band {style}" points="{points}"/>')

    def point(self, x: float, y: float, low: float, high: float, style: str, told: str) -> None:
        """Draw a point with an upright interval; `told` shows under the pointer."""
        across = self._across(x)
        bar = ""
        if math.isfinite(low) and math.isfinite(high):
            bar = (
                f'<line class="bar" x1="{across:.1f}" x2="{across:.1f}" '
                f'y1="{self._up(low):.1f}" y2="{self._up(high):.1f}"/>'
            )
        self._parts.append(
            f'<g class="{style}"><title>{html.escape(told)}</title>{bar}'
            f'<circle class="dot" cx="{across:.1f}" cy="{self._up(y):.1f}" r="4.5"/></g>'
        )

    def mark(self, x: float, name: str) -> None:
        """Draw an upright line with a name at its top."""
        across = self._across(x)
        self._parts.append(
            f'<line class="mark" x1="{across:.1f}" x2="{across:.1f}" y1="{self._top}" '
            f'y2="{self._bottom}"/><text class="tick" x="{across + 4:.1f}" '
            f'y="{self._top + 11}">{html.escape(name)}</text>'
        )

    def name(self, y: float, text: str, style: str, told: str) -> None:
        """Write a name to the right of the panel, beside a height; `told` is the whole one."""
        self._names.append((self._up(y), text, style, told))

    def svg(self, told: str) -> str:
        """Return the picture; `told` says in words what it shows."""
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(told)}">'
            f"{self._axes()}{''.join(self._parts)}{''.join(self._written_names())}</svg>"
        )

    def _axes(self) -> str:
        parts: list[str] = []
        for value in ticks(*self._y, 5):
            height = self._up(value)
            parts.append(
                f'<line class="grid" x1="{self._left}" x2="{self._right}" y1="{height:.1f}" '
                f'y2="{height:.1f}"/><text class="tick end" x="{self._left - 6}" '
                f'y="{height + 4:.1f}">{tick_text(value)}</text>'
            )
        parts += [
            f'<text class="tick middle" x="{self._across(value):.1f}" '
            f'y="{self._bottom + 16}">{tick_text(value)}</text>'
            for value in self._x_ticks()
        ]
        return "".join(parts) + (
            f'<line class="axis" x1="{self._left}" x2="{self._right}" y1="{self._bottom}" '
            f'y2="{self._bottom}"/><text class="tick" x="4" y="12">{html.escape(self._y_name)}'
            f'</text><text class="tick middle" x="{(self._left + self._right) / 2:.1f}" '
            f'y="{HEIGHT - 8}">{html.escape(self._x_name)}</text>'
        )

    def _x_ticks(self) -> list[float]:
        if not self._logarithmic:
            return ticks(*self._x, 4)
        low, high = self._x
        tens = range(math.floor(low), math.ceil(high) + 1)
        fine = (1, 2, 5) if high - low < 2 else (1,)
        values = [factor * 10.0**ten for ten in tens for factor in fine]
        shown = [value for value in values if low <= math.log10(value) <= high]
        return shown if len(shown) > 1 else ticks(10**low, 10**high, 3)

    def _scaled(self, x: tuple[float, float]) -> tuple[float, float]:
        if not self._logarithmic:
            return x if x[1] > x[0] else (x[0] - 0.5, x[1] + 0.5)
        low, high = math.log10(x[0]), math.log10(x[1])
        pad = max(0.12, 0.08 * (high - low))
        return low - pad, high + pad

    def _across(self, value: float) -> float:
        at = math.log10(value) if self._logarithmic else value
        low, high = self._x
        return self._left + (self._right - self._left) * (at - low) / (high - low)

    def _up(self, value: float) -> float:
        low, high = self._y
        return self._bottom - (self._bottom - self._top) * (value - low) / (high - low)

    def _pieces(self, x: Floats, y: Floats) -> list[str]:
        pieces = _runs_of(np.isfinite(y))
        return [
            " ".join(f"{self._across(float(x[i])):.1f},{self._up(float(y[i])):.1f}" for i in piece)
            for piece in pieces
        ]

    def _written_names(self) -> list[str]:
        heights = spread([height for height, *_ in self._names], self._top, self._bottom)
        return [
            f'<text class="name {style}" x="{self._right + 6}" y="{height + 4:.1f}">'
            f"<title>{html.escape(told)}</title>{html.escape(text)}</text>"
            for height, (_, text, style, told) in zip(heights, self._names, strict=True)
        ]


def widened(extent: tuple[float, float], share: float = 0.05) -> tuple[float, float]:
    """Return an extent with some room at both ends."""
    low, high = extent
    room = share * (high - low) or max(abs(high), 1.0) * share
    return low - room, high + room


def extent_of(*values: Floats) -> tuple[float, float]:
    """Return the least and the greatest of all known values; 0 and 1 where none is known."""
    known = [part[np.isfinite(part)] for part in values]
    pooled = np.concatenate(known) if known else np.empty(0)
    return (float(pooled.min()), float(pooled.max())) if pooled.size else (0.0, 1.0)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers from low to high, `most` of them or fewer."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def tick_text(value: float) -> str:
    """Return a round number in few characters: 5k, 0.25, 2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            unit = 1e3 if letter == "k" else size
            return f"{value / unit:.4g}{letter}".replace("-", "\u2212")
    return f"{value:,.6g}".replace("-", "\u2212")


def spread(heights: Sequence[float], top: float, bottom: float) -> list[float]:
    """Return heights moved as little as keeps names apart and, where they fit, inside."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    placed = list(heights)
    for one, other in pairwise(order):
        placed[other] = max(placed[other], placed[one] + LINE_HEIGHT)
    limit = bottom
    for index in reversed(order):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - LINE_HEIGHT
    return placed


def _runs_of(known: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return the indices of each unbroken stretch of what is known."""
    indices = np.flatnonzero(known)
    return np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1) if indices.size else []
