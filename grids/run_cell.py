"""Runs one cell to its end, in a process of its own; what every pool does, wherever it is.

The process is `train.py`, so that a cell is what its command.txt says and nothing more, a crash of
native code ends one cell and not its neighbours, and nothing of one cell is left for the next.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from agents.errors import DISK_FULL
from agents.parent_death import end_with_parent
from agents.results import NO_EVALUATION
from agents.training_run import TURN
from grids.cell import Cell

LOOK_EVERY = 0.2
"""Seconds between two looks at whether the grid should stop."""

PATIENCE = 60.0
"""Seconds that a cell's earlier process has to write its checkpoint after its worker died."""

NOTHING_SAID = "it said nothing"

LEAST_ROOM = 65536
"""Bytes on a disk that is as good as full."""

_processes: "set[subprocess.Popen[bytes]]" = set()


class Outcome(NamedTuple):
    """How a cell ended.

    Attributes:
        status: `stopped` cells wait for the same command to go on.
        error: The first line of what went wrong, or nothing.
        killed: Whether a signal ended it that the grid did not send, such as the kernel's when
            memory is short.
    """

    status: Literal["finished", "failed", "stopped"]
    error: str = ""
    killed: bool = False

    @property
    def no_room(self) -> bool:
        """Whether it failed because the disk is full."""
        return self.status == "failed" and DISK_FULL in self.error


def run_cell(cell: Cell, meanwhile: Callable[[], None] = lambda: None) -> Outcome:
    """Do what is left of a cell, and say how it ended; never raises for what the cell did.

    Args:
        cell: What to train. Its process gets SIGTERM, which makes it write a checkpoint, when the
            grid is asked to stop, when this function is interrupted, and when this process dies.
        meanwhile: Called again and again while the cell's process runs.
    """
    if cell.desk.stop_asked:
        return Outcome("stopped")
    if cell.finished:
        return Outcome("finished")
    with cell.desk.running(cell.name), _in_turn(cell):
        if cell.desk.stop_asked:
            return Outcome("stopped")
        if cell.finished:  # by another grid
            return Outcome("finished")
        _wait_until_free(cell)
        with cell.log.open("ab") as log:
            begin = log.tell()
            process = subprocess.Popen(
                cell.command(),
                cwd=cell.cwd,
                env=cell.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches it through the grid alone
                preexec_fn=prepare_process,
            )
            code = _wait(process, cell, meanwhile)
    if code == 0 and cell.evaluated:
        return Outcome("finished")
    if cell.desk.stop_asked:
        return Outcome("finished" if cell.finished else "stopped")
    error = first_error(_written_since(cell.log, begin), code)
    if error == NOTHING_SAID and shutil.disk_usage(cell.run.path).free < LEAST_ROOM:
        error = f"{DISK_FULL}: make room"  # so full that it could not even say so
    return Outcome("failed", error, killed=code < 0)


def first_error(text: str, code: int) -> str:
    """Return the line that says best why a process ended, or why its run has no evaluation.

    Args:
        text: What it wrote.
        code: Its exit status; minus the signal's number if a signal ended it.
    """
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    last = lines[-1].strip() if lines else NOTHING_SAID
    if code == 0:
        return next((line for line in lines if line.startswith(NO_EVALUATION)), last)
    if code < 0:
        return f"ended by {signal.Signals(-code).name}; the last it said: {last}"
    tracebacks = [i for i, line in enumerate(lines) if line.startswith("Traceback ")]
    raised = lines[tracebacks[0] + 1 :] if tracebacks else []
    return next((line for line in raised if not line.startswith(" ")), last)


def _wait(process: "subprocess.Popen[bytes]", cell: Cell, meanwhile: Callable[[], None]) -> int:
    """Return a process's exit status; ask it to stop once the grid should."""
    asked = False
    _processes.add(process)
    try:
        while True:
            try:
                return process.wait(LOOK_EVERY)
            except subprocess.TimeoutExpired:
                meanwhile()
                if cell.desk.stop_asked and not asked:
                    process.terminate()
                    asked = True
    finally:
        if process.poll() is None:  # this function itself was interrupted
            process.terminate()
            process.wait()
        _processes.discard(process)


def stop_running() -> None:
    """Let the cells that this process runs write their checkpoints and end."""
    for process in list(_processes):
        process.terminate()
        with suppress(ChildProcessError):  # not Popen.wait, which a signal may have interrupted
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


@contextmanager
def _in_turn(cell: Cell) -> Iterator[None]:
    """Wait while another grid runs the cell, and keep others from beginning it meanwhile."""
    cell.run.path.mkdir(parents=True, exist_ok=True)
    handle = os.open(cell.run.path / TURN, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        while not cell.desk.stop_asked:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(LOOK_EVERY)
            else:
                break
        yield
    finally:
        os.close(handle)


def _wait_until_free(cell: Cell) -> None:
    """Give an earlier process that still writes in the cell's folder the time to finish."""
    end = time.monotonic() + PATIENCE
    while cell.run.is_locked() and time.monotonic() < end and not cell.desk.stop_asked:
        time.sleep(LOOK_EVERY)


def prepare_process() -> None:
    """Set up a new process: it ends with its parent, and leaves Slurm's warnings to it."""
    for warning in (signal.SIGUSR1, signal.SIGUSR2):  # Slurm's, which the job itself answers
        signal.signal(warning, signal.SIG_IGN)
    end_with_parent()


def _written_since(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(begin)
        return file.read().decode(errors="replace")
