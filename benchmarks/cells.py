"""Grids of trainings, each with its evaluations: processes side by side, one thread each.

A cell is `train.py` and then `evaluate.py`, once or several times, in processes of their own, with
a log beside its folder. A grid can be interrupted and started again: finished cells are skipped,
interrupted ones go on from their last checkpoint.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agents.evaluation import KINDS, read_record
from agents.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
SHARED = ("config.yaml", "progress.csv", "checkpoints")
"""What a second view of a run has of it; its evaluations are its own."""


class Evaluation(NamedTuple):
    """One evaluation of a trained run.

    Attributes:
        options: What evaluate.py is told, such as `challenge.split=test`.
        view: Folder that keeps the result apart from the run's other evaluations, which would
            replace each other; it shares everything else with the run. None for the run's own.
    """

    options: tuple[str, ...] = ()
    view: Path | None = None


class Cell(NamedTuple):
    """One training, and what it is tested under.

    Attributes:
        name: What messages call it.
        folder: Of the run.
        steps: Budget, control steps.
        training: What train.py is told beside budget and folder.
        evaluations: In the order in which they are made.
    """

    name: str
    folder: Path
    steps: int
    training: tuple[str, ...]
    evaluations: tuple[Evaluation, ...] = (Evaluation(),)

    @property
    def log(self) -> Path:
        """Where its processes write."""
        return self.folder.with_suffix(".log")

    def commands(self, episodes: int) -> Iterator[list[str]]:
        """Yield the command lines that are still to be run."""
        run = RunFolder(self.folder)
        if run.steps_done() < self.steps:
            yield ["train.py", *self._training(run)]
        for evaluation in self.evaluations:
            place = self.folder
            if evaluation.view is not None:
                place = look_again(self.folder, evaluation.view)
            yield [
                "evaluate.py", f"runs={place}", f"episodes={episodes}", f"num_envs={episodes}",
                "num_threads=1", "compare=false", *evaluation.options,
            ]  # fmt: skip

    def _training(self, run: RunFolder) -> list[str]:
        if run.has_started:
            return [f"resume={self.folder}", f"total_steps={self.steps}"]
        return [
            *self.training,
            f"total_steps={self.steps}", f"run_dir={self.folder}",
            "num_threads=1", "film=false", "tracker=none", "evaluation_episodes=0",
        ]  # fmt: skip


def look_again(run: Path, view: Path) -> Path:
    """Make a second view of a run, for evaluations beside its own, and return it."""
    view.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        if not (view / name).is_symlink():
            (view / name).symlink_to(os.path.relpath(run / name, view))
    return view


class Grid:
    """Runs cells, several at a time.

    Args:
        jobs: Cells at a time, one thread each.
        episodes: Evaluation episodes of each kind.
    """

    def __init__(self, jobs: int, episodes: int) -> None:
        self._jobs, self._episodes = jobs, episodes
        self._stopping = threading.Event()
        self._processes: set[subprocess.Popen[bytes]] = set()

    def run(self, cells: Sequence[Cell]) -> list[str]:
        """Run cells and return a line per failed one; Ctrl-C lets each write its checkpoint."""
        with ThreadPoolExecutor(self._jobs) as pool:
            futures = [pool.submit(self._run_cell, cell) for cell in cells]
            try:
                failures = [future.result() for future in futures]
            except KeyboardInterrupt:
                self._stopping.set()
                for future in futures:
                    future.cancel()
                for process in list(self._processes):
                    process.terminate()
                raise
        return [failure for failure in failures if failure]

    def _run_cell(self, cell: Cell) -> str:
        """Run what is left of a cell; return why it failed, or nothing."""
        started = time.monotonic()
        cell.folder.parent.mkdir(parents=True, exist_ok=True)
        for command in cell.commands(self._episodes):
            if self._stopping.is_set():
                return ""
            status = self._call(command, cell.log)
            if status != 0 and not self._stopping.is_set():
                failure = f"{cell.name}: {command[0]} ended with {status}: {_last_line(cell.log)}"
                print(f"failed    {failure}", flush=True)
                return failure
        if not self._stopping.is_set():
            minutes = (time.monotonic() - started) / 60
            print(f"finished  {cell.name}: {_returns(cell)} ({minutes:.1f} min)", flush=True)
        return ""

    def _call(self, command: list[str], log: Path) -> int:
        with log.open("ab") as output:
            output.write(f"$ python {' '.join(command)}\n".encode())
            output.flush()
            with subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, **ONE_THREAD},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the cells through `run` alone
            ) as process:
                self._processes.add(process)
                try:
                    return process.wait()
                finally:
                    self._processes.discard(process)


def run_grid(cells: Sequence[Cell], *, jobs: int, episodes: int) -> int:
    """Run cells, print what failed, and return the exit status of the command."""
    try:
        failures = Grid(jobs, episodes).run(cells)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on")
        return 130
    for failure in failures:
        print(failure)
    return 1 if failures else 0


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing was said"


def _returns(cell: Cell) -> str:
    record = read_record(cell.folder) or {}
    told = [f"{kind} {np.mean(record[kind]['returns']):,.0f}" for kind in KINDS if kind in record]
    return ", ".join(told)
