"""Predictive world models: a recurrent one, and the linear one that it has to beat."""

import torch
from torch import Tensor, nn

from brains.belief import BeliefModel
from brains.expectation import Belief
from brains.ranges import require_at_least, require_positive
from brains.senses import Layout


class PredictiveWorldModel(BeliefModel):
    """Recurrent predictive coding: what climbs up to the hidden state is the error, and only that.

        u = [h_{t-1}, b_{t-1}, d_{t-1}, a_{t-1}]
        h̄_t = (1 - g) h_{t-1} + g tanh(W u)            transition; g per unit, learned
        Δ_t = L u + D h̄_t                              change of the senses
        s_t = floor + softplus(S h̄_t)                  its deviation
        z, n = C [ε_t, h̄_t]
        h_t = (1 - σ(z)) h̄_t + σ(z) tanh(n)            correction

    It begins as "nothing changes": L and D are zero at first.

    Args:
        layout: Where each modality lies among the senses.
        hidden_size: Units.
        deviation_floor: Smallest deviation of a prediction, in deviations of the sense: no sensor
            is trusted beyond it.
        direct_pace: How many times faster than the rest linear maps and persistence learn.
        open_loop_steps: Steps that are predicted without looking.
        error_limit: Deviations up to which an error acts in full.
        fills_in: Whether the prediction stands in for a missing sensor.
        learns_from_reward: Whether the policy's gradient flows into the model.

    Source: error units, Rao and Ballard 1999, doi:10.1038/4580; one gate for both old and new,
        Zhou et al. 2016, arXiv:1603.09420.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        hidden_size: int,
        deviation_floor: float,
        direct_pace: float,
        open_loop_steps: int,
        error_limit: float,
        fills_in: bool,
        learns_from_reward: bool,
    ) -> None:
        require_at_least(1, hidden_size=hidden_size)
        super().__init__(
            layout=layout,
            hidden_size=hidden_size,
            direct_pace=direct_pace,
            open_loop_steps=open_loop_steps,
            error_limit=error_limit,
            fills_in=fills_in,
            learns_from_reward=learns_from_reward,
        )
        require_positive(deviation_floor=deviation_floor)
        self.deviation_floor = deviation_floor
        sensors = self.senses_size
        known = hidden_size + 2 * sensors + self.action_size
        self.forward_map = nn.Linear(known, hidden_size + sensors)
        nn.init.orthogonal_(self.forward_map.weight[:hidden_size])
        nn.init.zeros_(self.forward_map.weight[hidden_size:])
        nn.init.zeros_(self.forward_map.bias)
        self.leak = nn.Parameter(torch.linspace(-1.0, 3.0, hidden_size))  # g, as a logit
        self.readout = nn.Linear(hidden_size, 2 * sensors)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)
        self.correction = nn.Linear(sensors + hidden_size, 2 * hidden_size)

    def transition(self, belief: Belief, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return expected hidden state h̄, change Δ and its deviation s, [B, H], [B, P], [B, P]."""
        known = torch.cat([belief.hidden, belief.mean, belief.deviation, action], dim=-1)
        sizes = [self.context_size, self.senses_size]
        current, drift = self.forward_map(known).split(sizes, -1)
        expected = torch.lerp(belief.hidden, current.tanh(), self.leak.sigmoid())
        change, noise = self.readout(expected).chunk(2, -1)
        change = torch.add(change, drift, alpha=self.direct_pace)
        return expected, change, self.deviation_floor + nn.functional.softplus(noise)

    def correct(self, expected: Tensor, error: Tensor) -> Tensor:
        """Return the hidden state, [B, H], from the expected one and the limited error, [B, P]."""
        gate, new = self.correction(torch.cat([error, expected], dim=-1)).chunk(2, -1)
        return torch.lerp(expected, new.tanh(), gate.sigmoid())


class LinearWorldModel(BeliefModel):
    """What a linear map of the last belief and action predicts; remembers nothing else.

        Δ_t = L [b_{t-1}, a_{t-1}] + c     s_t = floor + softplus(s)

    Args:
        layout: Where each modality lies among the senses.
        deviation_floor: Smallest deviation of a prediction, in deviations of the sense.
        direct_pace: How many times faster than the rest linear maps and persistence learn.
        open_loop_steps: Steps that are predicted without looking.
        error_limit: Deviations up to which an error acts in full.
        fills_in: Whether the prediction stands in for a missing sensor.
        learns_from_reward: Whether the policy's gradient flows into the model.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        deviation_floor: float,
        direct_pace: float,
        open_loop_steps: int,
        error_limit: float,
        fills_in: bool,
        learns_from_reward: bool,
    ) -> None:
        super().__init__(
            layout=layout,
            hidden_size=0,
            direct_pace=direct_pace,
            open_loop_steps=open_loop_steps,
            error_limit=error_limit,
            fills_in=fills_in,
            learns_from_reward=learns_from_reward,
        )
        require_positive(deviation_floor=deviation_floor)
        self.deviation_floor = deviation_floor
        self.forward_map = nn.Linear(self.senses_size + self.action_size, self.senses_size)
        nn.init.zeros_(self.forward_map.weight)
        nn.init.zeros_(self.forward_map.bias)
        self.noise = nn.Parameter(torch.zeros(self.senses_size))

    def transition(self, belief: Belief, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return no hidden state, and change Δ and its deviation s, [B, P] each."""
        change = self.forward_map(torch.cat([belief.mean, action], dim=-1)) * self.direct_pace
        noise = self.deviation_floor + nn.functional.softplus(self.noise * self.direct_pace)
        return belief.hidden, change, noise.expand_as(change)

    def correct(self, expected: Tensor, error: Tensor) -> Tensor:
        """Return the hidden state, which is empty."""
        del error
        return expected
