"""How long torch's idle threads stay awake."""

import os
import sys

_ENOUGH = 10_000  # turns of an empty loop, some tens of microseconds


def let_idle_threads_sleep() -> None:
    """Let threads of torch that wait for work give their processor to MuJoCo's.

    GNU OpenMP, which torch runs on, lets a thread without work spin for about a millisecond before
    it sleeps. Physics and learning take turns within that time, each with threads of its own, so
    spinning threads of the one hold up the other. OpenMP reads the setting once, when torch is
    imported; what the user has chosen stands.
    """
    if "torch" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(_ENOUGH))
