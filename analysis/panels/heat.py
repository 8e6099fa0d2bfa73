"""Heat strips: many numbers at once, one row for each, cold below zero and warm above."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.panels.base import Entry, Panel, Scale, Window
from analysis.panels.ink import AMBER, FAINT, GROUND, SKY, number
from analysis.panels.raster import SPIKES

FEATURES, CODE = "features", "code"
TITLES = {FEATURES: "output of {} units", CODE: "sparse code, {} units"}


class Heat(Panel):
    """Signals of several numbers; zero is the ground, so that silence is dark.

    Where there are more units than pixels, neighbours share a row, which shows the one that is
    furthest from zero.

    Attributes:
        order: The unit of each row from the top, [n].
    """

    least, most = 40, 256

    def __init__(
        self,
        names: tuple[str, ...],
        first: Mapping[str, NDArray[Any]],
        orders: Mapping[str, NDArray[np.int64]],
    ) -> None:
        super().__init__(names, first, orders)
        (self._name,) = names
        self.units = first[self._name].size
        self.order = orders.get(self._name, np.arange(self.units))
        words = TITLES.get(self._name, self._name.replace("_", " ") + ", {} units")
        self.title = words.format(self.units)
        self.range = Scale()

    @classmethod
    def claim(cls, signals: Mapping[str, NDArray[Any]]) -> Sequence[tuple[str, ...]]:
        """Return every signal of several numbers; features only where there are no spikes."""
        names = [name for name, value in signals.items() if value.ndim == 1 and value.size]
        if SPIKES in names:
            names = [name for name in names if name not in (SPIKES, FEATURES)]
        return [(name,) for name in names]

    def entries(self) -> list[Entry]:
        """Return the number that the brightest colour stands for, and the share that is active."""
        if self._name == CODE:
            latest = self._window.view[-1]
            active = np.count_nonzero(np.nan_to_num(latest))
            return [Entry("", AMBER, f"{active} active")]
        return [Entry(f"-{self._told()}", SKY), Entry("to", FAINT), Entry(self._told(), AMBER)]

    def _told(self) -> str:
        return number(self._largest())

    def _largest(self) -> float:
        return max(abs(self.range.low), abs(self.range.high))

    def plot_height(self, height: int) -> int:
        """Return the largest height at which every row is equally tall."""
        per_row = -(-self.units // height)
        rows = -(-self.units // per_row)
        return rows * max(1, height // rows)

    def _prepare(self) -> None:
        self._per_row = -(-self.units // self._height)
        self._rows = -(-self.units // self._per_row)
        self._window = Window(self._steps, self.units)
        self._drawn = 0
        shares = np.linspace(-1, 1, 255)[:, np.newaxis]
        ink = np.where(shares < 0, np.array(SKY), np.array(AMBER))
        self._colours = (GROUND + 0.9 * np.abs(shares) ** 1.2 * (ink - GROUND)).astype(np.uint8)

    def push(self, signals: Mapping[str, NDArray[Any]]) -> None:
        """Draw one more step."""
        values = np.asarray(signals[self._name], np.float32)[self.order]
        self._window.push(values)
        # The range only grows: to look through the whole window at each step would cost too much.
        self.range.fit(id(self), np.array([values.min(), values.max(), *self._extremes()]))
        self.scroll.push(self._strip(values[np.newaxis]))

    def _extremes(self) -> tuple[float, float]:
        return (self.range.low, self.range.high) if self.range.version else (0.0, 0.0)

    def refresh(self) -> None:
        """Draw everything anew if the range has changed since the last time."""
        if self._drawn != self.range.version:
            self.scroll.push(self._strip(np.nan_to_num(self._window.view)))
            self._drawn = self.range.version

    def _strip(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Draw steps, [steps, units]."""
        padded = np.zeros((len(values), self._rows * self._per_row), np.float32)
        padded[:, : self.units] = values
        grouped = padded.reshape(len(values), self._rows, self._per_row)
        if self._per_row > 1:
            furthest = np.abs(grouped).argmax(axis=2)[..., np.newaxis]
            shown = np.take_along_axis(grouped, furthest, axis=2)[..., 0]
        else:
            shown = grouped[..., 0]
        levels = np.clip(shown / self._largest(), -1, 1) * 127 + 127
        colours = self._colours[levels.round().astype(np.intp)].transpose(1, 0, 2)
        tall = self._height // self._rows
        block = colours.repeat(tall, axis=0).repeat(self._step_width, axis=1)
        missing = self._height - len(block)
        return np.pad(block, ((0, missing), (0, 0), (0, 0))) if missing else block
