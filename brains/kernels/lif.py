"""The LIF population's segment and its backward pass, compiled (lif.c)."""

import ctypes
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brains.kernels.compiler import KernelError, load_kernel
from brains.lif import NORM_EPSILON, THRESHOLD, LIFParameters, LIFState

VARIABLE = "WETWARE_LIF_KERNEL"
CHOICES = ("auto", "compiled", "torch")
MOST_NEURONS = 2**16 - 1  # the kernel numbers them in two bytes
WORTH_THREADS = 2**16  # fewer numbers than this are done before a second thread has woken up


class _Segment(ctypes.Structure):
    """Mirrors `Segment` in lif.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("control_steps", "substeps", "rows", "neurons")),
        *((name, ctypes.c_float) for name in ("threshold", "norm_epsilon", "slope")),
        ("threads", ctypes.c_uint),
        ("fork_join", ctypes.c_void_p),
        ("episode_start", ctypes.c_void_p),
        ("drive", ctypes.c_void_p),
        *((name + "_before", ctypes.c_void_p) for name in LIFState._fields),
        *((name, ctypes.c_void_p) for name in LIFParameters._fields),
        *((name, ctypes.c_void_p) for name in LIFState._fields),
        *((name, ctypes.c_void_p) for name in ("whitened", "inverse_deviation")),
        *((name, ctypes.c_void_p) for name in ("fired", "fired_count")),
    ]


class _Gradients(ctypes.Structure):
    """Mirrors `Gradients` in lif.c."""

    _fields_ = [
        ("outputs", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in LIFState._fields),
        ("current", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in LIFParameters._fields),
        ("spikes_wanted", ctypes.c_int32),
    ]


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | KernelError:
    """Return the compiled kernel, or why there is none; tried once per process."""
    try:
        return load_kernel("lif")
    except KernelError as error:
        return error


@lru_cache(maxsize=1)
def _fork_join() -> int | None:
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


def _compiled() -> ctypes.CDLL | None:
    """Return the kernel if it is wanted and can be had.

    Raises:
        KernelError: If the environment variable names no kernel, or one that cannot be had.
    """
    choice = os.environ.get(VARIABLE, "auto")
    if choice not in CHOICES:
        raise KernelError(f"{VARIABLE} must be one of {', '.join(CHOICES)}, got {choice!r}")
    if choice == "torch":
        return None
    library = _library()
    if isinstance(library, ctypes.CDLL):
        return library
    if choice == "compiled":
        raise KernelError(f"{library}; or set {VARIABLE}=auto to do without")
    return None


def lif_kernel_name() -> str:
    """Return which kernel runs single-precision populations on the CPU: "compiled" or "torch"."""
    return "torch" if _compiled() is None else "compiled"


def compiled_kernel_runs(drive: Tensor, state: LIFState, parameters: LIFParameters) -> bool:
    """Say whether the compiled kernel is in use and takes these tensors."""
    tensors = (drive, *state, *parameters)
    return (
        all(t is None or (t.dtype is torch.float32 and t.device.type == "cpu") for t in tensors)
        and drive.shape[-1] <= MOST_NEURONS
        and _compiled() is not None
    )


class _Trace(NamedTuple):
    """What the backward pass needs of every spiking step, [T * substeps, B, ...]."""

    potential: Tensor
    spikes: Tensor
    adaptation: Tensor | None
    readout: Tensor
    whitened: Tensor | None
    inverse_deviation: Tensor | None
    fired: Tensor
    fired_count: Tensor


def _blank_trace(steps: int, drive: Tensor, parameters: LIFParameters) -> _Trace:
    _, rows, neurons = drive.shape

    def blank(dtype: torch.dtype = torch.float32, *, wide: bool = True) -> Tensor:
        shape = (steps, rows, neurons) if wide else (steps, rows)
        return torch.empty(shape, dtype=dtype)

    adapts, normed = parameters.adaptation_decay is not None, parameters.norm_weight is not None
    return _Trace(
        potential=blank(),
        spikes=blank(),
        adaptation=blank() if adapts else None,
        readout=blank(),
        whitened=blank() if normed else None,
        inverse_deviation=blank(wide=False) if normed else None,
        fired=blank(torch.int16),
        fired_count=blank(torch.int32, wide=False),
    )


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _segment(
    drive: Tensor | None,
    episode_start: Tensor | None,
    state: LIFState,
    parameters: LIFParameters,
    trace: _Trace,
    slope: float,
    substeps: int,
) -> _Segment:
    """Describe a segment to the kernel; every tensor is contiguous and outlives the call."""
    steps, rows, neurons = trace.potential.shape
    threads = torch.get_num_threads() if trace.potential.numel() >= WORTH_THREADS else 1
    tensors = (episode_start, drive, *state, *parameters, *trace)
    return _Segment(
        *(steps // substeps, substeps, rows, neurons),
        *(THRESHOLD, NORM_EPSILON, slope),
        *(threads, _fork_join() if threads > 1 else None),
        *map(_address, tensors),
    )


def _call(name: str, *structures: ctypes.Structure) -> None:
    library = _compiled()
    if library is None or library[name](*map(ctypes.byref, structures)):
        raise MemoryError(f"{name} found no memory")


class CompiledLIFSequence(torch.autograd.Function):
    """The segment pass of brains/lif_sequence.py; takes and returns the same tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        episode_start: Tensor | None,
        slope: float,
        substeps: int,
        *tensors: Any,
    ) -> tuple[Tensor, ...]:
        """Run a segment; `episode_start` is None where no episode begins."""
        drive, episode_start = drive.contiguous(), _contiguous(episode_start)
        rest: list[Any] = [_contiguous(tensor) for tensor in tensors]
        state = LIFState(*rest[: len(LIFState._fields)])
        parameters = LIFParameters(*rest[len(LIFState._fields) :])
        trace = _blank_trace(len(drive) * substeps, drive, parameters)
        _call(
            "lif_forward",
            _segment(drive, episode_start, state, parameters, trace, slope, substeps),
        )
        ctx.save_for_backward(episode_start, *state, *parameters, *trace)
        ctx.slope, ctx.substeps = slope, substeps
        ctx.set_materialize_grads(False)
        return (_ends(trace.readout, substeps), *_final(trace, episode_start, state))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:  # type: ignore[override]
        """Return the gradients of everything the segment depended on."""
        episode_start, *saved = ctx.saved_tensors
        state = LIFState(*saved[:4])
        parameters, trace = LIFParameters(*saved[4:11]), _Trace(*saved[11:])
        segment = _segment(None, episode_start, state, parameters, trace, ctx.slope, ctx.substeps)
        outputs = _contiguous(gradients[0])
        carry = [
            _start(gradient, like) for gradient, like in zip(gradients[1:], state, strict=True)
        ]
        current = torch.empty_like(trace.potential)
        totals = [None if p is None else torch.empty_like(p) for p in parameters]
        spikes_wanted = ctx.needs_input_grad[4 + LIFState._fields.index("spikes")]
        addresses = map(_address, (outputs, *carry, current, *totals))
        _call("lif_backward", segment, _Gradients(*addresses, spikes_wanted))
        drive = current
        if ctx.substeps > 1:
            drive = current.reshape(-1, ctx.substeps, *current.shape[1:]).sum(1)
        return (drive, None, None, None, *carry, *totals)


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def _start(gradient: Tensor | None, like: Tensor) -> Tensor:
    """Return memory that holds a final gradient and that the backward pass may overwrite."""
    if gradient is None:
        return torch.zeros_like(like)
    return gradient.clone(memory_format=torch.contiguous_format)


def _ends(readout: Tensor, substeps: int) -> Tensor:
    return readout if substeps == 1 else readout[substeps - 1 :: substeps].contiguous()


def _final(trace: _Trace, episode_start: Tensor | None, state: LIFState) -> LIFState:
    """Return the memory after the segment."""
    if trace.adaptation is not None:
        adaptation = trace.adaptation[-1].clone()
    elif episode_start is None:
        adaptation = state.adaptation.clone()
    else:
        adaptation = state.adaptation.masked_fill(episode_start.any(0).unsqueeze(-1), 0.0)
    potential, spikes = trace.potential[-1].clone(), trace.spikes[-1].clone()
    return LIFState(potential, spikes, adaptation, trace.readout[-1].clone())
