"""What panels share: a picture that scrolls, the values that it shows, and their scale."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.panels.ink import BACKGROUND, GROUND, Colour, Pixels

SHRINK_BELOW = 0.35
"""A scale is fitted anew when what is seen takes less than this share of it."""


class Scroll:
    """A picture that scrolls to the left: new columns are written, old ones never moved.

    The picture is a window that slides over twice its width and jumps back at the end.

    Args:
        height, width: Of the picture, pixels.
    """

    def __init__(self, height: int, width: int) -> None:
        self._pixels = np.empty((height, 2 * width, 3), np.uint8)
        self._pixels[:] = GROUND
        self._width = width
        self._end = width

    def push(self, columns: Pixels) -> None:
        """Append columns at the right, [height, n, 3], n at most the width."""
        count = columns.shape[1]
        if self._end + count > 2 * self._width:
            self._pixels[:, : self._width] = self.view
            self._end = self._width
        self._pixels[:, self._end : self._end + count] = columns
        self._end += count

    @property
    def view(self) -> Pixels:
        """The picture, [height, width, 3]."""
        return self._pixels[:, self._end - self._width : self._end]


class Window:
    """The last values of some signals, oldest first; nan before there were any.

    Args:
        steps: How many steps are kept.
        size: Numbers of each step.
    """

    def __init__(self, steps: int, size: int) -> None:
        self._values = np.full((2 * steps, size), np.nan, np.float32)
        self._steps = steps
        self._end = steps

    def push(self, values: NDArray[Any]) -> None:
        """Append the values of a step, [size]."""
        if self._end == len(self._values):
            self._values[: self._steps] = self._values[self._steps :]
            self._end = self._steps
        self._values[self._end] = values
        self._end += 1

    @property
    def view(self) -> NDArray[np.float32]:
        """The values, [steps, size]."""
        return self._values[self._end - self._steps : self._end]


class Scale:
    """The range that plots show, in round numbers; plots that are to be compared share one.

    Attributes:
        low, high: The range.
        version: Changes whenever the range does.
    """

    def __init__(self) -> None:
        self.low, self.high, self.version = 0.0, 1.0, 0
        self._seen: dict[int, tuple[float, float]] = {}
        self._fitted = False

    def fit(self, plot: int, values: NDArray[np.float32]) -> None:
        """Fit the range to what all plots show now.

        Args:
            plot: Tells the plot from others, such as its `id`.
            values: All that it shows; nan where there is nothing.
        """
        known = values[np.isfinite(values)]
        if not known.size:
            return
        self._seen[plot] = (float(known.min()), float(known.max()))
        low = min(seen[0] for seen in self._seen.values())
        high = max(seen[1] for seen in self._seen.values())
        inside = self._fitted and self.low <= low and high <= self.high
        low, high = round_range(low, high)
        if inside and high - low >= SHRINK_BELOW * (self.high - self.low):
            return
        if not self._fitted or (low, high) != (self.low, self.high):
            self.low, self.high, self._fitted = low, high, True
            self.version += 1

    def height_of(self, values: NDArray[np.float32], height: int) -> NDArray[Any]:
        """Return the row of a picture at which each value stands, 0 at its top."""
        share = (values - self.low) / (self.high - self.low)
        return (1 - share) * (height - 3) + 1


def round_range(low: float, high: float) -> tuple[float, float]:
    """Return a range of round numbers around two; it begins or ends at zero where that is near."""
    if 0 < low < 0.6 * high:
        low = 0.0
    if 0 > high > 0.6 * low:
        high = 0.0
    if high - low < 1e-3 * max(abs(low), abs(high), 1e-2):
        margin = max(abs(low), abs(high), 0.1) / 2
        low, high = low - margin, high + margin
    rough = (high - low) / 2
    magnitude = 10.0 ** floor(log10(rough))
    step = magnitude * next((nice for nice in (1, 2, 5) if nice * magnitude >= rough), 10)
    step /= 2
    return floor(low / step + 1e-6) * step, ceil(high / step - 1e-6) * step


class Entry(NamedTuple):
    """A word in the head of a panel, with its value now: nothing, or a short text."""

    text: str
    colour: Colour
    value: str = ""


class Panel(ABC):
    """A part of the board: some signals over the last seconds.

    A panel is made from the first values of its signals, then `place`d, then told every step.

    Args:
        names: The signals that it shows, as it claimed them.
        first: The first value of every signal, [] or [n].
        orders: The order in which units are shown, by signal; others stay as they are numbered.

    Attributes:
        names: The signals that it shows.
        title: What it is called, with its unit; empty where its words say enough.
        words: What stands beside the title, at its longest.
        least, most: Bounds of its plot's height, pixels at full size.
        scale: Range of its plot; None where numbers beside it would mean nothing.
    """

    names: tuple[str, ...]
    title: str
    words: Sequence[str] = ()
    least: int = 34
    most: int = 56
    scale: Scale | None = None

    def __init__(
        self,
        names: tuple[str, ...],
        first: Mapping[str, NDArray[Any]],
        orders: Mapping[str, NDArray[np.int64]],
    ) -> None:
        del first, orders
        self.names = names

    @classmethod
    @abstractmethod
    def claim(cls, signals: Mapping[str, NDArray[Any]]) -> Sequence[tuple[str, ...]]:
        """Return the names of the signals of each panel of this kind, given what there is."""

    @abstractmethod
    def entries(self) -> list[Entry]:
        """Return the words beside the title."""

    def place(self, height: int, steps: int, step_width: int) -> None:
        """Take a place on the board.

        Args:
            height: Of the plot, pixels.
            steps: How many it shows.
            step_width: Width of each, pixels.
        """
        self._height, self._steps, self._step_width = height, steps, step_width
        self.scroll = Scroll(height, steps * step_width)
        self._prepare()

    @abstractmethod
    def _prepare(self) -> None:
        """Make what depends on the place."""

    @abstractmethod
    def push(self, signals: Mapping[str, NDArray[Any]]) -> None:
        """Show the signals of one more step."""

    def fit(self) -> None:  # noqa: B027 - some have no scale
        """Let the scale know what is to be seen; before any panel of a frame is refreshed."""

    def refresh(self) -> None:  # noqa: B027 - some draw at once, and never anew
        """Draw what is not drawn yet, and anew if what it depends on has changed."""

    def plot_height(self, height: int) -> int:
        """Return the height that the plot makes use of, if it may have so many pixels."""
        return height


def between(colour: Colour, share: float, ground: Colour = BACKGROUND) -> Colour:
    """Return a colour between a ground and another."""
    mixed = [
        round(under + share * (over - under)) for under, over in zip(ground, colour, strict=True)
    ]
    return mixed[0], mixed[1], mixed[2]
