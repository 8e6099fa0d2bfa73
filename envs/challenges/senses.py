"""Senses that are noisy, drop out or get stuck."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.challenges.base import Body, Challenge, Rows, Unsuited
from envs.challenges.draws import normal, uniform

_ONE_VARIANT = ("all",)


class SenseFault(Challenge):
    """What befalls each sensed number by itself, in one modality or in all.

    Args:
        modality: The only one it befalls; None for all.
        **common: See `Challenge`.
    """

    needs = "the modality that is named"

    def __init__(self, *, modality: str | None, **common: Any) -> None:
        super().__init__(**common)
        self._modality = modality

    def fit(self, body: Body) -> tuple[str, ...]:
        """Find the columns; any body has senses, though not every modality."""
        columns = body.task.columns
        if self._modality is None:
            self.where = slice(0, body.senses_size)
        elif self._modality in columns:
            self.where = columns[self._modality]
        else:
            there = ", ".join(columns) or "no modalities"
            raise Unsuited(f"{there}, and no {self._modality!r}")
        self.size = self.where.stop - self.where.start
        return _ONE_VARIANT


class Noise(SenseFault):
    """Gaussian noise on every number, in that number's own unit, new at every step.

        sensed = true + intensity · sigma · N(0, 1)

    Source: Dulac-Arnold et al. 2020 (Real-World RL suite), arXiv:2003.11881.
    """

    def sense(self, observation: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
        """Add the noise."""
        deviation = self.level["sigma"] * self.intensity[rows]
        if np.count_nonzero(deviation):
            drawn = normal(self.keys[rows], self.body.clock[rows], self.size)
            observation[:, self.where] += deviation[:, np.newaxis] * drawn
        return observation


class _Failing(SenseFault):
    """Numbers that fail for some steps: each, while it works, with a probability per step.

    P(fails) = intensity · probability, for `steps` steps.
    """

    def fit(self, body: Body) -> tuple[str, ...]:
        """Make room for how long each number still fails."""
        variants = super().fit(body)
        self._left = np.zeros((body.batch.nsim, self.size), np.int32)
        return variants

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Let every number work."""
        self._left[rows] = 0

    def failing(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which numbers fail now, [n, size], and move on by a step."""
        intensity = self.intensity[rows][:, np.newaxis]
        drawn = uniform(self.keys[rows], self.body.clock[rows], self.size)
        begins = drawn < self.level["probability"] * intensity
        left = self._left[rows]
        left = np.where((left == 0) & begins, np.int32(self.level["steps"]), left)
        left *= intensity > 0
        self._left[rows] = np.maximum(left - 1, 0)
        return left > 0

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return how long each number still fails."""
        return {"left": self._left}


class Dropout(_Failing):
    """Numbers that read 0 for some steps.

    Source: Dulac-Arnold et al. 2020 (Real-World RL suite), arXiv:2003.11881.
    """

    def fit(self, body: Body) -> tuple[str, ...]:
        """Make room for what is known to be dropped."""
        variants = super().fit(body)
        self.missing = np.zeros((body.batch.nsim, body.senses_size), bool)
        self._dropped = self.missing[:, self.where]
        return variants

    def sense(self, observation: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
        """Blank what is dropped."""
        failing = self.failing(rows)
        observation[:, self.where][failing] = 0.0
        self._dropped[rows] = failing
        return observation


class Stuck(_Failing):
    """Numbers that stay for some steps as they were last sensed.

    Source: Dulac-Arnold et al. 2020 (Real-World RL suite), arXiv:2003.11881.
    """

    def fit(self, body: Body) -> tuple[str, ...]:
        """Make room for what was last sensed."""
        variants = super().fit(body)
        self._last = np.zeros((body.batch.nsim, self.size))
        return variants

    def sense(self, observation: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
        """Hold what is stuck."""
        part = observation[:, self.where]
        np.copyto(part, self._last[rows], where=self.failing(rows))
        self._last[rows] = part
        return observation

    def sense_first(self, observation: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
        """Let nothing be stuck at what an earlier episode sensed."""
        self._last[rows] = observation[:, self.where]
        return self.sense(observation, rows)

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return how long each number is stuck, and at what."""
        return {**super().memory(), "last": self._last}
