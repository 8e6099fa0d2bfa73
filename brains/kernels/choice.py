"""Which kernel is used: the compiled one where it can be had, unless the user says otherwise."""

import ctypes
import os
from functools import lru_cache
from pathlib import Path

import torch

from brains.kernels.compiler import KernelError, load_kernel
from brains.kernels.memory import keep_freed_memory

CHOICES = ("auto", "compiled", "torch")


@lru_cache(maxsize=8)
def library(name: str) -> ctypes.CDLL | KernelError:
    """Return a compiled kernel, or why there is none; tried once per process."""
    keep_freed_memory()
    try:
        return load_kernel(name)
    except KernelError as error:
        return error


def chosen(name: str, variable: str) -> ctypes.CDLL | None:
    """Return a kernel if it is wanted and can be had.

    Args:
        name: Of the kernel.
        variable: Environment variable by which the user chooses.

    Raises:
        KernelError: If the variable names no kernel, or one that cannot be had.
    """
    choice = os.environ.get(variable, "auto")
    if choice not in CHOICES:
        raise KernelError(f"{variable} must be one of {', '.join(CHOICES)}, got {choice!r}")
    if choice == "torch":
        return None
    found = library(name)
    if isinstance(found, ctypes.CDLL):
        return found
    if choice == "compiled":
        raise KernelError(f"{found}; or set {variable}=auto to do without")
    return None


@lru_cache(maxsize=1)
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
