"""The hyperbolic tangent, compiled from C (tanh.c says how); several times as fast as torch's."""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brains.kernels.choice import compiled_kernel


def _function() -> Any | None:
    """Return the compiled function, or None where there is no compiler or it is not wanted.

    Raises:
        KernelError: If `WETWARE_TANH_KERNEL` names no version, or one that cannot be had.
    """
    library = compiled_kernel("tanh")
    if library is None:
        return None
    function = library.tanh_of
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    function.restype = None
    return function


def fast_tanh(values: Tensor) -> Tensor:
    """Return tanh of every number, to a relative error below 2e-7."""
    if values.dtype is not torch.float32 or not values.is_cpu or _function() is None:
        return values.tanh()
    if torch.is_grad_enabled() and values.requires_grad:
        return _Tanh.apply(values)  # type: ignore[no-any-return, no-untyped-call]
    return _compiled(values)


def _compiled(values: Tensor) -> Tensor:
    function: Any = _function()
    values = values.contiguous()
    result = torch.empty_like(values)
    function(values.data_ptr(), result.data_ptr(), values.numel())
    return result


class _Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        result = _compiled(values)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # type: ignore[override]
        (result,) = ctx.saved_tensors
        return torch.ops.aten.tanh_backward(gradients[0], result)
