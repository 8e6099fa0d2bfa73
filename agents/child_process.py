"""Another program, run from this one: it ends when a signal asks for it, and with this process."""

import signal
import subprocess
import time
from collections.abc import Sequence

from agents.parent_death import end_with_parent
from agents.stop_signals import StopSignals

LOOK_EVERY = 0.2
"""Seconds between two looks at whether a stop was asked for."""

PATIENCE = 10.0
"""Seconds that a program has to tidy up after it was asked to end."""


def run_program(command: Sequence[str], *, stop: StopSignals, seconds: float) -> str:
    """Run a program, and return the last line of what went wrong, if anything did.

    Args:
        command: The program and its arguments; what it prints to stdout is dropped.
        stop: Signals to heed: the program is ended once one was received.
        seconds: How long it may take, s.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches it through this process alone
        preexec_fn=end_with_parent,
    )
    try:
        errors = _wait(process, stop, seconds)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if errors is None:
        return f"it took more than {seconds:.0f} s"
    return (errors.strip().splitlines() or [f"exit code {process.returncode}"])[-1]


def _wait(process: "subprocess.Popen[str]", stop: StopSignals, seconds: float) -> str | None:
    """Return what a program wrote to stderr; None if it did not end in time."""
    end, asked = time.monotonic() + seconds, False
    while time.monotonic() < end:
        try:
            return process.communicate(timeout=LOOK_EVERY)[1]
        except subprocess.TimeoutExpired:
            if stop.received is not None and not asked:
                process.send_signal(signal.SIGINT)  # which lets it remove unfinished files
                end, asked = time.monotonic() + PATIENCE, True
    return None
