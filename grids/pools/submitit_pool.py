"""Cells as jobs of Slurm, or of this machine in the same way, by submitit."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from agents.errors import UsageError
from grids.cell import ROOT, Cell
from grids.pools.pool import Job, Pool, load
from grids.run_cell import Outcome, first_error, stop_running

LOOK_EVERY = 1.0
"""Seconds between two looks at the jobs."""


class SubmititPool(Pool):
    """Submits each cell as a job; on Slurm all together are one array.

    A job that is preempted or runs out of time writes its checkpoint and is queued again.

    Args:
        cluster: `slurm`, `local` (processes here) or `debug` (in this process, one by one).
        cpus_per_task: Cores of a cell; None: as many as its `num_threads`, or one.
        timeout_min: After so many minutes a job makes room, and goes on in another.
        timeouts: How often it may do so.
        parameters: Anything else that submitit's executor takes, such as `slurm_partition`,
            `slurm_mem`, `slurm_array_parallelism`, `slurm_account`, `slurm_setup`.
    """

    def __init__(
        self,
        *,
        cluster: str,
        cpus_per_task: int | None,
        timeout_min: int,
        timeouts: int,
        parameters: Mapping[str, Any],
    ) -> None:
        self._submitit = load("submitit", launcher=f"submitit_{cluster}", extra="slurm")
        self._cluster, self._timeouts = cluster, timeouts
        self._cpus = cpus_per_task
        self._parameters = {"timeout_min": timeout_min, **parameters}

    def threads(self, asked: int | None) -> int:
        """Return the cores of a job."""
        self._cpus = self._cpus or asked or 1
        return asked or self._cpus

    def run(self, job: Job, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Outcome]]:
        """Yield cells as their jobs end."""
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), *paths]))  # of jobs
        executor = self._executor(cells[0])
        with executor.batch():
            jobs = [executor.submit(ResumableJob(job), cell) for cell in cells]
        left = dict(zip(cells, jobs, strict=True))
        while left:
            if cells[0].desk.stop_asked:
                running = cells[0].desk.names_running()
                for cell in [cell for cell in left if cell.name not in running]:
                    left.pop(cell).cancel()
                    yield cell, Outcome("stopped")
            for cell in [cell for cell, submitted in left.items() if submitted.done()]:
                yield cell, self._outcome(left.pop(cell))
            time.sleep(LOOK_EVERY if left else 0)

    def describe(self) -> str:
        """Return where jobs go."""
        return f"as {self._cluster} jobs of {self._cpus or 1} cores"

    def _executor(self, cell: Cell) -> Any:
        folder = cell.cwd / cell.folder.parent / ".grid" / "submitit"
        try:
            executor = self._submitit.AutoExecutor(
                folder=folder,
                cluster=self._cluster,
                slurm_max_num_timeout=self._timeouts,
                local_max_num_timeout=self._timeouts,
            )
            executor.update_parameters(
                name="wetware", cpus_per_task=self._cpus or 1, **self._parameters
            )
        except (RuntimeError, NameError, ValueError, TypeError) as error:
            line = " ".join(str(error).split())
            raise UsageError(f"hydra.launcher: {line}") from error
        return executor

    def _outcome(self, submitted: Any) -> Outcome:
        try:
            return submitted.result()
        except Exception as error:  # whatever ended the job, on a machine that is not this one
            return Outcome("failed", first_error(f"{type(error).__name__}: {error}", code=1))


class ResumableJob:
    """A job that Slurm may interrupt at any time.

    Args:
        job: What to do with a cell.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    def __call__(self, cell: Cell) -> Outcome:
        """Do it."""
        return self._job(cell)

    def checkpoint(self, cell: Cell) -> Any:
        """Return what is to be queued again; the interruption itself stops the cell's process."""
        stop_running()
        return import_module("submitit").helpers.DelayedSubmission(ResumableJob(self._job), cell)
