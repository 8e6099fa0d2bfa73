"""Keeps the C library from handing memory back to the system after every use."""

import ctypes
import os
from functools import lru_cache

# The numbers of the settings in glibc's malloc.h, and what to raise them to, in bytes.
TRIM_THRESHOLD, KEPT = -1, 2**28
MMAP_THRESHOLD, LARGEST = -3, 2**25
USERS_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Let this process keep freed memory for its next use; return whether it could be set.

    glibc gives back what is free at the end of the heap beyond some hundred kilobytes. A segment's
    trace is larger than that and lives from one forward to one backward pass, so that its pages
    would be fetched and zeroed anew for every minibatch: about as long as the forward pass itself.
    Whoever has set malloc in the environment is left alone, and so are other C libraries.
    """
    if any(name in os.environ for name in USERS_OWN):
        return False
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return False
    return bool(set_option(TRIM_THRESHOLD, KEPT)) and bool(set_option(MMAP_THRESHOLD, LARGEST))
