"""Adjoints of the population: from what a segment left behind back to what it depended on.

The walk keeps only what depends on the step after; gradients of weights, norms and decays are taken
at its end, in one operation over the whole segment.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from brains.lif import THRESHOLD, LIFParameters, LIFState
from brains.surrogate import fast_sigmoid_slope


class Trace(NamedTuple):
    """What the backward pass needs of every spiking step, [T * substeps, B, ...]."""

    current: Tensor
    norm_mean: Tensor
    norm_deviation: Tensor
    potential: Tensor
    spikes: Tensor
    adaptation: Tensor
    readout: Tensor


class Adjoint:
    """Walks a trace backward and gathers the gradients of everything it depended on."""

    def __init__(
        self,
        trace: Trace,
        parameters: LIFParameters,
        threshold: Tensor | None,
        slope: float,
        substeps: int,
    ) -> None:
        self.trace, self.parameters, self.substeps = trace, parameters, substeps
        self.threshold = threshold
        self.pseudo = self._pseudo_derivative(slope)
        self.current = torch.empty_like(trace.current)  # before the norm
        self.potential = torch.empty_like(trace.current)
        self.adaptation = torch.empty_like(trace.current)
        self.readout = torch.empty_like(trace.current)
        self.distance = torch.empty_like(trace.current)  # potential minus threshold
        self.carry: LIFState

    def _pseudo_derivative(self, slope: float) -> Tensor:
        threshold: Tensor | float = THRESHOLD
        if self.threshold is not None:
            threshold = self.threshold.repeat_interleave(self.substeps, 0)
        distance = self.trace.potential - threshold
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
            spikes = torch.mul(spikes, self.pseudo[step], out=self.distance[step])
            potential = torch.add(potential, spikes, out=self.potential[step])
            current = self._through_norm(step, potential)
            if rho is not None and parameters.adaptation_strength is not None:
                adaptation = torch.addcmul(
                    adaptation, spikes, parameters.adaptation_strength, value=-1.0
                )
                self.adaptation[step] = adaptation
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

    def of_threshold(self) -> Tensor | None:
        """Return the gradient of the threshold in each control step, [T, B, 1]."""
        if self.threshold is None:
            return None
        return -self.distance.unflatten(0, (-1, self.substeps)).sum((1, -1)).unsqueeze(-1)

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


def memory_before(keep: Tensor, initial: LIFState, trace: Trace, substeps: int) -> LIFState:
    """Return the memory that entered every spiking step, after restarts."""

    def shift(first: Tensor, values: Tensor) -> Tensor:
        entered = torch.cat([first.unsqueeze(0), values[:-1]])
        entered[::substeps] *= keep
        return entered

    after = LIFState(trace.potential, trace.spikes, trace.adaptation, trace.readout)
    return LIFState(*(shift(*pair) for pair in zip(initial, after, strict=True)))
