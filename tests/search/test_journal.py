"""A study's journal survives the processes that write it."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="the search extra is not installed")

from search.journal import open_journal
from tests.command_line import ROOT

HOLD_THE_LOCK = """
from pathlib import Path
from search.journal import JournalLock
lock = JournalLock(Path("journal.log"))
lock.acquire()
print("held", flush=True)
input()
"""


def test_a_process_that_is_killed_while_it_writes_holds_nobody_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a study's folder is relative as a rule
    journal = open_journal(Path("journal.log"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", HOLD_THE_LOCK]
    with subprocess.Popen(command, env=environment, **pipes) as holder:
        assert holder.stdout.readline() == b"held\n"
        with Path(".journal.log.lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        holder.kill()
    journal.append_logs([{"at": 1}])
    assert list(journal.read_logs(0)) == [{"at": 1}]


def test_a_line_that_was_written_by_half_does_not_take_the_next_with_it(tmp_path):
    path = tmp_path / "journal.log"
    open_journal(path).append_logs([{"at": 1}])
    with path.open("a") as file:
        file.write('{"at": 2, "val')
    assert list(open_journal(path).read_logs(0)) == [{"at": 1}]
    open_journal(path).append_logs([{"at": 3}])
    assert list(open_journal(path).read_logs(0)) == [{"at": 1}, {"at": 3}]
