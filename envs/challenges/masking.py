"""Senses that are lost: all velocities, or a whole modality."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.challenges.base import Body, Challenge, Rows, Unsuited
from envs.challenges.draws import AT_START, uniform

_ORDER_DRAW = AT_START + 1


class Masking(Challenge):
    """A share of some sensed numbers reads 0.

    Of the n numbers that the variant names, the first ceil(share · intensity · n) are lost, in an
    order that is drawn with each episode.
    """

    def cover(self, body: Body, variants: dict[str, NDArray[np.int64]]) -> Sequence[str]:
        """Take the columns of each variant, by its name."""
        self._member = np.zeros((len(variants), body.senses_size), bool)
        for index, columns in enumerate(variants.values()):
            self._member[index, columns] = True
        self._count = self._member.sum(axis=1)
        self._rank = np.zeros((body.batch.nsim, body.senses_size), np.int64)
        self.missing = self._lost = np.zeros((body.batch.nsim, body.senses_size), bool)
        return tuple(variants)

    def take_variant(self, rows: NDArray[np.int64]) -> None:
        """Draw the order in which numbers are lost; those of others come last."""
        number = uniform(self.keys[rows], _ORDER_DRAW, self._rank.shape[1])
        number += ~self._member[self.variant[rows]]
        self._rank[rows] = number.argsort(axis=1).argsort(axis=1)

    def sense(self, observation: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
        """Blank what is lost."""
        intensity = self.intensity[rows]
        wanted = self.level["share"] * intensity * self._count[self.variant[rows]]
        count = np.ceil(wanted - 1e-9)  # what is whole but for rounding stays whole
        lost = self._rank[rows] < count[:, np.newaxis]
        observation[lost] = 0.0
        self._lost[rows] = lost
        return observation


class VelocityMasking(Masking):
    """Velocities read 0: what moves how fast must be remembered.

    Source: the partially observed tasks of Ni, Eysenbach and Salakhutdinov 2022, arXiv:2110.05038.
    """

    needs = "senses of velocity"

    def fit(self, body: Body) -> Sequence[str]:
        """Find the velocities."""
        columns = np.asarray(body.task.velocity_columns, np.int64)
        if not columns.size:
            raise Unsuited("no number that is known to be a velocity")
        return self.cover(body, {"velocities": columns})


class ModalityLoss(Masking):
    """A whole modality reads 0; the variants are the modalities."""

    needs = "several modalities"

    def fit(self, body: Body) -> Sequence[str]:
        """Find the modalities."""
        columns = body.task.columns
        if len(columns) < 2:
            raise Unsuited("no modalities to tell apart")
        return self.cover(
            body, {name: np.arange(where.start, where.stop) for name, where in columns.items()}
        )
