"""Where a grid and its cells leave notes for each other: a folder that every machine sees.

Files are the one channel that threads, batch queues and clusters have in common. A cell's note is
there while it runs; the grid's own says that all should stop.
"""

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.stop_signals import StopSignals

RUNNING = ".running"
STOPPING = "stopping: running cells write their checkpoints (again: do not wait for them)"


@dataclass(frozen=True)
class Desk:
    """The folder of the notes.

    Attributes:
        path: Where it is, absolute.
    """

    path: Path

    def set_up(self) -> None:
        """Make the folder."""
        self.path.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Take the folder away; cells that begin after that know that nobody waits for them."""
        shutil.rmtree(self.path, ignore_errors=True)

    def ask_to_stop(self) -> None:
        """Let running cells write a checkpoint and end, and no other begin."""
        (self.path / "stop").touch()

    def stops_by_signal(self) -> StopSignals:
        """Return a context in which the first Ctrl-C or SIGTERM asks to stop."""
        return StopSignals(STOPPING, heard=self.ask_to_stop)

    @property
    def stop_asked(self) -> bool:
        """Whether cells should stop."""
        return not self.path.is_dir() or (self.path / "stop").exists()

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Note that a cell runs, on which machine and in which process, while it does."""
        note = self.path / f"{name}{RUNNING}"
        aside = note.with_suffix(".writing")
        aside.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}))
        aside.replace(note)
        try:
            yield
        finally:
            note.unlink(missing_ok=True)

    def names_running(self) -> set[str]:
        """Return the names of the cells that run."""
        return {path.name.removesuffix(RUNNING) for path in self.path.glob(f"*{RUNNING}")}

    def where(self, name: str) -> dict[str, Any]:
        """Return host and pid of what runs a cell; nothing if it does not run."""
        try:
            return json.loads((self.path / f"{name}{RUNNING}").read_text())
        except FileNotFoundError:
            return {}
