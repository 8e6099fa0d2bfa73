"""The population over a whole segment, with a backward pass written by hand.

Autograd records about ten small operations per spiking step and walks them one by one. Here the
loop keeps only what depends on the step before; gradients of weights, norms and decays are taken
after it, in one operation over the whole segment. Where a C compiler is at hand, brains/kernels
does the same several times faster.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brains.kernels.lif import CompiledLIFSequence, compiled_control_step, compiled_kernel_runs
from brains.lif import NORM_EPSILON, THRESHOLD, LIFParameters, LIFState, lif_step
from brains.surrogate import fast_sigmoid_slope


class _Trace(NamedTuple):
    """What the backward pass needs of every spiking step, [T * substeps, B, ...]."""

    current: Tensor
    norm_mean: Tensor
    norm_deviation: Tensor
    potential: Tensor
    spikes: Tensor
    adaptation: Tensor
    readout: Tensor


def lif_sequence(
    drive: Tensor,
    episode_start: Tensor,
    state: LIFState,
    parameters: LIFParameters,
    *,
    slope: float,
    substeps: int,
) -> tuple[Tensor, LIFState]:
    """Run `lif_step` over a segment; memory is zeroed wherever an episode begins.

    Args:
        drive: Current from outside, held over the substeps of a control step, [T, B, N].
        episode_start: True where a control step is the first of its episode, [T, B].
        state: Memory before the segment.
        parameters: Synapses, decays and norms of the population.
        slope: Sharpness of the surrogate gradient.
        substeps: Spiking steps per control step.

    Returns:
        The readout after each control step, [T, B, N], and the memory after the segment.
    """
    compiled = compiled_kernel_runs(drive, state, parameters)
    sequence = CompiledLIFSequence if compiled else _LIFSequence
    readout, *final = sequence.apply(  # type: ignore[no-untyped-call]
        drive, episode_start, slope, substeps, *state, *parameters
    )
    return readout, LIFState(*final)


def lif_control_step(
    drive: Tensor, state: LIFState, parameters: LIFParameters, *, slope: float, substeps: int
) -> LIFState:
    """Run `lif_step` over one control step; the numbers are those of a segment of this step alone.

    Args:
        drive: Current from outside, held over the substeps, [B, N].
        state: Memory before the control step; left as it was.
        parameters: Synapses, decays and norms of the population.
        slope: Sharpness of the surrogate gradient.
        substeps: Spiking steps per control step.

    Returns:
        Memory after the control step.
    """
    if compiled_kernel_runs(drive, state, parameters):
        return compiled_control_step(drive, state, parameters, slope=slope, substeps=substeps)
    for _ in range(substeps):
        state = lif_step(drive, state, parameters, slope=slope)
    return state


class _LIFSequence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        episode_start: Tensor,
        slope: float,
        substeps: int,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        initial = LIFState(*tensors[: len(LIFState._fields)])
        parameters = LIFParameters(*tensors[len(LIFState._fields) :])
        keep = (~episode_start).to(drive.dtype).unsqueeze(-1)
        restarts = episode_start.any(dim=1).tolist()
        trace, final = _run(drive, keep, restarts, initial, parameters, substeps)
        ctx.save_for_backward(keep, *initial, *trace, *parameters)
        ctx.restarts, ctx.slope, ctx.substeps = restarts, slope, substeps
        ends = trace.readout[substeps - 1 :: substeps]
        return (ends.clone(), *(leaf.clone() for leaf in final))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        saved = list(ctx.saved_tensors)
        keep = saved.pop(0)
        initial = LIFState(*(saved.pop(0) for _ in LIFState._fields))
        trace = _Trace(*(saved.pop(0) for _ in _Trace._fields))
        parameters = LIFParameters(*saved)
        adjoint = _Adjoint(trace, parameters, ctx.slope, ctx.substeps)
        adjoint.run(gradients[0], LIFState(*gradients[1:]), keep, ctx.restarts)
        before = _before(keep, initial, trace, ctx.substeps)
        drive = adjoint.current.unflatten(0, (-1, ctx.substeps)).sum(1)
        return (drive, None, None, None, *adjoint.carry, *adjoint.of_parameters(before))


def _run(
    drive: Tensor,
    keep: Tensor,
    restarts: list[bool],
    state: LIFState,
    parameters: LIFParameters,
    substeps: int,
) -> tuple[_Trace, LIFState]:
    """Advance step by step without autograd; return the trace and the memory after it."""
    weight = parameters.recurrent_weight.t()
    size = drive.shape[-1:]
    steps = drive.shape[0] * substeps
    blank = drive.new_empty((steps, *drive.shape[1:]))
    adapts = parameters.adaptation_decay is not None
    trace = _Trace(
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
        threshold: Tensor | float = THRESHOLD
        if parameters.adaptation_decay is not None and parameters.adaptation_strength is not None:
            adaptation = torch.lerp(
                spikes, adaptation, parameters.adaptation_decay, out=trace.adaptation[step]
            )
            threshold = adaptation * parameters.adaptation_strength + THRESHOLD
        spikes = torch.gt(potential, threshold, out=trace.spikes[step])
        readout = torch.lerp(spikes, readout, parameters.readout_decay, out=trace.readout[step])
    return trace, LIFState(potential, spikes, adaptation, readout)


class _Adjoint:
    """Walks a trace backward and gathers the gradients of everything it depended on."""

    def __init__(
        self, trace: _Trace, parameters: LIFParameters, slope: float, substeps: int
    ) -> None:
        self.trace, self.parameters, self.substeps = trace, parameters, substeps
        self.pseudo = self._pseudo_derivative(slope)
        self.current = torch.empty_like(trace.current)  # before the norm
        self.potential = torch.empty_like(trace.current)
        self.adaptation = torch.empty_like(trace.current)
        self.readout = torch.empty_like(trace.current)
        self.distance = torch.empty_like(trace.current)  # potential minus threshold
        self.carry: LIFState

    def _pseudo_derivative(self, slope: float) -> Tensor:
        distance = self.trace.potential - THRESHOLD
        if self.parameters.adaptation_strength is not None:
            distance -= self.trace.adaptation * self.parameters.adaptation_strength
        return fast_sigmoid_slope(distance, slope)

    def run(self, outputs: Tensor, final: LIFState, keep: Tensor, restarts: list[bool]) -> None:
        """Fill the adjoints of every step, from the last to the first.

        Args:
            outputs: Gradient of the readout after each control step, [T, B, N].
            final: Gradient of the memory after the segment.
            keep: 0 where an episode begins, else 1, [T, B, 1].
            restarts: Whether any row restarts, [T].
        """
        parameters = self.parameters
        beta, kappa, rho = (
            parameters.membrane_decay,
            parameters.readout_decay,
            parameters.adaptation_decay,
        )
        potential, spikes, adaptation, readout = final
        for step in reversed(range(len(self.current))):
            control, substep = divmod(step, self.substeps)
            if substep == self.substeps - 1:
                readout = readout + outputs[control]
            self.readout[step] = readout
            spikes = torch.addcmul(spikes + readout, readout, kappa, value=-1.0)
            spikes.mul_(self.pseudo[step])
            potential = torch.add(potential, spikes, out=self.potential[step])
            current = self._through_norm(step, potential)
            if rho is not None and parameters.adaptation_strength is not None:
                adaptation = torch.addcmul(
                    adaptation, spikes, parameters.adaptation_strength, value=-1.0
                )
                self.adaptation[step], self.distance[step] = adaptation, spikes
            spikes = torch.mm(current, parameters.recurrent_weight)
            spikes.sub_(potential, alpha=THRESHOLD)
            if rho is not None:
                spikes += adaptation * (1.0 - rho)
                adaptation = adaptation * rho
            potential, readout = potential * beta, readout * kappa
            if substep == 0 and restarts[control]:
                kept = keep[control]
                potential, spikes, readout = potential * kept, spikes * kept, readout * kept
                adaptation = adaptation * kept
        self.carry = LIFState(potential, spikes, adaptation, readout)

    def _through_norm(self, step: int, gradient: Tensor) -> Tensor:
        weight = self.parameters.norm_weight
        if weight is None:
            return self.current[step].copy_(gradient)
        inward, _, _ = torch.ops.aten.native_layer_norm_backward(
            gradient,
            self.trace.current[step],
            [gradient.shape[-1]],
            self.trace.norm_mean[step],
            self.trace.norm_deviation[step],
            weight,
            self.parameters.norm_bias,
            [True, False, False],
        )
        return self.current[step].copy_(inward)

    def of_parameters(self, before: LIFState) -> LIFParameters:
        """Return the gradients of the parameters, each taken over the whole segment at once.

        Args:
            before: Memory before every spiking step; leaves [T * substeps, B, N].
        """
        trace, parameters = self.trace, self.parameters
        norm_weight = norm_bias = adaptation_decay = strength = None
        if parameters.norm_weight is not None:
            whitened = (trace.current - trace.norm_mean) * trace.norm_deviation
            norm_weight = _total(self.potential, whitened)
            norm_bias = self.potential.sum((0, 1))
        if parameters.adaptation_decay is not None:
            adaptation_decay = _total(self.adaptation, before.adaptation - before.spikes)
            strength = -_total(self.distance, trace.adaptation)
        return LIFParameters(
            recurrent_weight=self.current.flatten(0, 1).t() @ before.spikes.flatten(0, 1),
            norm_weight=norm_weight,
            norm_bias=norm_bias,
            membrane_decay=_total(self.potential, before.potential),
            readout_decay=_total(self.readout, before.readout - trace.spikes),
            adaptation_decay=adaptation_decay,
            adaptation_strength=strength,
        )


def _total(adjoint: Tensor, factor: Tensor) -> Tensor:
    """Sum the product over steps and rows, [N]."""
    return (adjoint * factor).sum((0, 1))


def _before(keep: Tensor, initial: LIFState, trace: _Trace, substeps: int) -> LIFState:
    """Return the memory that entered every spiking step, after restarts."""

    def shift(first: Tensor, values: Tensor) -> Tensor:
        entered = torch.cat([first.unsqueeze(0), values[:-1]])
        entered[::substeps] *= keep
        return entered

    after = LIFState(trace.potential, trace.spikes, trace.adaptation, trace.readout)
    return LIFState(*(shift(*pair) for pair in zip(initial, after, strict=True)))
