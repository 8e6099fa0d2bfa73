"""Four ascending neuromodulators: dopamine, acetylcholine, noradrenaline and serotonin.

They read what is global (reward, value, surprise), never the senses, and set how the rest computes.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from brains.neuromodulation import Event, LearnerGains, Modulation, Neuromodulator
from brains.ranges import require_at_least, require_within
from brains.sinks import Sink

LEVEL_CLIP = 5.0  # of every level; one wild step must not throw the whole brain
SMALLEST = 1e-3  # surprise below which "twice as much as usual" means nothing
UNIT_SPEED = 0.3  # exponent with which dopamine's unit follows a rollout


class AscendingState(NamedTuple):
    """What the modulators remember, [B] each.

    Attributes:
        value: What the critic expected in the step before.
        begun: 0 in an episode's first step, else 1: nothing was expected before it.
        dopamine: Filtered reward prediction error, in its usual size.
        expected: Slow mean of surprise.
        recent: Fast mean of surprise.
        reward_rate: Slow mean of reward.
    """

    value: Tensor
    begun: Tensor
    dopamine: Tensor
    expected: Tensor
    recent: Tensor
    reward_rate: Tensor


class AscendingNeuromodulator(Neuromodulator):
    """Levels from reward prediction error, surprise and reward history; sinks that move with them.

        delta_t = r_{t-1} + gamma V_t - V_{t-1}       (0 in an episode's first step)
        dopamine        D <- k_D D + (1 - k_D) delta / sigma     sigma: the usual size of delta
        acetylcholine   log(1 + slow mean of S)                  expected uncertainty
        noradrenaline   log(fast mean of S / slow mean of S)     unexpected uncertainty
        serotonin       slow mean of r                           long-run reward rate

    Each sink is a bounded function of the levels, which starts with the configured couplings and
    may learn with the policy. The learner's factors come from a whole rollout:

        rate, value = rms(D) ^ k      entropy = exp(-k mean(D))      each within [1/2, 2]

    so that more reward prediction error than usual speeds learning up (Pearce-Hall associability),
    and less reward than expected calls for exploration. A factor's exponent k of 0 switches it off.

    Args:
        gate_size: Numbers of the plasticity gate; 0 where nothing is plastic.
        action_size: Numbers of an action.
        gamma: Discount per step; the learner's.
        dopamine_decay: Share of dopamine that remains after a step; 0 is the bare error.
        slow_decay: The same for expected surprise and reward rate.
        fast_decay: The same for recent surprise.
        hidden_size: Units of the small network that learns how levels set the sinks.
        sinks: For each of `plasticity`, `gain`, `exploration` and `attention` a mapping with
            `bound` (0 switches the sink off), `learned`, and initial couplings by modulator.
        rate_exponent: Of the factor on the learning rate.
        entropy_exponent: Of the factor on the entropy coefficient.
        value_exponent: Of the factor on the value loss.

    Raises:
        ValueError: If a sink or a coupling is unknown, or a decay lies outside [0, 1), or another
            number is out of range; the message names it.

    Source: roles of the four, Doya 2002, doi:10.1016/S0893-6080(02)00044-8; dopamine as reward
        prediction error, Schultz et al. 1997, doi:10.1126/science.275.5306.1593; expected and
        unexpected uncertainty, Yu and Dayan 2005, doi:10.1016/j.neuron.2005.04.026; associability,
        Pearce and Hall 1980, doi:10.1037/0033-295X.87.6.532.
    """

    names = ("dopamine", "acetylcholine", "noradrenaline", "serotonin")
    needs_reward = True
    unit: Tensor

    def __init__(
        self,
        *,
        gate_size: int,
        action_size: int,
        gamma: float,
        dopamine_decay: float,
        slow_decay: float,
        fast_decay: float,
        hidden_size: int,
        sinks: Mapping[str, Mapping[str, Any]],
        rate_exponent: float,
        entropy_exponent: float,
        value_exponent: float,
    ) -> None:
        super().__init__()
        decays = {"dopamine": dopamine_decay, "slow": slow_decay, "fast": fast_decay}
        for name, decay in decays.items():
            if not 0.0 <= decay < 1.0:
                raise ValueError(f"{name}_decay must lie in [0, 1), got {decay}")
        sizes = {"plasticity": gate_size, "gain": 1, "exploration": action_size, "attention": 1}
        if set(sinks) != set(sizes):
            raise ValueError(f"sinks must be exactly {sorted(sizes)}, got {sorted(sinks)}")
        require_within(0, 1, gamma=gamma)
        require_at_least(1, hidden_size=hidden_size)
        self.gamma = gamma
        self.dopamine_decay, self.slow_decay, self.fast_decay = decays.values()
        self.rate_exponent, self.entropy_exponent = rate_exponent, entropy_exponent
        self.value_exponent = value_exponent
        self.layer = nn.Linear(len(self.names), hidden_size)
        self.sinks = nn.ModuleDict(
            {
                name: Sink(name, size, self.names, hidden_size, **sinks[name])
                for name, size in sizes.items()
                if size and sinks[name]["bound"]
            }
        )
        # The usual size of the reward prediction error; dopamine is told in this unit.
        self.register_buffer("unit", torch.ones(()))

    def initial_state(self, batch_size: int) -> AscendingState:
        """Return nothing expected, nothing surprising, [B] each."""
        nothing = self.unit.new_zeros((batch_size,))
        return AscendingState(nothing, nothing, nothing, nothing, nothing, nothing)

    @torch.no_grad()
    def forward(self, inputs: Event, state: AscendingState) -> tuple[Tensor, AscendingState]:
        """Return the levels at the end of a step, [B, 4]."""
        delta = self.reward_prediction_error(inputs, state) / self.unit
        delta = delta.clamp(-LEVEL_CLIP, LEVEL_CLIP)
        # The first surprises of an episode are the mean so far: there is nothing to forget.
        slow = self.slow_decay * state.begun
        after = AscendingState(
            value=inputs.value,
            begun=torch.ones_like(state.begun),
            dopamine=torch.lerp(delta, state.dopamine, self.dopamine_decay),
            expected=torch.lerp(inputs.surprise, state.expected, slow),
            recent=torch.lerp(inputs.surprise, state.recent, self.fast_decay * state.begun),
            reward_rate=torch.lerp(inputs.reward, state.reward_rate, self.slow_decay),
        )
        ratio = (after.recent + SMALLEST) / (after.expected + SMALLEST)
        levels = (after.dopamine, after.expected.log1p(), ratio.log(), after.reward_rate)
        return torch.stack(levels, -1).clamp(-LEVEL_CLIP, LEVEL_CLIP), after

    def reward_prediction_error(self, event: Event, state: AscendingState) -> Tensor:
        """Return r + gamma V - V before, 0 in an episode's first step, in units of the critic, [B].

        Args:
            event: What happened in the step.
            state: Memory before it.
        """
        return (event.reward + self.gamma * event.value - state.value) * state.begun

    def modulate(self, modulators: Tensor) -> Modulation:
        """Return what levels, [..., 4], do to the other parts; None where a sink is off."""
        hidden = self.layer(modulators).tanh() if len(self.sinks) else modulators
        set_by = {name: sink(modulators, hidden) for name, sink in self.sinks.items()}
        return Modulation(
            plasticity=set_by.get("plasticity"),
            gain=set_by.get("gain"),
            exploration=set_by.get("exploration"),
            attention=set_by.get("attention"),
        )

    @torch.no_grad()
    def homeostasis(self, modulators: Tensor) -> None:
        """Let dopamine's unit follow the errors of a rollout, [T, B, 4], slowly."""
        size = modulators[..., 0].square().mean().sqrt().clamp(0.2, 5.0)
        self.unit.mul_(size**UNIT_SPEED)

    @torch.no_grad()
    def learner_gains(self, modulators: Tensor) -> LearnerGains:
        """Return factors for the learner's update from the levels of its rollout, [T, B, 4]."""
        dopamine = modulators[..., 0]
        size = float(dopamine.square().mean().sqrt().clamp_min(SMALLEST))
        balance = float(dopamine.mean().neg().exp())
        return LearnerGains(
            rate=_within(size**self.rate_exponent),
            entropy=_within(balance**self.entropy_exponent),
            value=_within(size**self.value_exponent),
        )


def _within(factor: float) -> float:
    return min(max(factor, 0.5), 2.0)
