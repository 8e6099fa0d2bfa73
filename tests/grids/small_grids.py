"""Small grids, run as users run them, and the records that each cell must come to."""

import signal
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from agents.progress import WALL_CLOCK_COLUMNS, read_progress
from grids.desk import Desk
from tests.command_line import QUICK, SMALL, call, start
from train import train

STEPS = 32 * 120
CELL = (
    *("env=InvertedPendulum-v5", "brain=mlp", f"total_steps={STEPS}", "checkpoint_every=320"),
    *(*QUICK, *SMALL["ppo"]),
)


def record(folder: Path) -> list[dict[str, str]]:
    """Return progress.csv without what depends on the clock."""
    rows = read_progress(folder / "progress.csv")
    return [
        {name: value for name, value in row.items() if name not in WALL_CLOCK_COLUMNS}
        for row in rows
    ]


def cell_folders(path: Path) -> list[Path]:
    """Return the cells of the grid below a folder, by seed."""
    return sorted(file.parent for file in path.glob("runs/grid/*/config.yaml"))


def alone(*seeds: int) -> list[list[dict[str, str]]]:
    """Return the records of the same cells, each trained alone and never disturbed."""
    return [_alone(seed) for seed in seeds]


@cache
def _alone(seed: int) -> list[dict[str, str]]:
    with TemporaryDirectory() as folder:
        answer = call(train, *CELL, f"seed={seed}", "run_dir=run", cwd=Path(folder))
        assert answer.code == 0, answer.err
        return record(Path(folder) / "run")


class RunningGrid:
    """A grid in a process of its own, to be disturbed."""

    def __init__(self, *overrides: str, cwd: Path) -> None:
        self.cwd = cwd
        self.process = start("train.py", "-m", *CELL, *overrides, cwd=cwd)

    def wait_until_running(self, cells: int, *, rows: int = 10, seconds: float = 120) -> list[dict]:
        """Return where the cells run, once so many have recorded some updates."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended too early: {self.process.communicate()}")
            desks = [Desk(path) for path in self.cwd.glob("runs/grid/.grid/*-*")]
            names = sorted(name for desk in desks for name in desk.names_running())
            folders = [self.cwd / "runs" / "grid" / name for name in names]
            if sum(len(record(folder)) > rows for folder in folders) == cells:
                return [desk.where(name) for desk in desks for name in names]
            time.sleep(0.02)
        raise AssertionError("its cells did not get going")

    def end(self, *, signal_number: signal.Signals | None = None) -> tuple[int, str, str]:
        """Return exit status, stdout and stderr, after a signal if one is given."""
        if signal_number is not None:
            self.process.send_signal(signal_number)
        out, err = self.process.communicate(timeout=180)
        return self.process.returncode, out, err


def processes_of(folder: Path) -> list[int]:
    """Return the ids of the processes that train in a folder, from a folder that holds it."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            words = file.read_bytes().decode().split("\0")
            here = folder.is_relative_to((file.parent / "cwd").readlink().joinpath("runs"))
            if here and any(word.endswith(f"/{folder.name}") for word in words):
                found.append(int(file.parent.name))
    return found


def wait_until_ended(folder: Path, *, seconds: float = 60) -> None:
    """Wait until nothing trains in a folder any more."""
    end = time.monotonic() + seconds
    while processes_of(folder):
        if time.monotonic() > end:
            raise AssertionError(f"something still trains in {folder}")
        time.sleep(0.05)
