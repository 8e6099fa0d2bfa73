"""Which version of a kernel runs: the compiled one where it can be had, or its equal in torch."""

import ctypes
import os
from functools import cache
from pathlib import Path

import torch

from brains.kernels.compiler import KernelError, load_kernel
from brains.kernels.memory import keep_freed_memory

CHOICES = ("auto", "compiled", "torch")


@cache
def _attempt(name: str) -> ctypes.CDLL | KernelError:
    """Return the compiled kernel, or why there is none; tried once per process."""
    keep_freed_memory()
    try:
        return load_kernel(name)
    except KernelError as error:
        return error


def compiled_kernel(name: str) -> ctypes.CDLL | None:
    """Return a compiled kernel if it is wanted and can be had.

    Args:
        name: Of the kernel; `WETWARE_<NAME>_KERNEL` in the environment chooses its version.

    Raises:
        KernelError: If the environment variable names no version, or one that cannot be had.
    """
    variable = f"WETWARE_{name.upper()}_KERNEL"
    choice = os.environ.get(variable, "auto")  # asked each time: it costs a microsecond
    if choice not in CHOICES:
        raise KernelError(f"{variable} must be one of {', '.join(CHOICES)}, got {choice!r}")
    if choice == "torch":
        return None
    library = _attempt(name)
    if isinstance(library, ctypes.CDLL):
        return library
    if choice == "compiled":
        raise KernelError(f"{library}; or set {variable}=auto to do without")
    return None


@cache
def fork_join() -> int | None:
    """Return how torch's own threads are called, so that no second set competes with them."""
    for name in ("libtorch_cpu.so", "libtorch_cpu.dylib"):
        path = Path(torch.__file__).parent / "lib" / name
        if path.exists():
            try:
                function = ctypes.CDLL(str(path)).GOMP_parallel
            except (OSError, AttributeError):
                return None
            return ctypes.cast(function, ctypes.c_void_p).value
    return None
