"""Senses and commands that arrive late, and commands that are held."""

import numpy as np
from numpy.typing import NDArray

from envs.challenges.base import Body, Challenge, Rows

_ONE_VARIANT = ("all",)


class DelayLine:
    """The last vectors of every row, to be read any number of steps back.

    Args:
        rows: Number of rows, N.
        longest: Steps back at most.
        size: Numbers per vector.
    """

    def __init__(self, rows: int, longest: int, size: int) -> None:
        self._past = np.zeros((rows, longest + 1, size))
        self._head = np.zeros(1, np.int64)
        self._every = np.arange(rows)

    def fill(self, rows: Rows, vectors: NDArray[np.floating]) -> None:
        """Let `rows` have been at `vectors`, [n, size], for ever."""
        self._past[rows] = vectors[:, np.newaxis]

    def push(self, vectors: NDArray[np.floating], back: NDArray[np.int64]) -> NDArray[np.float64]:
        """Add what is new in all rows, [N, size], and return what was `back` steps ago, [N]."""
        length = self._past.shape[1]
        self._head[0] = (self._head[0] + 1) % length
        self._past[:, self._head[0]] = vectors
        return self._past[self._every, (self._head[0] - back) % length]

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return the line, live."""
        return {"past": self._past, "head": self._head}


class SenseDelay(Challenge):
    """All senses arrive late by round(intensity · steps) control steps.

    At an episode's start the body senses its start until the first late sensation arrives.

    Source: Dulac-Arnold et al. 2020 (Real-World RL suite), arXiv:2003.11881.
    """

    def fit(self, body: Body) -> tuple[str, ...]:
        """Make room for the past."""
        self._line = DelayLine(body.batch.nsim, int(self.level["steps"]), body.senses_size)
        return _ONE_VARIANT

    def sense(self, observation: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
        """Return what was to be sensed some steps ago."""
        del rows  # only ever all: the first observations of an episode fill the line
        return self._line.push(observation, _scaled(self.level["steps"], self.intensity))

    def sense_first(self, observation: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
        """Fill the line with the start."""
        self._line.fill(rows, observation)
        return observation

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return the past."""
        return self._line.memory()


class ActionDelay(Challenge):
    """Commands take effect late by round(intensity · steps) control steps, rest before the first.

    Source: Dulac-Arnold et al. 2020 (Real-World RL suite), arXiv:2003.11881.
    """

    needs = "actuators"

    def fit(self, body: Body) -> tuple[str, ...]:
        """Make room for the past."""
        low, high = body.task.model.actuator_ctrlrange.T
        self._rest = np.clip(0.0, low, high)
        self._line = DelayLine(body.batch.nsim, int(self.level["steps"]), body.task.model.nu)
        return _ONE_VARIANT

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Let the actuators have been at rest."""
        self._line.fill(rows, self._rest[np.newaxis])

    def act(self, actions: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return what was commanded some steps ago."""
        return self._line.push(actions, _scaled(self.level["steps"], self.intensity))

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return the past."""
        return self._line.memory()


class ActionRepeat(Challenge):
    """A command is held for round(intensity · repeats) further steps, whatever comes then."""

    needs = "actuators"

    def fit(self, body: Body) -> tuple[str, ...]:
        """Make room for what is held, and how long."""
        self._held = np.zeros((body.batch.nsim, body.task.model.nu))
        self._left = np.zeros(body.batch.nsim, np.int64)
        return _ONE_VARIANT

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Hold nothing."""
        self._left[rows] = 0

    def act(self, actions: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return what is held, or hold what is new."""
        fresh = (self._left == 0) | (self.intensity == 0)
        np.copyto(self._held, actions, where=fresh[:, np.newaxis])
        repeats = _scaled(self.level["repeats"], self.intensity)
        self._left[:] = np.where(fresh, repeats, self._left - 1)
        return self._held.copy()

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return what is held, and how long."""
        return {"held": self._held, "left": self._left}


def _scaled(steps: float, intensity: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(steps * intensity).astype(np.int64)
