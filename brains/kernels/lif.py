"""The LIF population's segment and its backward pass, compiled from C (lif.h says how)."""

import ctypes
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brains.kernels.choice import compiled_kernel, fork_join
from brains.lif import NORM_EPSILON, THRESHOLD, LIFParameters, LIFState

MOST_NEURONS = 2**16 - 1  # the kernel numbers them in two bytes
WORTH_THREADS = 2**16  # fewer numbers than this are done before a second thread has woken up


class _Segment(ctypes.Structure):
    """Mirrors `Segment` in lif.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("control_steps", "substeps", "rows", "neurons")),
        *((name, ctypes.c_float) for name in ("threshold", "norm_epsilon", "slope")),
        ("threads", ctypes.c_uint),
        ("fork_join", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in ("episode_start", "drive", "firing_threshold")),
        *((name + "_before", ctypes.c_void_p) for name in LIFState._fields),
        *((name, ctypes.c_void_p) for name in LIFParameters._fields),
        *((name, ctypes.c_void_p) for name in LIFState._fields),
        *((name, ctypes.c_void_p) for name in ("whitened", "inverse_deviation")),
        *((name, ctypes.c_void_p) for name in ("fired", "fired_count")),
    ]


class _Gradients(ctypes.Structure):
    """Mirrors `Gradients` in lif.h."""

    _fields_ = [
        ("outputs", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in LIFState._fields),
        *((name, ctypes.c_void_p) for name in ("current", "firing_threshold")),
        *((name, ctypes.c_void_p) for name in LIFParameters._fields),
        ("spikes_wanted", ctypes.c_int32),
    ]


def lif_kernel_name() -> str:
    """Return which kernel runs single-precision populations on the CPU: "compiled" or "torch"."""
    return "torch" if compiled_kernel("lif") is None else "compiled"


def compiled_kernel_runs(
    drive: Tensor, threshold: Tensor | None, state: LIFState, parameters: LIFParameters
) -> bool:
    """Say whether the compiled kernel is in use and takes these tensors.

    It reads them by address, so whatever is not exactly as documented is left to torch.
    """
    rows, neurons = drive.shape[-2:]
    vectors = [p for p in parameters[1:] if p is not None]
    tensors = [drive, *state, parameters.recurrent_weight, *vectors]
    if threshold is not None:
        tensors.append(threshold)
    return (
        all([t.dtype is torch.float32 and t.is_cpu for t in tensors])
        and all([leaf.shape == (rows, neurons) for leaf in state])
        and all([vector.shape == (neurons,) for vector in vectors])
        and parameters.recurrent_weight.shape == (neurons, neurons)
        and (threshold is None or threshold.shape == (*drive.shape[:-1], 1))
        and drive.numel() > 0
        and neurons <= MOST_NEURONS
        and compiled_kernel("lif") is not None
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
    rows, neurons = drive.shape[-2:]
    wide, narrow = (steps, rows, neurons), (steps, rows)
    adapts, normed = parameters.adaptation_decay is not None, parameters.norm_weight is not None
    return _Trace(
        potential=torch.empty(wide),
        spikes=torch.empty(wide),
        adaptation=torch.empty(wide) if adapts else None,
        readout=torch.empty(wide),
        whitened=torch.empty(wide) if normed else None,
        inverse_deviation=torch.empty(narrow) if normed else None,
        fired=torch.empty(wide, dtype=torch.int16),
        fired_count=torch.empty(narrow, dtype=torch.int32),
    )


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _segment(
    drive: Tensor | None,
    threshold: Tensor | None,
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
    tensors = (episode_start, drive, threshold, *state, *parameters, *trace)
    return _Segment(
        *(steps // substeps, substeps, rows, neurons),
        *(THRESHOLD, NORM_EPSILON, slope),
        *(threads, fork_join() if threads > 1 else None),
        *map(_address, tensors),
    )


def _call(name: str, *structures: ctypes.Structure) -> None:
    library = compiled_kernel("lif")
    if library is None or library[name](*map(ctypes.byref, structures)):
        raise MemoryError(f"{name} found no memory")


def _run(
    drive: Tensor,
    threshold: Tensor | None,
    episode_start: Tensor | None,
    state: LIFState,
    parameters: LIFParameters,
    slope: float,
    substeps: int,
) -> _Trace:
    trace = _blank_trace(len(drive) * substeps, drive, parameters)
    segment = _segment(drive, threshold, episode_start, state, parameters, trace, slope, substeps)
    _call("lif_forward", segment)
    return trace


class CompiledLIFSequence(torch.autograd.Function):
    """The segment pass of brains/lif_sequence.py; takes and returns the same tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        threshold: Tensor | None,
        episode_start: Tensor,
        slope: float,
        substeps: int,
        *tensors: Any,
    ) -> tuple[Tensor, ...]:
        """Run a segment and keep its trace.

        Raises:
            ValueError: If `episode_start` is not bool, [T, B].
        """
        if episode_start.shape != drive.shape[:2] or episode_start.dtype is not torch.bool:
            shape, dtype = list(episode_start.shape), episode_start.dtype
            wanted = list(drive.shape[:2])
            raise ValueError(f"episode_start must be bool, {wanted}, got {dtype}, {shape}")
        drive, episode_start = drive.contiguous(), episode_start.contiguous()
        threshold = _contiguous(threshold)
        state, parameters = _lay_out(*tensors)
        trace = _run(drive, threshold, episode_start, state, parameters, slope, substeps)
        ctx.save_for_backward(threshold, episode_start, *state, *parameters, *trace)
        ctx.slope, ctx.substeps = slope, substeps
        ctx.set_materialize_grads(False)
        ends = trace.readout if substeps == 1 else trace.readout[substeps - 1 :: substeps].clone()
        if trace.adaptation is None:
            adaptation = state.adaptation.masked_fill(episode_start.any(0).unsqueeze(-1), 0.0)
        else:
            adaptation = trace.adaptation[-1].clone()
        potential, spikes = trace.potential[-1].clone(), trace.spikes[-1].clone()
        return ends, potential, spikes, adaptation, trace.readout[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:  # type: ignore[override]
        """Return the gradients of everything the segment depended on."""
        threshold, episode_start, *saved = ctx.saved_tensors
        state, parameters = _lay_out(*saved[: -len(_Trace._fields)])
        trace = _Trace(*saved[-len(_Trace._fields) :])
        recipe = ctx.slope, ctx.substeps
        segment = _segment(None, threshold, episode_start, state, parameters, trace, *recipe)
        outputs = _contiguous(gradients[0])
        carry = [
            _start(gradient, leaf) for gradient, leaf in zip(gradients[1:], state, strict=True)
        ]
        current = torch.empty_like(trace.potential)
        totals = [None if p is None else torch.empty_like(p) for p in parameters]
        of_threshold = None if threshold is None else torch.empty_like(threshold)
        spikes_wanted = ctx.needs_input_grad[5 + LIFState._fields.index("spikes")]
        addresses = map(_address, (outputs, *carry, current, of_threshold, *totals))
        _call("lif_backward", segment, _Gradients(*addresses, spikes_wanted))
        drive = current
        if ctx.substeps > 1:
            drive = current.reshape(-1, ctx.substeps, *current.shape[1:]).sum(1)
        return (drive, of_threshold, None, None, None, *carry, *totals)


def compiled_control_step(
    drive: Tensor,
    threshold: Tensor | None,
    state: LIFState,
    parameters: LIFParameters,
    *,
    slope: float,
    substeps: int,
) -> LIFState:
    """Run one control step as a segment of its own; see `lif_control_step`."""
    if torch.is_grad_enabled():
        nobody = torch.zeros((1, len(drive)), dtype=torch.bool)
        _, *final = CompiledLIFSequence.apply(  # type: ignore[no-untyped-call]
            *(drive.unsqueeze(0), None if threshold is None else threshold.unsqueeze(0)),
            *(nobody, slope, substeps, *state, *parameters),
        )
        return LIFState(*final)
    state, parameters = _lay_out(*state, *parameters)
    drive, threshold = drive.contiguous().unsqueeze(0), _contiguous(threshold)
    trace = _run(drive, threshold, None, state, parameters, slope, substeps)
    adaptation = state.adaptation if trace.adaptation is None else trace.adaptation[-1]
    return LIFState(trace.potential[-1], trace.spikes[-1], adaptation, trace.readout[-1])


def _lay_out(*tensors: Any) -> tuple[LIFState, LIFParameters]:
    """Return the memory and the parameters, each tensor contiguous."""
    plain: list[Any] = [_contiguous(tensor) for tensor in tensors]
    memory = len(LIFState._fields)
    return LIFState(*plain[:memory]), LIFParameters(*plain[memory:])


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def _start(gradient: Tensor | None, leaf: Tensor) -> Tensor:
    """Return memory that holds a final gradient and that the backward pass may overwrite."""
    if gradient is None:
        return torch.zeros_like(leaf)
    return gradient.clone(memory_format=torch.contiguous_format)
