"""Ends of a run that are told in one line; any other exception is a fault of the program."""

import errno

DISK_FULL = "the disk is full"


def told_in_a_line(error: OSError) -> str:
    """Return one line on what the system refused, and what mends it where that is known."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{DISK_FULL}: make room" if full else " ".join(str(error).split())


class UsageError(ValueError):
    """Something that was asked for does not exist or does not fit; the message says what does."""


class MissingKeyError(UsageError):
    """A configuration lacks a key that is needed.

    Attributes:
        key: The dotted key.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} is missing from the configuration, but it is needed")
        self.key = key


class RunError(RuntimeError):
    """A run could not go on; the message says where it stopped and what is intact."""


class CheckpointError(RuntimeError):
    """A checkpoint could not be written or read; the message says why and how to mend it."""


class NonFiniteError(RuntimeError):
    """A return, loss or gradient became NaN or too large; the message says which and when."""


class StopTraining(Exception):  # noqa: N818 - it is a request, not a fault
    """A signal asked a run to stop, and its checkpoint is written."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.signal_number = signal_number


class CellFailed(Exception):  # noqa: N818 - the errors themselves have been printed
    """Cells of a grid failed, which their own lines have told."""
