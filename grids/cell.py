"""A cell of a grid: one training with a folder of its own."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.results import is_evaluated
from agents.run_folder import RunFolder
from agents.run_name import BUDGET_KEYS
from agents.training_run import LOG
from grids.desk import Desk

ROOT = Path(__file__).resolve().parents[1]
THREAD_POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What tells libraries below torch and NumPy how many threads to start."""


@dataclass(frozen=True)
class Cell:
    """One training of a grid; plain values, so that it can be sent to another machine.

    Attributes:
        overrides: What the command line of `train.py` says about it.
        folder: Its run folder.
        total_steps: Its budget, control steps.
        evaluation_episodes: Episodes of each kind that it ends with; 0 for no evaluation.
        threads: Threads that it may use; None leaves it to its configuration.
        cwd: Where the grid was started, to which relative paths refer.
        desk: Where the grid and its cells leave notes for each other.
    """

    overrides: tuple[str, ...]
    folder: Path
    total_steps: int
    evaluation_episodes: int
    threads: int | None
    cwd: Path
    desk: Desk

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.folder.name

    @property
    def run(self) -> RunFolder:
        """Its folder, seen from any working directory."""
        return RunFolder(self.cwd / self.folder)

    @property
    def log(self) -> Path:
        """Where everything is written that it says."""
        return self.run.path / LOG

    @property
    def finished(self) -> bool:
        """Whether all its steps are done and saved, and what they led to is evaluated."""
        return self.run.steps_done() >= self.total_steps and self.evaluated

    @property
    def evaluated(self) -> bool:
        """Whether it has the evaluation that it should end with, if any."""
        return not self.evaluation_episodes or is_evaluated(self.run)

    def command(self) -> list[str]:
        """Return the command line that does what is left of it."""
        if self.run.has_started:
            # Said even where it is the usual number: the run may have begun with another.
            episodes = f"evaluation_episodes={self.evaluation_episodes}"
            free = set(BUDGET_KEYS) - {"evaluation_episodes"}
            budget = [text for text in self.overrides if override_key(text) in free]
            options = [f"resume={self.folder}", episodes, *budget]
        else:
            asked = asked_threads(self.overrides) or self.threads is None
            share = [] if asked else [f"num_threads={self.threads}"]
            options = [*share, *self.overrides, f"run_dir={self.folder}"]
        return [sys.executable, str(ROOT / "train.py"), *options]

    def environment(self) -> dict[str, str]:
        """Return the environment of its process; what the user has set there stands."""
        threads = str(self.threads or 1)
        return {**dict.fromkeys(THREAD_POOLS, threads), **os.environ}


def override_key(text: str) -> str:
    """Return the top-level key that an override sets: `tracker` of `+tracker.wandb.mode=null`."""
    return text.lstrip("+~").partition("=")[0].replace("/", ".").split(".")[0]


def asked_threads(overrides: Sequence[str]) -> int | None:
    """Return how many threads the user wants for a cell, or None if nothing is said."""
    for text in overrides:
        key, _, value = text.lstrip("+").partition("=")
        if key == "num_threads" and value.isdigit():
            return int(value)
    return None
