"""Winners and the synapses that they drive, compiled from sparse.c."""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brains.kernels.choice import compiled_kernel


def sparse_kernel_runs(*tensors: Tensor) -> bool:
    """Say whether the compiled kernel is in use and takes these tensors."""
    taken = all([t.dtype is torch.float32 and t.is_cpu and t.numel() > 0 for t in tensors])
    return taken and compiled_kernel("sparse") is not None


def _call(name: str, tensors: tuple[Tensor, ...], sizes: tuple[int, ...]) -> None:
    """Hand contiguous tensors to the kernel by address.

    Raises:
        MemoryError: If the kernel found no memory.
    """
    library = compiled_kernel("sparse")
    assert library is not None
    addresses = [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]
    if library[name](*addresses, *map(ctypes.c_int64, sizes)):
        raise MemoryError(f"{name} found no memory")


class CompiledWinners(torch.autograd.Function):
    """`k_winners` of brains/competition.py."""

    @staticmethod
    def forward(ctx: Any, potential: Tensor, winners: int) -> Tensor:
        """Return the code, [..., N]."""
        potential = potential.contiguous()
        code = torch.empty_like(potential)
        units = potential.shape[-1]
        _call("sparse_winners", (potential, code), (potential.numel() // units, units, winners))
        ctx.save_for_backward(code)
        return code

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:  # type: ignore[override]
        """Return the winners' gradient, and zero for losers."""
        (code,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(gradients[0], code, 0.0), None


class CompiledEvents(torch.autograd.Function):
    """Linear map that visits the first `units` inputs only where they are not zero."""

    @staticmethod
    def forward(ctx: Any, code: Tensor, weight: Tensor, bias: Tensor | None, units: int) -> Tensor:
        """Return the drive, [R, outputs], of codes [R, inputs] and weights [outputs, inputs]."""
        code, synapses = code.contiguous(), weight.t().contiguous()
        rest, direct = code[:, units:], synapses[units:]
        drive = rest @ direct if bias is None else torch.addmm(bias, rest, direct)
        sizes = (*code.shape, units, len(weight))
        _call("sparse_forward", (code, synapses, drive), sizes)
        ctx.save_for_backward(code, synapses)
        ctx.units = units
        return drive

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:  # type: ignore[override]
        """Return the gradients of code, weights and bias; silent units have none."""
        code, synapses = ctx.saved_tensors
        drive, units = gradients[0].contiguous(), ctx.units
        code_gradient, synapse_gradient = torch.empty_like(code), torch.empty_like(synapses)
        tensors = (code, synapses, drive, code_gradient, synapse_gradient)
        _call("sparse_backward", tensors, (*code.shape, units, drive.shape[-1]))
        code_gradient[:, units:] = drive @ synapses[units:].t()
        torch.mm(code[:, units:].t(), drive, out=synapse_gradient[units:])
        bias = drive.sum(0) if ctx.needs_input_grad[2] else None
        return code_gradient, synapse_gradient.t(), bias, None
