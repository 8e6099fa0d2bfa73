"""Lines: numbers that change over time, alone or several on one scale."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.panels.base import Entry, Panel, Scale, Window
from analysis.panels.ink import (
    AMBER,
    GRID,
    GROUND,
    LIME,
    ROSE,
    SEQUENCE,
    SKY,
    TEAL,
    VIOLET,
    Colour,
    Pixels,
    number,
)

MODULATORS: Mapping[str, Colour] = {
    "dopamine": AMBER, "acetylcholine": TEAL, "noradrenaline": ROSE, "serotonin": VIOLET
}  # fmt: skip
ERRORS = "prediction_error/"
LAST = ("value", "reward")
TITLES = {
    "surprise": "surprise",
    "fast_weight_norm": "fast weights, norm",
    "value": "value (scaled reward)",
    "reward": "reward per step",
}
COLOURS = {"surprise": ROSE, "fast_weight_norm": VIOLET, "value": SKY, "reward": LIME}
SEVERAL = (52, 84)  # bounds of the height of a plot with several lines, pixels
HALF_THICKNESS = 0.8  # of a line, pixels
SHADE = 0.16
"""How much of its colour a lone line casts between itself and zero."""


class Lines(Panel):
    """Signals of one number each, as lines on one scale.

    Attributes:
        colours: Of each line.
    """

    colours: Sequence[Colour]

    def _prepare(self) -> None:
        self._ink = np.array(self.colours, np.float32)
        self._window = Window(self._steps + 1, len(self.names))
        self._pending = self._drawn = 0
        self._rows = np.arange(self._height, dtype=np.float32)[:, np.newaxis, np.newaxis]

    def entries(self) -> list[Entry]:
        """Return the name of each line, and the value of a lone one."""
        latest = self._window.view[-1]
        if len(self.names) == 1:
            return [Entry("", self.colours[0], number(float(latest[0])))]
        return [Entry(*one) for one in zip(self.words, self.colours, strict=True)]

    def push(self, signals: Mapping[str, NDArray[Any]]) -> None:
        """Take one more step; it is drawn with the next frame."""
        self._window.push(np.array([float(signals[name]) for name in self.names], np.float32))
        self._pending = min(self._pending + 1, self._steps)

    def fit(self) -> None:
        """Let the scale know what is to be seen."""
        assert self.scale is not None
        self.scale.fit(id(self), self._window.view)

    def refresh(self) -> None:
        """Draw the steps since the last frame, or all of them where the scale has changed."""
        assert self.scale is not None
        count = self._pending if self._drawn == self.scale.version else self._steps
        if count:
            self.scroll.push(self._strip(self._window.view[-count - 1 :]))
        self._drawn, self._pending = self.scale.version, 0

    def _strip(self, values: NDArray[np.float32]) -> Pixels:
        """Draw the steps after the first, [steps + 1, lines]."""
        assert self.scale is not None
        rows = self._rows
        picture = np.empty((self._height, (len(values) - 1) * self._step_width, 3), np.float32)
        picture[:] = GROUND
        zero = float(self.scale.height_of(np.zeros(1, np.float32), self._height)[0])
        if -1 < zero < self._height:
            picture[round(min(zero, self._height - 1.0))] = GRID
        starts, ends = self._columns(self.scale.height_of(values, self._height))
        upper, lower = np.minimum(starts, ends), np.maximum(starts, ends)
        if len(self._ink) == 1:
            base = min(max(zero, 0.0), self._height - 1.0)
            shaded = (rows > np.minimum(upper, base)) & (rows < np.maximum(lower, base))
            picture += SHADE * shaded * (self._ink[0] - picture)
        away = np.maximum(np.maximum(upper - rows, rows - lower), 0)
        inked = np.minimum(np.maximum(HALF_THICKNESS + 0.5 - away, 0), 1)
        np.nan_to_num(inked, copy=False)
        for line, colour in enumerate(self._ink):
            picture += inked[..., line, np.newaxis] * (colour - picture)
        return picture.astype(np.uint8)

    def _columns(self, heights: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return where each line enters and leaves each column of pixels, [columns, lines]."""
        before, after = heights[:-1, np.newaxis], heights[1:, np.newaxis]
        before = np.where(np.isfinite(before), before, after)
        shares = np.arange(self._step_width + 1, dtype=np.float32) / self._step_width
        edges = before + shares[:, np.newaxis] * (after - before)
        lines = heights.shape[1]
        return edges[:, :-1].reshape(-1, lines), edges[:, 1:].reshape(-1, lines)


class Modulators(Lines):
    """The neuromodulators on one scale."""

    title = ""
    least, most = SEVERAL

    def __init__(self, names: tuple[str, ...], *given: Any) -> None:
        super().__init__(names, *given)
        self.scale = Scale()
        self.words, self.colours = names, [MODULATORS[name] for name in names]

    @classmethod
    def claim(cls, signals: Mapping[str, NDArray[Any]]) -> Sequence[tuple[str, ...]]:
        """Return those that there are."""
        names = tuple(name for name in MODULATORS if name in signals)
        return [names] if names else []


class PredictionErrors(Lines):
    """How wrong each sense was predicted, in predicted standard deviations."""

    title = "prediction error (sd)"
    least, most = SEVERAL

    def __init__(self, names: tuple[str, ...], *given: Any) -> None:
        super().__init__(names, *given)
        self.scale = Scale()
        self.words = [name.removeprefix(ERRORS) for name in names]
        self.colours = [SEQUENCE[index % len(SEQUENCE)] for index in range(len(names))]

    @classmethod
    def claim(cls, signals: Mapping[str, NDArray[Any]]) -> Sequence[tuple[str, ...]]:
        """Return the modalities that are predicted."""
        names = tuple(name for name in signals if name.startswith(ERRORS))
        return [names] if names else []


class Line(Lines):
    """One number, whatever it is."""

    def __init__(self, names: tuple[str, ...], *given: Any) -> None:
        super().__init__(names, *given)
        (name,) = names
        self.scale = Scale()
        self.title = TITLES.get(name, name.replace("_", " "))
        self.colours = [COLOURS.get(name) or SEQUENCE[sum(map(ord, name)) % len(SEQUENCE)]]

    @classmethod
    def claim(cls, signals: Mapping[str, NDArray[Any]]) -> Sequence[tuple[str, ...]]:
        """Return every signal of one number; value and reward last."""
        names = [name for name, value in signals.items() if value.ndim == 0]
        ends = [name for name in LAST if name in names]
        return [(name,) for name in [n for n in names if n not in LAST] + ends]
