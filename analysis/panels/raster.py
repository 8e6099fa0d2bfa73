"""The spike raster: one row for each neuron, one mark for each spike."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.panels.base import Entry, Panel, Window
from analysis.panels.ink import AMBER, GROUND, ROSE, SKY, TEAL

SPIKES = "spikes"
RATE_STEPS = 25
"""Control steps over which the share of firing neurons in the head is averaged."""


class Raster(Panel):
    """Spikes of a population; neurons are sorted once and keep their row.

    Where there are more neurons than pixels, neighbours share a row, and a row is as bright as the
    share of them that fires.

    Attributes:
        order: The neuron of each row from the top, [N].
        per_row: Neurons that share a row.
    """

    least, most = 96, 512

    def __init__(
        self,
        names: tuple[str, ...],
        first: Mapping[str, NDArray[Any]],
        orders: Mapping[str, NDArray[np.int64]],
    ) -> None:
        super().__init__(names, first, orders)
        self.neurons = first[SPIKES].size
        self.order = orders.get(SPIKES, np.arange(self.neurons))
        self.title = f"spikes of {self.neurons} neurons"

    @classmethod
    def claim(cls, signals: Mapping[str, NDArray[Any]]) -> Sequence[tuple[str, ...]]:
        """Return the spikes if there are any."""
        return [(SPIKES,)] if SPIKES in signals and signals[SPIKES].ndim == 1 else []

    def entries(self) -> list[Entry]:
        """Return how many neurons fire, and how many share a row."""
        rate = np.nanmean(self._rates.view) if np.isfinite(self._rates.view).any() else 0.0
        told = [Entry("", TEAL, f"{100 * rate:.0f} % fire per step")]
        if self.per_row > 1:
            told.insert(0, Entry(f"{self.per_row} a row", TEAL))
        return told

    def plot_height(self, height: int) -> int:
        """Return the largest height at which every row is equally tall."""
        per_row = -(-self.neurons // height)
        rows = -(-self.neurons // per_row)
        return rows * max(1, height // rows)

    def _prepare(self) -> None:
        self.per_row = -(-self.neurons // self._height)
        self._rows = -(-self.neurons // self.per_row)
        stops = np.array([SKY, TEAL, AMBER, ROSE, SKY], np.float32)  # a ring, as phases are
        places = np.linspace(0, len(stops) - 1, self._rows)
        self._ink = np.stack(
            [np.interp(places, np.arange(len(stops)), channel) for channel in stops.T], axis=1
        )
        self._gap = 1 if self._step_width >= 3 else 0
        self._rates = Window(RATE_STEPS, 1)

    def push(self, signals: Mapping[str, NDArray[Any]]) -> None:
        """Draw the spikes of one more step."""
        spikes = np.asarray(signals[SPIKES], np.float32)
        self._rates.push(spikes.mean(keepdims=True))
        padded = np.zeros(self._rows * self.per_row, np.float32)
        padded[: self.neurons] = spikes[self.order]
        share = padded.reshape(self._rows, self.per_row).mean(axis=1) ** 0.7
        colours = GROUND + share[:, np.newaxis] * (self._ink - GROUND)
        block = np.empty((self._height, self._step_width, 3), np.uint8)
        block[:] = GROUND
        tall = self._height // self._rows
        inked = colours.astype(np.uint8).repeat(tall, axis=0)[:, np.newaxis]
        block[: len(inked), : self._step_width - self._gap] = inked
        self.scroll.push(block)
