"""Compiled versions of what takes longest; each has an equal in torch that needs no compiler."""

from brains.kernels.compiler import KernelError
from brains.kernels.lif import lif_kernel_name

__all__ = ["KernelError", "lif_kernel_name"]
