"""A recurrent population of spiking neurons that controls a body."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from brains.controller import Controller
from brains.energy import Operations, matrix_macs
from brains.lif import LIFParameters, LIFState
from brains.lif_sequence import lif_control_step, lif_sequence
from brains.ranges import require_at_least, require_positive


def spread_decays(size: int, **ranges: Sequence[float]) -> nn.Parameter:
    """Return learnable decays, spread evenly over a range, as logits, [size].

    Args:
        size: How many.
        **ranges: The lowest and the highest decay, under the name that messages call them by.

    Raises:
        ValueError: If the range is not two numbers inside (0, 1).
    """
    ((name, decays),) = ranges.items()
    if len(decays) != 2 or not 0.0 < decays[0] <= decays[1] < 1.0:
        raise ValueError(f"{name} must be [low, high] with 0 < low <= high < 1, got {list(decays)}")
    low, high = decays
    return nn.Parameter(torch.logit(torch.linspace(low, high, size)))


class SpikingController(Controller[LIFState]):
    """Recurrent LIF or ALIF population with a non-spiking leaky readout.

    The state is carried across control steps and restarts only with an episode. Every neuron has
    its own learnable time constants, spread at the start so that the population covers many.

    Args:
        input_size: Numbers that arrive in each control step.
        hidden_size: Neurons.
        substeps: Spiking steps per control step; the input is held over them.
        surrogate_slope: Sharpness of the fast-sigmoid surrogate gradient.
        membrane_decays: Lowest and highest share of potential that remains after a spiking step.
        readout_decays: The same for the readout.
        adaptation_decays: The same for the threshold adaptation.
        adaptation_strength: By how much full adaptation raises the threshold, in thresholds;
            0 builds plain LIF neurons without the machinery.
        recurrent_gain: Gain of the orthogonal initial synapses within the population.
        normalise_current: Whether layer norm acts on the summed current.
        recurrent_rate_scale: Learning rate of synapses within the population and of membrane
            decays, relative to the rest. They set how far one step moves the policy.

    Raises:
        ValueError: If a size, a slope, a rate or a range of decays is none; the message names it.

    Source: recurrent spiking networks with adaptive thresholds, Bellec et al. 2018,
        arXiv:1803.09574; learnable time constants, Fang et al. 2021, arXiv:2007.05785.
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        substeps: int,
        surrogate_slope: float,
        membrane_decays: tuple[float, float],
        readout_decays: tuple[float, float],
        adaptation_decays: tuple[float, float],
        adaptation_strength: float,
        recurrent_gain: float,
        normalise_current: bool,
        recurrent_rate_scale: float,
    ) -> None:
        super().__init__()
        require_at_least(1, hidden_size=hidden_size, substeps=substeps)
        require_positive(surrogate_slope=surrogate_slope)
        require_at_least(0, recurrent_rate_scale=recurrent_rate_scale)
        self.output_size = self.drive_size = hidden_size
        self.substeps = substeps
        self.surrogate_slope = surrogate_slope
        self.adaptive = adaptation_strength != 0.0
        self.input = nn.Linear(input_size, hidden_size, bias=not normalise_current)
        self.recurrent_weight = nn.Parameter(torch.empty(hidden_size, hidden_size))
        nn.init.orthogonal_(self.recurrent_weight, recurrent_gain)
        self.norm = nn.LayerNorm(hidden_size) if normalise_current else None
        self.membrane_logit = spread_decays(hidden_size, membrane_decays=membrane_decays)
        self.readout_logit = spread_decays(hidden_size, readout_decays=readout_decays)
        if self.adaptive:
            # Shuffled, or slow membranes would always go with slow thresholds.
            spread = spread_decays(hidden_size, adaptation_decays=adaptation_decays)
            shuffled = spread[torch.randperm(hidden_size)]
            self.adaptation_logit = nn.Parameter(shuffled.detach())
            self.adaptation_strength = nn.Parameter(torch.full((hidden_size,), adaptation_strength))
        self.rate_scales = {
            "recurrent_weight": recurrent_rate_scale,
            "membrane_logit": recurrent_rate_scale,
        }

    def parameters_of_step(self) -> LIFParameters:
        """Return synapses, norms and decays as the equations want them."""
        norm = self.norm
        return LIFParameters(
            recurrent_weight=self.recurrent_weight,
            norm_weight=None if norm is None else norm.weight,
            norm_bias=None if norm is None else norm.bias,
            membrane_decay=self.membrane_logit.sigmoid(),
            readout_decay=self.readout_logit.sigmoid(),
            adaptation_decay=self.adaptation_logit.sigmoid() if self.adaptive else None,
            adaptation_strength=self.adaptation_strength if self.adaptive else None,
        )

    def initial_state(self, batch_size: int) -> LIFState:
        """Return a population at rest, leaves [B, N]."""
        rest = self.recurrent_weight.new_zeros((batch_size, self.output_size))
        return LIFState(rest, rest, rest, rest)

    def respond(
        self, drive: Tensor, state: LIFState, gain: Tensor | None = None
    ) -> tuple[Tensor, LIFState]:
        """Advance one control step; the features are the readout, [B, N]."""
        state = lif_control_step(
            drive,
            state,
            self.parameters_of_step(),
            slope=self.surrogate_slope,
            substeps=self.substeps,
            gain=gain,
        )
        return state.readout, state

    def respond_all(
        self, drive: Tensor, episode_start: Tensor, state: LIFState, gain: Tensor | None = None
    ) -> tuple[Tensor, LIFState]:
        """Advance over a segment with the hand-written backward pass; features [T, B, N]."""
        return lif_sequence(
            drive,
            episode_start,
            state,
            self.parameters_of_step(),
            slope=self.surrogate_slope,
            substeps=self.substeps,
            gain=gain,
        )

    def activity(self, state: LIFState) -> dict[str, Tensor]:
        """Return the share of neurons that fire, are silent and lie inside the surrogate's reach.

        The readout of a neuron that has not fired for long is near zero: it counts as silent. The
        surrogate's reach is taken around the threshold that is neither adapted nor modulated.
        """
        distance = (state.potential - 1.0).abs()
        return {
            "firing_rate": state.spikes.mean(),
            "silent_share": (state.readout < 0.01).float().mean(),
            "saturated_share": (state.readout > 0.95).float().mean(),
            "surrogate_support": (distance * self.surrogate_slope < 1.0).float().mean(),
        }

    def operations(self, state: LIFState) -> Operations:
        """Return real multiplications for what comes from outside, additions for spikes.

        The input is analog and held over the substeps, so it is multiplied once. Of several
        substeps the last stands for all.
        """
        inward = matrix_macs(self.input)
        spikes = state.spikes.sum(-1).mean() * self.substeps
        size = self.output_size
        return Operations(inward, spikes * size, spikes, inward + size**2)

    def signals(self, state: LIFState) -> dict[str, Tensor]:
        """Return the spikes of the last spiking step, [B, N]."""
        return {"spikes": state.spikes}
