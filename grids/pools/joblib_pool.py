"""Several cells at a time on this machine, by joblib."""

from collections.abc import Iterator, Sequence

from agents.errors import UsageError
from grids.cell import Cell
from grids.pools.pool import Job, Pool, load
from grids.run_cell import Outcome


class JoblibPool(Pool):
    """Runs as many cells at a time as there are cores for them.

    Args:
        n_jobs: Cells at a time; None: as many as there are cores, each cell on one, or on as many
            as the command line's `num_threads` says. Negative numbers count from all cores, as
            everywhere in joblib: -1 is all of them.
    """

    def __init__(self, *, n_jobs: int | None) -> None:
        self._joblib = load("joblib", launcher="joblib", extra="grid")
        if n_jobs == 0:
            raise UsageError(
                "hydra.launcher.n_jobs must not be 0; -1 is as many as there are cores"
            )
        self._n_jobs = None if n_jobs is None else self._joblib.effective_n_jobs(n_jobs)

    def threads(self, asked: int | None) -> int:
        """Return a cell's share of the cores."""
        cores = self._joblib.cpu_count()
        if self._n_jobs is None:
            self._n_jobs = max(1, cores // (asked or 1))
        return asked or max(1, cores // self._n_jobs)

    def run(self, job: Job, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Outcome]]:
        """Yield cells as they end."""
        # Threads are enough: each only waits for its cell, which is a process of its own.
        parallel = self._joblib.Parallel(
            n_jobs=self._n_jobs, backend="threading", return_as="generator_unordered",
            batch_size=1, pre_dispatch="n_jobs",
        )  # fmt: skip
        yield from parallel(self._joblib.delayed(_with_cell)(job, cell) for cell in cells)

    def describe(self) -> str:
        """Return how many cells run at a time."""
        return f"{self._n_jobs} at a time"


def _with_cell(job: Job, cell: Cell) -> tuple[Cell, Outcome]:
    return cell, job(cell)
