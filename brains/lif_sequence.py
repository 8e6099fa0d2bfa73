"""The population over a whole segment, with a backward pass written by hand.

Autograd records about ten small operations per spiking step and walks them one by one. Here the
loop keeps only what depends on the step before; gradients of weights, norms and decays are taken
after it, in one operation over the whole segment. Where a C compiler is at hand, brains/kernels
does the same several times faster.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brains.kernels.lif import CompiledLIFSequence, compiled_control_step, compiled_kernel_runs
from brains.lif import (
    NORM_EPSILON,
    THRESHOLD,
    LIFParameters,
    LIFState,
    firing_threshold,
    lif_step,
)
from brains.lif_adjoint import Adjoint, Trace, memory_before


def lif_sequence(
    drive: Tensor,
    episode_start: Tensor,
    state: LIFState,
    parameters: LIFParameters,
    *,
    slope: float,
    substeps: int,
    gain: Tensor | None = None,
) -> tuple[Tensor, LIFState]:
    """Run `lif_step` over a segment; memory is zeroed wherever an episode begins.

    Args:
        drive: Current from outside, held over the substeps of a control step, [T, B, N].
        episode_start: True where a control step is the first of its episode, [T, B].
        state: Memory before the segment.
        parameters: Synapses, decays and norms of the population.
        slope: Sharpness of the surrogate gradient.
        substeps: Spiking steps per control step.
        gain: Excitability of the row's neurons in each control step, positive, [T, B, 1]; None
            for 1.

    Returns:
        The readout after each control step, [T, B, N], and the memory after the segment.
    """
    threshold = firing_threshold(gain)
    compiled = compiled_kernel_runs(drive, threshold, state, parameters)
    sequence = CompiledLIFSequence if compiled else _LIFSequence
    readout, *final = sequence.apply(  # type: ignore[no-untyped-call]
        drive, threshold, episode_start, slope, substeps, *state, *parameters
    )
    return readout, LIFState(*final)


def lif_control_step(
    drive: Tensor,
    state: LIFState,
    parameters: LIFParameters,
    *,
    slope: float,
    substeps: int,
    gain: Tensor | None = None,
) -> LIFState:
    """Run `lif_step` over one control step; the numbers are those of a segment of this step alone.

    Args:
        drive: Current from outside, held over the substeps, [B, N].
        state: Memory before the control step; left as it was.
        parameters: Synapses, decays and norms of the population.
        slope: Sharpness of the surrogate gradient.
        substeps: Spiking steps per control step.
        gain: Excitability of the row's neurons, positive, [B, 1]; None for 1.

    Returns:
        Memory after the control step.
    """
    threshold = firing_threshold(gain)
    if compiled_kernel_runs(drive, threshold, state, parameters):
        return compiled_control_step(
            drive, threshold, state, parameters, slope=slope, substeps=substeps
        )
    for _ in range(substeps):
        state = lif_step(drive, state, parameters, slope=slope, gain=gain)
    return state


class _LIFSequence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        threshold: Tensor | None,
        episode_start: Tensor,
        slope: float,
        substeps: int,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        initial = LIFState(*tensors[: len(LIFState._fields)])
        parameters = LIFParameters(*tensors[len(LIFState._fields) :])
        keep = (~episode_start).to(drive.dtype).unsqueeze(-1)
        restarts = episode_start.any(dim=1).tolist()
        trace, final = _run(drive, threshold, keep, restarts, initial, parameters, substeps)
        ctx.save_for_backward(keep, threshold, *initial, *trace, *parameters)
        ctx.restarts, ctx.slope, ctx.substeps = restarts, slope, substeps
        ends = trace.readout[substeps - 1 :: substeps]
        return (ends.clone(), *(leaf.clone() for leaf in final))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        saved = list(ctx.saved_tensors)
        keep, threshold = saved.pop(0), saved.pop(0)
        initial = LIFState(*(saved.pop(0) for _ in LIFState._fields))
        trace = Trace(*(saved.pop(0) for _ in Trace._fields))
        parameters = LIFParameters(*saved)
        adjoint = Adjoint(trace, parameters, threshold, ctx.slope, ctx.substeps)
        adjoint.run(gradients[0], LIFState(*gradients[1:]), keep, ctx.restarts)
        before = memory_before(keep, initial, trace, ctx.substeps)
        drive = adjoint.current.unflatten(0, (-1, ctx.substeps)).sum(1)
        inward = (drive, adjoint.of_threshold(), None, None, None)
        return (*inward, *adjoint.carry, *adjoint.of_parameters(before))


def _run(
    drive: Tensor,
    firing: Tensor | None,
    keep: Tensor,
    restarts: list[bool],
    state: LIFState,
    parameters: LIFParameters,
    substeps: int,
) -> tuple[Trace, LIFState]:
    """Advance step by step without autograd; return the trace and the memory after it."""
    weight = parameters.recurrent_weight.t()
    size = drive.shape[-1:]
    steps = drive.shape[0] * substeps
    blank = drive.new_empty((steps, *drive.shape[1:]))
    adapts = parameters.adaptation_decay is not None
    trace = Trace(
        current=blank,
        norm_mean=drive.new_zeros((steps, drive.shape[1], 1)),
        norm_deviation=drive.new_ones((steps, drive.shape[1], 1)),
        potential=torch.empty_like(blank),
        spikes=torch.empty_like(blank),
        adaptation=torch.empty_like(blank) if adapts else torch.zeros_like(blank),
        readout=torch.empty_like(blank),
    )
    potential, spikes, adaptation, readout = state
    for step in range(steps):
        control = step // substeps
        if restarts[control] and step % substeps == 0:
            kept = keep[control]
            potential, spikes, readout = potential * kept, spikes * kept, readout * kept
            adaptation = adaptation * kept
        current = torch.addmm(drive[control], spikes, weight, out=trace.current[step])
        if parameters.norm_weight is not None:
            current, mean, deviation = torch.native_layer_norm(
                current, list(size), parameters.norm_weight, parameters.norm_bias, NORM_EPSILON
            )
            trace.norm_mean[step], trace.norm_deviation[step] = mean, deviation
        potential = torch.mul(potential, parameters.membrane_decay, out=trace.potential[step])
        potential.add_(current).sub_(spikes, alpha=THRESHOLD)
        threshold = THRESHOLD if firing is None else firing[control]
        if parameters.adaptation_decay is not None and parameters.adaptation_strength is not None:
            adaptation = torch.lerp(
                spikes, adaptation, parameters.adaptation_decay, out=trace.adaptation[step]
            )
            threshold = adaptation * parameters.adaptation_strength + threshold
        spikes = torch.gt(potential, threshold, out=trace.spikes[step])
        readout = torch.lerp(spikes, readout, parameters.readout_decay, out=trace.readout[step])
    return trace, LIFState(potential, spikes, adaptation, readout)
