"""A polite stop: the first Ctrl-C or SIGTERM is a wish, the second an order."""

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from agents.parent_death import outlive_parent

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Turns the first signal into a wish to stop; the second ends the process at once.

    Args:
        first: What is said at the first signal; nothing if empty.
        second: What is said at the second.
        heard: Called at the first signal, before it is said; it must be safe in a handler.

    Attributes:
        received: The signal's number, or None.
        first: What is said at the first signal; what goes on at the time may set it anew.
    """

    def __init__(
        self, first: str, second: str = "", heard: Callable[[], object] = lambda: None
    ) -> None:
        self.received: int | None = None
        self.first, self._second, self._heard = first, second, heard
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            _say(self._second)
            os._exit(128 + number)
        self.received = number
        outlive_parent()  # whose death may be what this was, and may be told again
        self._heard()
        _say(self.first)


def _say(note: str) -> None:
    if note:
        os.write(2, f"\n{note}\n".encode())  # print() may be in the middle of another line
