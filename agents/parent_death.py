"""What becomes of a process when the one that started it dies: it may ask for SIGTERM."""

import ctypes
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in <linux/prctl.h>


_set_process_option = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def end_with_parent() -> None:
    """Let a new process, which calls this before all else, get SIGTERM when its parent dies."""
    if _set_process_option is not None:
        _set_process_option(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def outlive_parent() -> None:
    """Let this process get no further signal when its parent dies.

    A parent that is killed dies thread by thread, and Linux sends the signal for each thread that
    the child is handed on to: the second would be taken for an order to stop at once.
    """
    if _set_process_option is not None:
        _set_process_option(_SET_PARENT_DEATH_SIGNAL, 0)
