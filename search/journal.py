"""Optuna's journal of a study, written so that no process that dies spoils it for the others."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes out meanwhile; the system lets the next one in if this one dies.

    Args:
        path: A file that stands for what is locked. It is made, and stays.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class JournalLock(JournalFileOpenLock):
    """Lets one process at a time write a journal.

    Optuna's own locks are files that a killed process leaves behind. Others break such a lock after
    half a minute, or never: beside a journal with a relative path the symbolic link that Optuna
    locks with points nowhere, so that its age cannot be read.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._held = ExitStack()

    def acquire(self) -> bool:
        """Wait for the lock, and take off the line that a killed process left half written."""
        with ExitStack() as stack:
            stack.enter_context(alone(self._journal.with_name(f".{self._journal.name}.lock")))
            _cut_to_whole_lines(self._journal)
            self._held = stack.pop_all()
        return True

    def release(self) -> None:
        """Let the next one in."""
        self._held.close()


def open_journal(path: Path) -> JournalFileBackend:
    """Return a journal, which is begun if there is none."""
    return JournalFileBackend(str(path), JournalLock(path))


def _cut_to_whole_lines(path: Path) -> None:
    """Take off what follows the last end of a line: the next line would be lost with it."""
    with path.open("r+b") as file:
        if not file.seek(0, os.SEEK_END):
            return
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
