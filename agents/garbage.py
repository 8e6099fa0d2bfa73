"""Keeps Python's garbage collector to what a training makes."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def only_new_garbage() -> Iterator[None]:
    """Let the collector pass over everything that is there already.

    Hundreds of thousands of objects of torch and others live as long as the process. A learner
    makes enough short-lived ones that they would all be looked through again every few updates.
    Whoever has frozen objects before is left alone.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
