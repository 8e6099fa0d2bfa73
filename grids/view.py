"""What a grid says while it goes on: a line per event and, on a terminal, one that tells the state.

Steps are read from the cells' own progress.csv, wherever the cells run.
"""

import os
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TextIO

from agents.progress import duration, read_progress
from grids.cell import Cell
from grids.run_cell import Outcome

WINDOW = 60.0
"""Seconds over which the grid's speed is taken."""

_TAIL = 4096  # bytes, more than the longest row of a progress.csv


class GridView:
    """Tells about a grid.

    Args:
        cells: All cells of the grid.
        stream: Where it is told.
    """

    def __init__(self, cells: Sequence[Cell], *, stream: TextIO | None = None) -> None:
        self._cells = {cell.name: cell for cell in cells}
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._done: set[str] = set()
        self._failed: set[str] = set()
        self._running: set[str] = set()
        self._marks: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def say(self, text: str) -> None:
        """Write a line."""
        with self._lock:
            self._write(text)

    def skipped(self, cell: Cell) -> None:
        """Tell that a cell needs nothing."""
        self._done.add(cell.name)
        self.say(f"skipped   {cell.name} was already finished")

    def ended(self, cell: Cell, outcome: Outcome, *, retry: bool) -> None:
        """Tell how a cell ended."""
        group = {"finished": self._done, "failed": self._failed}.get(outcome.status, set())
        group.add(cell.name)
        self._running.discard(cell.name)
        told = {
            "finished": f": {_result(cell)}",
            "failed": f": {outcome.error}" + ("; it is tried again" if retry else ""),
            "stopped": f" at {steps_of(cell):,} steps",
        }[outcome.status]
        self.say(f"{outcome.status:<9} {cell.name}{told}  [{self.summary()}]")

    def retrying(self, cells: Sequence[Cell]) -> None:
        """Count cells as left again."""
        self._failed -= {cell.name for cell in cells}

    def summary(self) -> str:
        """Return the state of the grid in one line."""
        total, running = len(self._cells), len(self._running)
        left = total - len(self._done) - len(self._failed) - running
        words = [f"{len(self._done)}/{total} done", f"{running} running"]
        words += [f"{len(self._failed)} failed", f"{left} left"]
        return "  ".join([*words, *self._speed()])

    def _speed(self) -> list[str]:
        """Return steps per second over all cells and the time that is left, once known."""
        if len(self._marks) < 2:
            return []
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        rate = (last - first) / max(end - start, 1e-9)
        if rate <= 0:
            return []
        open_cells = [cell for name, cell in self._cells.items() if name not in self._failed]
        left = sum(cell.total_steps for cell in open_cells) - sum(map(self._steps, open_cells))
        told = [f"{rate:,.0f} steps/s"]
        return [*told, f"{duration(left / rate)} left"] if left > 0 else told

    def _steps(self, cell: Cell) -> int:
        return cell.total_steps if cell.name in self._done else steps_of(cell)

    def _watch(self) -> None:
        """Look again and again, until the grid is over."""
        while not self._over.wait(0.5):
            self._look()

    def _look(self) -> None:
        """See which cells have begun, and how far all are."""
        desk = next(iter(self._cells.values())).desk
        running = desk.names_running() - self._done - self._failed
        for name in sorted(running - self._running):
            steps = steps_of(self._cells[name])
            self.say(f"resumed   {name} at {steps:,} steps" if steps else f"started   {name}")
        self._running = running
        now = time.monotonic()
        self._marks.append((now, sum(self._steps(cell) for cell in self._cells.values())))
        while now - self._marks[0][0] > WINDOW:
            self._marks.popleft()
        if self._live:
            with self._lock:
                self._write(self.summary(), end="")

    def _write(self, text: str, end: str = "\n") -> None:
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            text = "\r" + (text.ljust(width) if end else text[:width].ljust(width))
        self._stream.write(text + end)
        self._stream.flush()


def steps_of(cell: Cell) -> int:
    """Return the control steps that a cell has recorded, from the end of its progress.csv."""
    rows = _tail(cell.run.progress.path).splitlines(keepends=True)
    whole = [row.partition(",")[0] for row in rows if row.endswith("\n")]
    return min(int(whole[-1]), cell.total_steps) if whole and whole[-1].isdigit() else 0


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(-min(_TAIL, os.fstat(file.fileno()).st_size), os.SEEK_END)
            return file.read().decode()
    except FileNotFoundError:
        return ""


def _result(cell: Cell) -> str:
    """Return what a finished cell reached."""
    rows = read_progress(cell.run.progress.path)
    if not rows:
        return "no update was needed"
    last = rows[-1]
    reached = last.get("episode_return_mean")
    told = f"return {float(reached):,.1f} after " if reached else ""
    spent = duration(float(last["wall_seconds"]))
    return f"{told}{int(last['env_steps']):,} steps in {spent}"
