"""The contract between a challenge and the engine."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from envs.challenges.draws import AT_START, Keys, derived, uniform
from envs.challenges.fields import ModelFields
from envs.challenges.onset import Onset
from envs.challenges.variants import HeldOut, Split, allowed_variants, held_out_variants
from envs.task import Task

Rows = NDArray[np.int64] | slice
"""Sorted indices of rows, or all of them as a slice."""

Severity = str
Levels = Mapping[str, Mapping[str, float]]

_VARIANT_COLUMN = 0


class Body(NamedTuple):
    """What a challenge befalls.

    Attributes:
        name: Name of the environment, for messages.
        task: What is asked of the body.
        batch: The rows.
        fields: Model fields, for who changes them.
        clock: Control steps since each row's episode started: a live view, [N].
        senses_size: How many numbers a row senses, D.
        time_limit: Control steps of an episode.
    """

    name: str
    task: Task
    batch: Batch
    fields: ModelFields
    clock: NDArray[np.int64]
    senses_size: int
    time_limit: int


class Unsuited(ValueError):  # noqa: N818 - reads as what is the matter
    """The body lacks what a challenge would take away; the message completes "it has ..."."""


class Challenge(ABC):
    """Something that goes wrong with a body while it runs, over all rows of a batch at once.

    Between its onset and its end a challenge has an intensity in [0, 1] per row; every kind says
    what a fraction of itself means, and does nothing at all at 0. A challenge never looks at other
    rows and draws nothing in turn: what is random is looked up by the row's key (see `draws`).

    Args:
        severity: Which of the levels holds.
        levels: The numbers of each severity, by name.
        onset: When it begins and ends.
        split: Variants to draw from: those for training, those held out for testing, or all.
        held_out: Variants kept for testing: their indices, or a share of all.

    Attributes:
        name: What messages and infos call it.
        needs: What a body must have, to complete "needs a body with ...".
        level: The numbers of the severity.
        variants: Names of the variants, in a fixed order that depends on the body alone.
        intensity: How much of it there is at the present step, [N].
        variant: Which variant each row has, [N].
        keys: For `draws`, new with every episode, [N].
        begin_step: First step of the change, [N].
        end_step: First step after it, [N].
        stale: Rows whose model fields are to be written, [N].
        missing: Which sensed numbers this challenge blanks at the present step, [N, D], as a fault
            that announces itself; None for those that never do, or whose fault nobody notices.
    """

    needs: str = ""

    def __init__(
        self,
        *,
        severity: Severity,
        levels: Levels,
        onset: Onset,
        split: Split = "all",
        held_out: HeldOut = None,
    ) -> None:
        if severity not in levels:
            raise ValueError(f"severity must be one of {', '.join(levels)}, got {severity!r}")
        self.name = type(self).__name__
        self.severity = severity
        self.level = dict(levels[severity])
        self.onset = onset
        self.split: Split = split
        self.held_out = held_out
        self.missing: NDArray[np.bool_] | None = None

    @abstractmethod
    def fit(self, body: Body) -> Sequence[str]:
        """Prepare for a body, and return the names of the variants that it allows.

        Raises:
            Unsuited: The body lacks what this challenge needs.
            ValueError: A number of the severity does not suit it.
        """

    def bind(self, body: Body) -> None:
        """Take a body.

        Raises:
            Unsuited: The body lacks what this challenge needs.
            ValueError: A number of the severity does not suit it.
        """
        rows = body.batch.nsim
        self.body = body
        self.intensity = np.zeros(rows)
        self.variant, self.keys, self.begin_step, self.end_step = np.zeros((4, rows), np.int64)
        self.stale = np.ones(rows, bool)
        self.variants = self.fit(body)
        self.onset.set_time_limit(body.time_limit)
        self._allowed = allowed_variants(len(self.variants), self.split, self.held_out)

    @property
    def holds_out(self) -> bool:
        """Whether some variants are kept for testing."""
        return held_out_variants(len(self.variants), self.held_out).size > 0

    def begin(self, rows: NDArray[np.int64], keys: Keys, when: NDArray[np.float64]) -> None:
        """Start an episode in `rows`.

        Args:
            rows: Their indices, [n].
            keys: Of the episodes, [n].
            when: What the onset is drawn by, uniform in (0, 1), [n]; the same for all challenges
                of a row, so that those with the same window begin together.
        """
        self.keys[rows] = derived(keys, self.name)
        number = uniform(self.keys[rows], AT_START, _VARIANT_COLUMN + 1)[:, _VARIANT_COLUMN]
        self.variant[rows] = self._allowed[(number * self._allowed.size).astype(np.int64)]
        self.begin_step[rows], self.end_step[rows] = self.onset.draw(when)
        self.stale[rows] = True
        self.take_variant(rows)
        self.forget(rows)
        self.follow_clock(rows)

    def follow_clock(self, rows: Rows) -> None:
        """Bring the intensity of `rows` up to the present step."""
        intensity = self.onset.intensity(
            self.body.clock[rows], self.begin_step[rows], self.end_step[rows]
        )
        self.stale[rows] |= intensity != self.intensity[rows]
        self.intensity[rows] = intensity

    def take_variant(self, rows: NDArray[np.int64]) -> None:  # noqa: B027 - most need nothing
        """Compute what follows from the keys and variants of `rows`."""

    def forget(self, rows: NDArray[np.int64]) -> None:  # noqa: B027 - most remember nothing
        """Empty the memory of `rows`, whose episodes begin."""

    def act(self, actions: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return what reaches the actuators when the brain says `actions`, [N, A]; not in place."""
        return actions

    def before_step(self) -> None:  # noqa: B027 - most exert no force
        """Do to the rows what is done anew in every step."""

    def write_factors(self, rows: NDArray[np.int64]) -> None:  # noqa: B027 - most scale nothing
        """Write the factors of model fields of `rows`, from variant, intensity and memory alone."""

    def sense(self, observation: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
        """Return what `rows` sense when the body is as `observation` says, [n, D]; may write it."""
        del rows
        return observation

    def sense_first(self, observation: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
        """Do the same for the first observation of an episode."""
        return self.sense(observation, rows)

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return what decides the future beside the schedule, as live arrays."""
        return {}

    def schedule(self) -> dict[str, NDArray[np.generic]]:
        """Return the variables that every challenge has, as live arrays."""
        return {
            "keys": self.keys,
            "variant": self.variant,
            "intensity": self.intensity,
            "begin_step": self.begin_step,
            "end_step": self.end_step,
        }
