"""What each brain earns: tasks x brains x seeds, trained, evaluated and told in one table.

    python benchmarks/returns.py --jobs 2          # train and evaluate what is not finished yet
    python benchmarks/returns.py --aggregate       # collect raw CSVs, table and figure
    python benchmarks/returns.py --aggregate --keep    # and add to what another machine measured
    python benchmarks/returns.py --tasks Gaze TMaze --results benchmarks/results/bodies
    python benchmarks/returns.py --tabulate        # table and figure again, from the raw CSVs

Every cell is `train.py` and then `evaluate.py` in processes of their own, one thread each, with a
log beside its folder. The grid can be interrupted and started again: finished cells are skipped,
interrupted ones go on from their last checkpoint. `--aggregate` works at any time.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from agents.cli import CONFIGS
from agents.evaluation import read_record
from agents.run_folder import RunFolder
from analysis.compare import as_text, compare_runs, write_comparison
from analysis.normalisation import read_anchors
from analysis.recorded import collect, read_results
from analysis.report import write_report
from analysis.runs import KINDS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "returns"
TASKS = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5")
MILLION = 1_000_000
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


class Variant(NamedTuple):
    """A brain or a baseline.

    Attributes:
        options: What train.py is told.
        steps: Budget, control steps.
    """

    options: tuple[str, ...]
    steps: int = MILLION


VARIANTS = {
    "mlp": Variant(("brain=mlp",)),
    "gru": Variant(("brain=gru",)),
    "spiking": Variant(("brain=spiking",)),
    "spiking-reflex": Variant(("brain=spiking", "brain/reflex=linear")),
    "full": Variant(("brain=full",)),
    "spiking-256": Variant(("brain=spiking", "brain.controller.hidden_size=256")),
    "sb3_ppo": Variant(("agent=sb3_ppo",)),
    # At about 400 steps per second a million would take longer than all the others together.
    "sb3_recurrent_ppo": Variant(("agent=sb3_recurrent_ppo",), steps=50_000),
}

MEMORY = {"TMaze": ("agent.segment_length=64",), "Reversal": ("agent.segment_length=32",)}
"""Tasks whose reward depends on what was sensed longer ago than a usual segment, and how long those
that see it are; the same for every brain."""


class Cell(NamedTuple):
    """One training of the grid: a task, a variant's name, a seed, a budget and a folder."""

    task: str
    variant: str
    seed: int
    steps: int
    folder: Path

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.task} {self.variant} seed {self.seed}"

    @property
    def log(self) -> Path:
        """Where its processes write."""
        return self.folder.with_suffix(".log")

    def commands(self, episodes: int) -> Iterator[list[str]]:
        """Yield the command lines that are still to be run."""
        run = RunFolder(self.folder)
        if run.steps_done() < self.steps:
            yield ["train.py", *self._training(run)]
        yield [
            "evaluate.py", f"runs={self.folder}", f"episodes={episodes}", f"num_envs={episodes}",
            "num_threads=1",
        ]  # fmt: skip

    def _training(self, run: RunFolder) -> list[str]:
        if run.has_started:
            return [f"resume={self.folder}", f"total_steps={self.steps}"]
        return [
            f"env={self.task}", *VARIANTS[self.variant].options, *MEMORY.get(self.task, ()),
            f"seed={self.seed}",
            f"total_steps={self.steps}", f"run_dir={self.folder}",
            "num_threads=1", "film=false", "tracker=none", "evaluation_episodes=0",
        ]  # fmt: skip


def cells_of(arguments: argparse.Namespace) -> list[Cell]:
    """Return the cells asked for; seed by seed, so that an early look shows every brain."""
    return [
        Cell(
            task,
            variant,
            seed,
            arguments.steps or VARIANTS[variant].steps,
            arguments.runs / task / f"{variant}_seed{seed}",
        )
        for seed in range(arguments.seeds)
        for task in arguments.tasks
        for variant in arguments.variants
    ]


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


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing was said"


def _returns(cell: Cell) -> str:
    record = read_record(cell.folder) or {}
    told = [f"{kind} {np.mean(record[kind]['returns']):,.0f}" for kind in KINDS if kind in record]
    return ", ".join(told)


def report(notes: Sequence[str], results: Path) -> None:
    """Write the table, the figure and the page from the raw CSVs, and print the table."""
    anchors = read_anchors(CONFIGS / "env")
    comparison = compare_runs(read_results(results), notes, anchors=anchors)
    write_comparison(comparison, results)
    write_report(comparison, results, embed_bytes=0)
    print(as_text(comparison))
    print(f"\nwritten to {results}")


def main() -> int:
    """Do what the command line asks for; the exit status says whether a cell failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--aggregate", action="store_true", help="collect raw CSVs, then tabulate")
    parser.add_argument("--tabulate", action="store_true", help="table and figure from raw CSVs")
    parser.add_argument("--keep", action="store_true", help="and keep what other cells earned")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="instead of each variant's own budget")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time, one thread each")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "returns")
    arguments = parser.parse_args()
    if arguments.aggregate or arguments.tabulate:
        results = arguments.results
        notes = collect(arguments.runs, results, keep=arguments.keep) if arguments.aggregate else []
        report(notes, results)
        return 0
    try:
        failures = Grid(arguments.jobs, arguments.episodes).run(cells_of(arguments))
    except KeyboardInterrupt:
        print("interrupted: the same command goes on")
        return 130
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
