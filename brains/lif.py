"""Equations of the leaky integrate-and-fire population, one spiking step at a time."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from brains.surrogate import surrogate_spike

THRESHOLD = 1.0  # the unit in which potential and current are measured
NORM_EPSILON = 1e-5  # keeps the norm of a current that is the same everywhere finite


class LIFState(NamedTuple):
    """Memory of a population of N neurons; carried across control steps.

    Attributes:
        potential: Membrane potential in units of the threshold, [B, N].
        spikes: Spikes of the last step, 0 or 1, [B, N].
        adaptation: Low-pass filtered spikes that raise the threshold, [B, N].
        readout: Low-pass filtered spikes that others read, [B, N].
    """

    potential: Tensor
    spikes: Tensor
    adaptation: Tensor
    readout: Tensor


class LIFParameters(NamedTuple):
    """What a population's step depends on besides its input and memory.

    Attributes:
        recurrent_weight: Synapses from every neuron to every neuron, [post N, pre N].
        norm_weight: Gain of the current's layer norm, [N]; None leaves the current as it is.
        norm_bias: Shift of the current's layer norm, [N].
        membrane_decay: Share of the potential that remains after one step, [N].
        readout_decay: Share of the readout that remains after one step, [N].
        adaptation_decay: Share of the adaptation that remains; None switches adaptation off.
        adaptation_strength: By how much full adaptation raises the threshold, [N].
    """

    recurrent_weight: Tensor
    norm_weight: Tensor | None
    norm_bias: Tensor | None
    membrane_decay: Tensor
    readout_decay: Tensor
    adaptation_decay: Tensor | None
    adaptation_strength: Tensor | None


def firing_threshold(gain: Tensor | None) -> Tensor | None:
    """Return the potential at which a row's neurons fire, v_th / g; None where that is v_th.

    A gain above one makes neurons more excitable. It moves the threshold alone: a spike still takes
    v_th from the potential, so that a change of gain neither creates nor destroys charge, and what
    a neuron does with its input after the spike does not depend on how easily it fired.

    Args:
        gain: Positive, [..., 1].
    """
    return None if gain is None else THRESHOLD / gain


def lif_step(
    drive: Tensor,
    state: LIFState,
    parameters: LIFParameters,
    *,
    slope: float,
    gain: Tensor | None = None,
) -> LIFState:
    """Advance a recurrent population by one spiking step.

        I = norm(drive + W s)           a <- rho a + (1 - rho) s
        v <- beta v + I - v_th s        s <- H(v - v_th / g - b a)
        y <- kappa y + (1 - kappa) s

    Reset is by subtraction, so what exceeds the threshold is not lost; `b = 0` is the plain LIF.

    Args:
        drive: Current from outside the population, [B, N].
        state: Memory before the step; left as it was.
        parameters: Synapses, decays and norms of the population.
        slope: Sharpness of the surrogate gradient.
        gain: Excitability of the row's neurons, positive, [B, 1]; None for 1.

    Returns:
        Memory after the step.

    Source: LIF and ALIF as in Bellec et al. 2020, doi:10.1038/s41467-020-17236-y; layer norm, Ba et
        al. 2016, arXiv:1607.06450.
    """
    current = torch.addmm(drive, state.spikes, parameters.recurrent_weight.t())
    if parameters.norm_weight is not None:
        size = current.shape[-1:]
        current = nn.functional.layer_norm(
            current, size, parameters.norm_weight, parameters.norm_bias, NORM_EPSILON
        )
    potential = parameters.membrane_decay * state.potential + current - THRESHOLD * state.spikes
    adaptation = state.adaptation
    threshold = firing_threshold(gain)
    distance = potential - (THRESHOLD if threshold is None else threshold)
    if parameters.adaptation_decay is not None and parameters.adaptation_strength is not None:
        adaptation = torch.lerp(state.spikes, adaptation, parameters.adaptation_decay)
        distance = distance - parameters.adaptation_strength * adaptation
    spikes = surrogate_spike(distance, slope)
    readout = torch.lerp(spikes, state.readout, parameters.readout_decay)
    return LIFState(potential, spikes, adaptation, readout)
