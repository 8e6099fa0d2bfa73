"""When a change begins, how fast, and whether it ends again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEVER = 1 << 40
"""A step that no episode reaches."""


class Onset:
    """A schedule that gives the intensity of a change at each step of an episode, in [0, 1].

        intensity(t) = min(1, (t - onset + 1) / ramp) from the onset to the end, 0 elsewhere

    The onset is drawn uniformly from a window of the episode. Lengths are shares of the time
    limit, so that one schedule suits bodies of any clock.

    Args:
        window: Earliest and latest onset, shares of the time limit.
        ramp: Time in which the change grows to its full size, share of the time limit.
        lasts: Time after which it is over, share of the time limit; None for never.
        lasts_steps: The same in control steps; None for never.

    Raises:
        ValueError: A share is outside [0, 1], or both ways to say how long it lasts are used.
    """

    def __init__(
        self,
        *,
        window: Sequence[float],
        ramp: float,
        lasts: float | None,
        lasts_steps: int | None,
    ) -> None:
        if len(window) != 2 or not 0 <= window[0] <= window[1] <= 1:
            raise ValueError(
                f"onset.window must be two growing shares of the time limit, got {list(window)}"
            )
        if not 0 <= ramp <= 1 or not 0 <= (lasts or 0) <= 1 or (lasts_steps or 0) < 0:
            raise ValueError(
                "onset.ramp and onset.lasts must be shares of the time limit and lasts_steps not "
                f"negative, got {ramp}, {lasts} and {lasts_steps}"
            )
        if lasts is not None and lasts_steps is not None:
            raise ValueError("set onset.lasts or onset.lasts_steps, not both")
        self._window = (float(window[0]), float(window[1]))
        self._ramp_share = ramp
        self._lasts_share = lasts
        self._lasts_steps = lasts_steps
        self.set_time_limit(1)

    def set_time_limit(self, steps: int) -> None:
        """Take the time limit of the body, control steps, of which shares are shares.

        Raises:
            ValueError: There is none, and the schedule has shares of it.
        """
        if steps < 1 and (self._window[1] or self._ramp_share or self._lasts_share):
            raise ValueError("onset has shares of a time limit, but this body has no time limit")
        self._first, self._last = (round(share * steps) for share in self._window)
        self._ramp = max(1, round(self._ramp_share * steps))
        share = self._lasts_share
        self._lasts = self._lasts_steps if share is None else max(1, round(share * steps))

    def draw(self, numbers: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the first step of the change and the first after it, both [n].

        Args:
            numbers: Uniform in (0, 1), [n].
        """
        begin = self._first + np.floor(numbers * (self._last - self._first + 1)).astype(np.int64)
        end = np.full_like(begin, NEVER) if self._lasts is None else begin + self._lasts
        return begin, end

    def intensity(
        self, clock: NDArray[np.int64], begin: NDArray[np.int64], end: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the intensity at each row's step, [n].

        Args:
            clock: The step of each row's episode, counted from 0, [n].
            begin: First step of the change, [n].
            end: First step after it, [n].
        """
        grown = np.minimum((clock - begin + 1) / self._ramp, 1.0)
        return np.where(clock < end, np.maximum(grown, 0.0), 0.0)
