"""Fast weights over a segment and their backward pass, compiled from C (fast_weights.c)."""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brains.kernels.choice import compiled_kernel, fork_join

NAME = "fast_weights"
WORTH_THREADS = 2**16  # fewer synapses than this are done before a second thread has woken up
POINTER = ctypes.c_void_p


class _Segment(ctypes.Structure):
    """Mirrors `Segment` in fast_weights.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("steps", "rows", "posts", "pres")),
        *((name, ctypes.c_float) for name in ("trace_rate", "bound")),
        ("lasting", ctypes.c_int32),
        ("threads", ctypes.c_uint),
        ("fork_join", POINTER),
        ("episode_start", POINTER),
        *((name, POINTER) for name in ("post", "pre", "query", "gain", "decay")),
        *((name, POINTER) for name in ("eligibility_before", "weights_before")),
        *((name, POINTER) for name in ("read", "eligibility", "weights")),
    ]


class _Gradients(ctypes.Structure):
    """Mirrors `Gradients` in fast_weights.c."""

    _fields_ = [
        (name, POINTER)
        for name in ("read", "eligibility", "weights", "post", "pre", "query", "gain", "decay")
    ]


def fast_weights_kernel_name() -> str:
    """Return which kernel runs single-precision fast weights: "compiled" or "torch"."""
    return "torch" if compiled_kernel(NAME) is None else "compiled"


def compiled_kernel_runs(
    post: Tensor,
    pre: Tensor,
    gain: Tensor,
    query: Tensor,
    eligibility: Tensor,
    weights: Tensor,
    decay: Tensor,
) -> bool:
    """Say whether the compiled kernel is in use and takes these tensors.

    It reads them by address, so whatever is not exactly as documented is left to torch.
    """
    synapses = (post.shape[1], post.shape[2], pre.shape[2])
    tensors = (post, pre, gain, query, eligibility, weights, decay)
    return (
        all(t.dtype is torch.float32 and t.is_cpu for t in tensors)
        and gain.shape == post.shape
        and query.shape == pre.shape
        and post.shape[:2] == pre.shape[:2]
        and eligibility.shape == weights.shape == synapses
        and decay.shape == post.shape[2:]
        and min(post.numel(), pre.numel()) > 0
        and compiled_kernel(NAME) is not None
    )


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _call(name: str, *structures: ctypes.Structure) -> None:
    kernel = compiled_kernel(NAME)
    if kernel is None or kernel[name](*map(ctypes.byref, structures)):
        raise MemoryError(f"{name} found no memory")


def _segment(
    inputs: tuple[Tensor, ...],
    episode_start: Tensor,
    outputs: tuple[Tensor | None, ...],
    rule: tuple[float, float, bool],
) -> _Segment:
    """Describe a segment to the kernel; every tensor is contiguous and outlives the call."""
    post, pre, gain, query, eligibility, weights, decay = inputs
    steps, rows, posts = post.shape
    pres = pre.shape[2]
    threads = torch.get_num_threads() if steps * rows * posts * pres >= WORTH_THREADS else 1
    tensors = (episode_start, post, pre, query, gain, decay, eligibility, weights, *outputs)
    return _Segment(
        *(steps, rows, posts, pres),
        *rule,
        *(threads, fork_join() if threads > 1 else None),
        *map(_address, tensors),
    )


class CompiledFastWeights(torch.autograd.Function):
    """The segment pass of brains/fast_weights.py; takes and returns the same tensors."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, ...]:
        """Run a segment: association, query, memory, decay, episode starts, rule.

        Raises:
            ValueError: If `episode_start` is not bool, [T, B].
        """
        inputs = tuple(tensor.contiguous() for tensor in arguments[:7])
        episode_start, rule = arguments[7], arguments[8:]
        post, eligibility = inputs[0], inputs[4]
        if episode_start.shape != post.shape[:2] or episode_start.dtype is not torch.bool:
            shape, dtype = list(episode_start.shape), episode_start.dtype
            wanted = list(post.shape[:2])
            raise ValueError(f"episode_start must be bool, {wanted}, got {dtype}, {shape}")
        episode_start = episode_start.contiguous()
        read = torch.empty_like(post)
        final = (torch.empty_like(eligibility), torch.empty_like(eligibility))
        _call("fast_weights_forward", _segment(inputs, episode_start, (read, *final), rule))
        ctx.save_for_backward(*inputs, episode_start)
        ctx.rule = rule
        ctx.set_materialize_grads(False)
        return read, *final

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:  # type: ignore[override]
        """Return the gradients of everything the segment depended on."""
        *inputs, episode_start = ctx.saved_tensors
        post, pre, gain, query, eligibility, weights, decay = inputs
        read = None if gradients[0] is None else gradients[0].contiguous()
        memory = [
            torch.zeros_like(leaf) if gradient is None else gradient.contiguous().clone()
            for gradient, leaf in zip(gradients[1:], (eligibility, weights), strict=True)
        ]
        of_post = torch.empty_like(post) if ctx.needs_input_grad[0] else None
        of_pre = torch.empty_like(pre) if ctx.needs_input_grad[1] else None
        of_query, of_gain = torch.empty_like(query), torch.empty_like(gain)
        of_decay = decay.new_empty((len(weights), len(decay)))
        segment = _segment(tuple(inputs), episode_start, (None, None, None), ctx.rule)
        written = (read, *memory, of_post, of_pre, of_query, of_gain, of_decay)
        _call("fast_weights_backward", segment, _Gradients(*map(_address, written)))
        nothing = (None,) * (1 + len(ctx.rule))
        return (of_post, of_pre, of_gain, of_query, *memory, of_decay.sum(0), *nothing)
