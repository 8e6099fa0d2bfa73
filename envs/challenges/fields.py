"""Fields of the model that differ from row to row: the nominal value times everyone's factors."""

import math

import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

_READ_BY_SET_CONST = frozenset({"body_mass", "body_inertia", "opt.gravity"})


class ModelFields:
    """Scales fields of the model row by row, for any number of challenges at once.

    Nothing is expanded until somebody asks, and factors of one restore the nominal value exactly.

    Args:
        batch: The rows.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._live: dict[str, NDArray[np.float64]] = {}
        self._nominal: dict[str, NDArray[np.float64]] = {}
        self._factors: dict[str, list[NDArray[np.float64]]] = {}

    def factor(self, field: str) -> NDArray[np.float64]:
        """Return what a field will be multiplied by: ones, [N, ...], for the caller to write.

        Args:
            field: Its name in `mujoco.MjModel`, or `opt.` and its name in `MjOption`.
        """
        if field not in self._live:
            self._live[field] = self._batch.expand(field)
            self._nominal[field] = self._live[field][0].copy()
            self._factors[field] = []
            if field in _READ_BY_SET_CONST:  # so that all rows have gone the same way
                self._batch.set_const()
        self._factors[field].append(np.ones_like(self._live[field]))
        return self._factors[field][-1]

    def write(self, rows: NDArray[np.int64]) -> None:
        """Bring the fields of `rows`, sorted indices [n], up to date with the factors."""
        for field, live in self._live.items():
            live[rows] = math.prod(
                (factor[rows] for factor in self._factors[field]), start=self._nominal[field]
            )
        if not _READ_BY_SET_CONST.isdisjoint(self._live):
            self._batch.set_const(rows)
