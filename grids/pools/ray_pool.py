"""Cells as tasks of a Ray cluster."""

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from typing import Any

from agents.errors import UsageError
from grids.cell import ROOT, Cell
from grids.pools.pool import Job, Pool, load
from grids.run_cell import Outcome

LOOK_EVERY = 1.0
"""Seconds between two looks at whether the grid should stop."""

ANSWERS_WITHIN = 10.0
"""Seconds that a cluster has to take a connection."""


class RayPool(Pool):
    """Submits each cell as a task, which the cluster puts where there is room.

    A task whose worker or machine dies is begun again elsewhere, and its cell goes on from the last
    checkpoint. The folder of the grid must be on storage that all machines share.

    Args:
        address: The cluster's; None: the one that `RAY_ADDRESS` names or that runs here, otherwise
            this machine becomes one.
        num_cpus: Cores of a cell; None: as many as its `num_threads`, or one.
        num_gpus: Accelerators of a cell; a fraction shares one.
        worker_deaths: How often a cell is begun again because its worker died.
    """

    def __init__(
        self, *, address: str | None, num_cpus: int | None, num_gpus: float, worker_deaths: int
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        self._ray = load("ray", launcher="ray", extra="ray")
        self._address, self._worker_deaths = address, worker_deaths
        self._cpus, self._gpus = num_cpus, num_gpus

    def threads(self, asked: int | None) -> int:
        """Return the cores of a task."""
        self._cpus = self._cpus or asked or 1
        return asked or self._cpus

    def run(self, job: Job, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Outcome]]:
        """Yield cells as their tasks end."""
        ray = self._ray
        self._connect()
        self._require_shared(cells[0])
        task = ray.remote(
            num_cpus=self._cpus, num_gpus=self._gpus, max_retries=self._worker_deaths
        )(job)
        left = {task.options(name=cell.name).remote(cell): cell for cell in cells}
        stopping = False
        while left:
            done, _ = ray.wait(list(left), timeout=LOOK_EVERY)
            for reference in done:
                yield left.pop(reference), self._outcome(reference)
            if cells[0].desk.stop_asked and not stopping:
                running = cells[0].desk.names_running()
                for reference in [ref for ref, cell in left.items() if cell.name not in running]:
                    ray.cancel(reference)
                    yield left.pop(reference), Outcome("stopped")
                stopping = True

    def describe(self) -> str:
        """Return what a task takes."""
        return f"as Ray tasks of {self._cpus or 1} cores"

    def _connect(self) -> None:
        if self._ray.is_initialized():
            return
        _require_answer(self._address)
        try:
            self._ray.init(
                address=self._address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
                **({} if self._address else {"include_dashboard": False}),
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            line = " ".join(str(error).split())
            raise UsageError(
                f"no Ray cluster at {self._address or 'this machine'}: {line}"
            ) from error

    def _require_shared(self, cell: Cell) -> None:
        """Raise if a machine of the cluster does not see what it needs."""
        ray = self._ray
        at = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        sign, word = cell.desk.path / "shared", token_hex(8)
        sign.write_text(word, encoding="ascii")
        look = ray.remote(what_is_missing)
        nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        answers = {
            look.options(num_cpus=0, scheduling_strategy=at(identity, soft=False)).remote(
                sign, word, cell.cwd, ROOT
            ): node["NodeManagerHostname"]
            for identity, node in nodes.items()
        }
        for reference, host in answers.items():
            try:
                missing = ray.get(reference)
            except ray.exceptions.RayError as error:
                missing = f"cannot run cells: {_last_line(error)}"
            if missing:
                raise UsageError(f"machine {host} of the Ray cluster {missing}")

    def _outcome(self, reference: Any) -> Outcome:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Outcome("failed", f"{type(error).__name__}: {_last_line(error)}")


def _require_answer(address: str | None) -> None:
    """Raise a UsageError if nobody listens at an address: Ray is slow to say it, and wordy."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():  # none, or one that Ray finds out, such as auto
        return
    try:
        socket.create_connection((host, int(port)), ANSWERS_WITHIN).close()
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"no Ray cluster at {address}: {reason}") from error


def _last_line(error: Exception) -> str:
    """Return the last line of an error, where Ray says what its task raised."""
    return next(reversed(str(error).strip().splitlines()), "").strip()


def what_is_missing(sign: Path, word: str, cwd: Path, root: Path) -> str:
    """Return what keeps the machine that runs this from running cells, or nothing.

    Args:
        sign: A file that the grid has written beside the run folders.
        word: What it wrote there.
        cwd: Where the grid was started.
        root: Where this project is.
    """
    if not sign.is_file() or sign.read_text(encoding="ascii") != word:
        return (
            f"does not see {sign.parents[2]}: put the grid on storage that all machines share "
            "with hydra.sweep.dir=..."
        )
    if not (root / "train.py").is_file():
        return f"has no {root}/train.py: put the project where all machines see it"
    if not cwd.is_dir():
        return f"has no folder {cwd}: start the grid on storage that all machines share"
    return ""
