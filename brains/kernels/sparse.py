"""Winners, what they hear and what they drive, compiled from C (sparse*.c)."""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brains.kernels.choice import compiled_kernel, fork_join

WORTH_THREADS = 2**16  # fewer numbers than this are done before a second thread has woken up


class _Team(ctypes.Structure):
    """Mirrors `Team` in sparse.h."""

    _fields_ = [("threads", ctypes.c_int64), ("fork_join", ctypes.c_void_p)]


def sparse_kernel_runs(*tensors: Tensor) -> bool:
    """Say whether the compiled kernel is in use and takes these tensors."""
    taken = all([t.dtype is torch.float32 and t.is_cpu and t.numel() > 0 for t in tensors])
    return taken and compiled_kernel("sparse") is not None


def _call(name: str, tensors: tuple[Tensor | None, ...], sizes: tuple[int, ...]) -> None:
    """Hand tensors to the kernel by address; the largest says whether threads are worth while.

    Raises:
        MemoryError: If the kernel found no memory.
    """
    library = compiled_kernel("sparse")
    assert library is not None
    large = max([0 if t is None else t.numel() for t in tensors]) >= WORTH_THREADS
    threads = torch.get_num_threads() if large else 1
    team = _Team(threads, fork_join() if threads > 1 else None)
    addresses = [ctypes.c_void_p(None if t is None else t.data_ptr()) for t in tensors]
    if library[name](ctypes.byref(team), *addresses, *map(ctypes.c_int64, sizes)):
        raise MemoryError(f"{name} found no memory")


def _fire(potential: Tensor, winners: int) -> Tensor:
    """Return the code, [..., N], of contiguous potentials, [..., N]."""
    code, units = torch.empty_like(potential), potential.shape[-1]
    _call("sparse_winners", (potential, code), (potential.numel() // units, units, winners))
    return code


class CompiledWinners(torch.autograd.Function):
    """`k_winners` of brains/competition.py."""

    @staticmethod
    def forward(ctx: Any, potential: Tensor, winners: int) -> Tensor:
        """Return the code, [..., N]."""
        code = _fire(potential.contiguous(), winners)
        ctx.save_for_backward(code)
        return code

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:  # type: ignore[override]
        """Return the winners' gradient, and zero for losers."""
        (code,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(gradients[0], code, 0.0), None


class CompiledEncoder(torch.autograd.Function):
    """Winners among units that hear through a linear map: `k_winners_of` of brains/competition.py.

    Backward, the synapses of losers are not visited: they have no gradient.
    """

    @staticmethod
    def forward(ctx: Any, heard: Tensor, weight: Tensor, bias: Tensor, winners: int) -> Tensor:
        """Return the code, [R, N], of what is heard, [R, H], through weights, [N, H]."""
        heard, weight = heard.contiguous(), weight.contiguous()
        code = _fire(torch.addmm(bias, heard, weight.t()), winners)
        ctx.save_for_backward(heard, weight, code)
        return code

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:  # type: ignore[override]
        """Return the gradients of what was heard, weights and biases."""
        heard, weight, code = ctx.saved_tensors
        reached = gradients[0] if gradients[0].stride(-1) == 1 else gradients[0].contiguous()
        of_heard = torch.empty_like(heard) if ctx.needs_input_grad[0] else None
        of_weight, of_bias = torch.empty_like(weight), weight.new_empty(len(weight))
        tensors = (code, reached, heard, weight, of_heard, of_weight, of_bias)
        sizes = (len(code), reached.stride(0), code.shape[1], heard.shape[1])
        _call("sparse_encoder_backward", tensors, sizes)
        return of_heard, of_weight, of_bias, None


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
