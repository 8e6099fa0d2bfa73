"""The board: panels below each other on one axis of time, whose right edge is now."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.panels.base import Panel
from analysis.panels.ink import (
    BACKGROUND,
    FAINT,
    GRID,
    TEXT,
    Colour,
    Pixels,
    line_height,
    number,
    shortened,
    text_width,
    write,
)

SECONDS = 4.0
"""How much time a board shows."""

HEAD_SECONDS = 0.25
"""Numbers change this often: faster ones cannot be read."""

SMALLEST_PLOT = 14
STRETCH = 2.8
"""How much taller than they wish plots of lines get, rather than leave the board empty."""

GAP, MARGIN = 6, 12


NOTHING: Mapping[Any, Any] = {}


class Mark(NamedTuple):
    """A line down the board at the moment when something began.

    Attributes:
        text: What; may be empty.
        colour: Of the line.
    """

    text: str
    colour: Colour


EPISODE = Mark("", GRID)


class _Row(NamedTuple):
    panel: Panel
    head: int
    plot: int
    height: int
    head_rows: int


class Board:
    """Draws panels; `push` it every step, `draw` it every frame.

    Args:
        panels: From the top; those for which there is no room are left out, see `left_out`.
        width, height: Of the board, pixels.
        control_period: Length of a step, s.

    Attributes:
        panels: Those that are shown.
        left_out: Signals for which there is no room.
        step_width: Width of a step, pixels.
        width, height: Of the board, pixels.
        right: Where the plots end, pixels: the right edge of the latest step.
    """

    def __init__(
        self, panels: Sequence[Panel], width: int, height: int, control_period: float
    ) -> None:
        self._pixels = np.empty((height, width, 3), np.uint8)
        self._pixels[:] = BACKGROUND
        self.width, self.height = width, height
        self._size = max(11, min(15, round(width / 30)))
        self._small = self._size - 2
        self._gutter = text_width("-0,000", self._small) + 4
        self.right = width - MARGIN
        room = width - 2 * MARGIN - self._gutter
        wanted = max(1, round(SECONDS / control_period))
        self.step_width = max(1, room // wanted)
        self._steps = room // self.step_width
        self._left = self.right - self._steps * self.step_width
        self._period = control_period
        self._events = MARGIN // 2
        self._top = self._events + line_height(self._small)
        self.panels, self.left_out = self._that_fit(panels)
        self._marks: deque[tuple[int, Mark]] = deque()
        self._clock = 0
        self._head_due = 0.0
        self._scales: dict[int, int] = {}
        self.lay_out()

    def push(self, signals: Mapping[str, NDArray[Any]], mark: Mark | None = None) -> None:
        """Show one more step.

        Args:
            signals: Of the step.
            mark: What begins with it.
        """
        for row in self._rows:
            row.panel.push(signals)
        if mark is not None:
            self._marks.append((self._clock, mark))
        self._clock += 1

    def fit(self) -> None:
        """Let scales know what is to be seen; before any board of a frame is drawn."""
        for row in self._rows:
            row.panel.fit()

    def draw(self) -> Pixels:
        """Return the board, [height, width, 3]; the next call writes into the same array."""
        if self._clock * self._period >= self._head_due:
            self._draw_heads()
            self._head_due = self._clock * self._period + HEAD_SECONDS
        for row in self._rows:
            row.panel.refresh()
            plot = self._pixels[row.plot : row.plot + row.height, self._left : self.right]
            plot[:] = row.panel.scroll.view
            self._draw_scale(row)
        self._draw_marks()
        return self._pixels

    def place_of(self, name: str) -> tuple[slice, slice]:
        """Return where the plot of a signal is, as slices of rows and columns."""
        row = next(row for row in self._rows if name in row.panel.names)
        return slice(row.plot, row.plot + row.height), slice(self._left, self.right)

    def column_of(self, steps_ago: int) -> slice:
        """Return the columns of a step, counted back from the latest, 0."""
        stop = self.right - steps_ago * self.step_width
        return slice(stop - self.step_width, stop)

    def _that_fit(self, panels: Sequence[Panel]) -> tuple[list[Panel], list[str]]:
        """Return the panels for which there is room, and the signals of the others.

        The last two stay: they are value and reward, which every board has.
        """
        shown = list(panels)
        while len(shown) > 1 and self._room(shown) < SMALLEST_PLOT * len(shown):
            del shown[max(0, len(shown) - 3)]
        names = [name for panel in panels if panel not in shown for name in panel.names]
        return shown, names

    def _head_rows(self, panel: Panel) -> int:
        """Return how many lines the head of a panel takes."""
        words = panel.words
        width = sum(text_width(word, self._size) + self._size for word in (panel.title, *words))
        return 2 if panel.title and width > self.right - self._left else 1

    def _room(self, panels: Sequence[Panel]) -> int:
        """Return the height that is left for plots, pixels."""
        heads = sum(self._head_rows(panel) for panel in panels) * line_height(self._size)
        axis = line_height(self._small) + 8
        return len(self._pixels) - self._top - axis - heads - GAP * len(panels)

    def _heights(self, fixed: Mapping[tuple[str, ...], int]) -> list[int]:
        """Return the height of each plot: as given, or between its bounds, or what there is."""
        room = self._room(self.panels)
        least = [fixed.get(panel.names, panel.least) for panel in self.panels]
        spare = room - sum(least)
        if spare < 0:
            above = [max(0, one - SMALLEST_PLOT) for one in least]
            share = max(0, room - SMALLEST_PLOT * len(least)) / max(1, sum(above))
            return [SMALLEST_PLOT + int(share * one) for one in above]
        wishes = [0 if panel.names in fixed else panel.most - panel.least for panel in self.panels]
        share = min(1.0, spare / max(1, sum(wishes)))
        heights = [
            panel.plot_height(one + int(share * wish))
            for panel, one, wish in zip(self.panels, least, wishes, strict=True)
        ]
        return heights if fixed else self._stretched(heights, room)

    def _stretched(self, heights: list[int], room: int) -> list[int]:
        """Give the panels that can use any height what the others leave, up to a multiple."""
        elastic = [index for index, panel in enumerate(self.panels) if panel.scale is not None]
        for place, index in enumerate(elastic):
            extra = (room - sum(heights)) // (len(elastic) - place)
            heights[index] += min(extra, int((STRETCH - 1) * self.panels[index].most))
        return heights

    def fixable_heights(self) -> dict[tuple[str, ...], int]:
        """Return the heights of plots that any height suits, by the names of their signals."""
        rows = [row for row in self._rows if row.panel.scale is not None]
        return {row.panel.names: row.height for row in rows}

    def lay_out(self, fixed: Mapping[tuple[str, ...], int] = NOTHING) -> None:
        """Place the panels anew, the lowest at the foot; nothing must have been pushed.

        Args:
            fixed: Heights of plots by the names of their signals, so that boards agree.
        """
        self._pixels[:] = BACKGROUND
        self._rows: list[_Row] = []
        foot = len(self._pixels) - line_height(self._small) - 8
        for panel, tall in reversed(list(zip(self.panels, self._heights(fixed), strict=True))):
            head_rows = self._head_rows(panel)
            head = foot - tall - head_rows * line_height(self._size)
            panel.place(tall, self._steps, self.step_width)
            self._rows.insert(0, _Row(panel, head, foot - tall, tall, head_rows))
            foot = head - GAP
        self._draw_axis()
        if {name for panel in self.panels for name in panel.names} == {"reward"}:
            x, y = (self._left + self.right) // 2, (self._top + foot) // 2
            told = "of this agent only the reward can be watched"
            write(self._pixels, x, y, told, FAINT, self._small, "middle")

    def _draw_axis(self) -> None:
        """Write the seconds before now under the lowest plot."""
        if not self._rows:
            return
        top = self._rows[-1].plot + self._rows[-1].height
        shown = self._steps * self._period
        unit = next((unit for unit in (0.1, 0.2, 0.5, 1.0, 2.0) if shown / unit <= 5), 5.0)
        ticks = np.arange(0, shown + 1e-9, unit)
        for seconds in ticks.tolist():
            x = self.right - 1 - round(seconds / self._period * self.step_width)
            self._pixels[top + 1 : top + 5, max(x, 0) : x + 1] = FAINT
            text = f"-{seconds:g} s" if seconds else "now"
            align = "middle" if seconds else "right"
            if x - self._left > self._size or seconds == 0:
                write(self._pixels, x, top + 5, text, FAINT, self._small, align)

    def _draw_heads(self) -> None:
        """Write titles, words and numbers above the plots."""
        tall = line_height(self._size)
        for row in self._rows:
            self._pixels[row.head : row.head + row.head_rows * tall, self._left :] = BACKGROUND
            write(self._pixels, self._left, row.head, row.panel.title, TEXT, self._size)
            x, line = self.right, row.head + (row.head_rows - 1) * tall
            entries = row.panel.entries()
            room = (self.right - self._left) // max(1, len(entries)) - self._size
            crowded = len(entries) > 1 and row.head_rows == 2
            for entry in reversed(entries):
                told = f"{entry.text} {entry.value}".strip()
                told = shortened(told, self._size, room) if crowded else told
                write(self._pixels, x, line, told, entry.colour, self._size, "right")
                x -= text_width(told, self._size) + self._size

    def _draw_scale(self, row: _Row) -> None:
        """Write the ends of a plot's range beside it, if they have changed."""
        scale = row.panel.scale
        if scale is None or self._scales.get(id(row.panel)) == scale.version:
            return
        self._scales[id(row.panel)] = scale.version
        tall = line_height(self._small)
        self._pixels[row.plot - 3 : row.plot + row.height + 3, : self._left - 1] = BACKGROUND
        x, foot = self._left - 5, row.plot + row.height - tall + 3
        write(self._pixels, x, row.plot - 3, number(scale.high), FAINT, self._small, "right")
        if row.height > 1.5 * tall:
            write(self._pixels, x, foot, number(scale.low), FAINT, self._small, "right")

    def _draw_marks(self) -> None:
        """Draw a line down all plots where something began, and its name above them."""
        tall = line_height(self._small)
        self._pixels[self._events : self._events + tall, self._left :] = BACKGROUND
        if self.left_out:
            told = f"{len(self.left_out)} more in the telemetry"
            write(self._pixels, self._left, self._events, told, FAINT, self._small)
        while self._marks and self._clock - self._marks[0][0] > self._steps:
            self._marks.popleft()
        for step, mark in self._marks:
            x = self.column_of(self._clock - 1 - step).start
            for row in self._rows:
                self._pixels[row.plot : row.plot + row.height, x : x + 1 + (mark.text != "")] = (
                    mark.colour
                )
            room = max(self.right - x, x - self._left)
            text = shortened(mark.text, self._small, room)
            fits = x + text_width(text, self._small) <= self.right
            align = "left" if fits else "right"
            write(self._pixels, x, self._events, text, mark.colour, self._small, align)


def agree(boards: Sequence[Board]) -> None:
    """Let boards side by side show the same signals at the same height."""
    wanted: dict[tuple[str, ...], int] = {}
    for board in boards:
        for names, height in board.fixable_heights().items():
            wanted[names] = min(height, wanted.get(names, height))
    for board in boards:
        board.lay_out(wanted)
