"""Leaky rate units: the population of brains/spiking.py without spikes."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from brains.controller import Controller
from brains.lif import NORM_EPSILON
from brains.ranges import require_at_least
from brains.spiking import spread_decays


class RateState(NamedTuple):
    """Memory of a rate population: what its units say, [B, N], between -1 and 1."""

    rate: Tensor


class RateController(Controller[RateState]):
    """Continuous-time recurrent network, each unit with a time constant of its own.

        I = norm(W_in x + W r)            r <- kappa r + (1 - kappa) tanh(I)

    The non-spiking twin of the spiking population: the same input, recurrence and norm; what is
    graded here is one or zero there, and one leak stands for its membrane and its readout.

    Args:
        input_size: Numbers that arrive in each control step.
        hidden_size: Units.
        decays: Lowest and highest share of a rate that remains after a control step; spread over
            the population, then learned.
        recurrent_gain: Gain of the orthogonal initial weights within the population.
        normalise_current: Whether layer norm acts on the summed current.
        recurrent_rate_scale: Learning rate of weights within the population and of decays,
            relative to the rest.

    Raises:
        ValueError: If a size, a rate or the range of decays is none; the message names it.

    Source: Beer 1995, doi:10.1177/105971239500300405; learnable time constants as in Fang et al.
        2021, arXiv:2007.05785; layer norm, Ba et al. 2016, arXiv:1607.06450.
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        decays: tuple[float, float],
        recurrent_gain: float,
        normalise_current: bool,
        recurrent_rate_scale: float,
    ) -> None:
        super().__init__()
        require_at_least(1, hidden_size=hidden_size)
        require_at_least(0, recurrent_rate_scale=recurrent_rate_scale)
        self.output_size = self.drive_size = hidden_size
        self.input = nn.Linear(input_size, hidden_size, bias=not normalise_current)
        self.recurrent_weight = nn.Parameter(torch.empty(hidden_size, hidden_size))
        nn.init.orthogonal_(self.recurrent_weight, recurrent_gain)
        self.norm = nn.LayerNorm(hidden_size, NORM_EPSILON) if normalise_current else nn.Identity()
        self.decay_logit = spread_decays(hidden_size, decays=decays)
        self.rate_scales = {
            "recurrent_weight": recurrent_rate_scale,
            "decay_logit": recurrent_rate_scale,
        }

    def initial_state(self, batch_size: int) -> RateState:
        """Return silent units, [B, N]."""
        return RateState(self.recurrent_weight.new_zeros((batch_size, self.output_size)))

    def respond(
        self, drive: Tensor, state: RateState, gain: Tensor | None = None
    ) -> tuple[Tensor, RateState]:
        """Advance one control step; the features are the rates, [B, N]."""
        inward = drive if gain is None else drive * gain
        current = torch.addmm(inward, state.rate, self.recurrent_weight.t())
        rate = torch.lerp(self.norm(current).tanh(), state.rate, self.decay_logit.sigmoid())
        return rate, RateState(rate)

    def activity(self, state: RateState) -> dict[str, Tensor]:
        """Return the share of units that are near zero, and of those at their limit."""
        size = state.rate.abs()
        return {
            "silent_share": (size < 0.01).float().mean(),
            "saturated_share": (size > 0.95).float().mean(),
        }

    def signals(self, state: RateState) -> dict[str, Tensor]:
        """Return the rates, [B, N]."""
        return {"features": state.rate}
