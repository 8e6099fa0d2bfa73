"""Synapses within the controller's population that learn while the brain acts."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from brains.fast_weights import (
    Association,
    FastWeightPart,
    FastWeights,
    fast_weights_learn,
    fast_weights_read,
    fast_weights_sequence,
)
from brains.plasticity import PlasticInput, PlasticOutput


class HebbianState(NamedTuple):
    """Memory of plastic synapses.

    Attributes:
        before: Low-pass output of the plastic units two steps ago, [B, U].
        fast: Fast weights among them, [B, U, U] each.
    """

    before: Tensor
    fast: Any


class HebbianPlasticity(FastWeightPart):
    """Makes synapses among a part of the population plastic.

    With y the low-pass output of the plastic units, as the controller tells it:

        E <- (1 - k) E + k y_{t-1} x y_{t-2}            M <- clip(lambda M + eta m E, -c, c)
        current = alpha_post (M (alpha_pre y_{t-1}))

    added to what drives the units; where a unit has several gates, to each with an alpha_post of
    its own. `alpha_post` starts small and alpha_pre at one: the brain starts as its twin without
    fast weights, and at an alpha_post of 0 it is that twin; not at 0, gradients reach all of them.

    Args:
        code_size: Unused; the same signature as the other parts.
        memory_size: Numbers of the controller's output, one per unit.
        drive_size: Numbers of the controller's drive, as many for every unit.
        action_size: Unused.
        size: Plastic units, U, spread evenly over the population; no more than it has.
        trace_rate: k; see `FastWeightPart`, also for what follows.
        bound: c.
        initial_rate: eta at the start.
        decays: Lowest and highest lambda at the start.
        initial_alpha: alpha_post at the start.
        survives_episodes: Whether M outlives an episode.
        rate_scale: Learning rate of both alphas, eta and lambda, relative to the rest.

    Raises:
        ValueError: If units and drive do not fit together.

    Source: differentiable plasticity, Miconi et al. 2018, arXiv:1804.02464.
    """

    units: Tensor
    driven: Tensor

    def __init__(
        self,
        *,
        code_size: int,
        memory_size: int,
        drive_size: int,
        action_size: int,
        size: int,
        trace_rate: float,
        bound: float,
        initial_rate: float,
        decays: tuple[float, float],
        initial_alpha: float,
        survives_episodes: bool,
        rate_scale: float,
    ) -> None:
        del code_size, action_size
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size}")
        if drive_size % memory_size:
            raise ValueError(
                f"plastic synapses need a drive for every unit, got {drive_size} for "
                f"{memory_size} units: use brain/plasticity=associative"
            )
        size = min(size, memory_size)
        super().__init__(
            post_size=size,
            pre_size=size,
            trace_rate=trace_rate,
            bound=bound,
            initial_rate=initial_rate,
            decays=decays,
            survives_episodes=survives_episodes,
            rate_scale=rate_scale,
        )
        self.memory_size, self.drive_size = memory_size, drive_size
        self.gates = drive_size // memory_size
        units = torch.arange(size) * memory_size // size
        gates = torch.arange(self.gates) * memory_size
        self.register_buffer("units", units, persistent=False)
        self.register_buffer("driven", (gates[:, None] + units).flatten(), persistent=False)
        self.alpha = nn.Parameter(torch.full((self.gates * size,), initial_alpha))
        self.alpha_pre = nn.Parameter(torch.ones(size))

    def initial_state(self, batch_size: int) -> HebbianState:
        """Return silence, and fast weights that have learned nothing, leaves [B, ...]."""
        silence = self.rate.new_zeros((batch_size, self.pre_size))
        return HebbianState(silence, self.blank(batch_size))

    def fast(self, state: HebbianState) -> FastWeights:
        """Return the fast weights within the memory."""
        return self.plain(state.fast)

    def learn(self, inputs: PlasticInput, state: HebbianState) -> HebbianState:
        """Bind what the units say now to what they said before."""
        now = inputs.memory[..., self.units]
        shown = Association(now, state.before, self.gain(inputs.gate, now))
        learned = fast_weights_learn(shown, self.fast(state), self.rule())
        return HebbianState(now, self.stored(learned))

    def read(self, inputs: PlasticInput, state: HebbianState) -> PlasticOutput:
        """Return the current through the plastic synapses."""
        now = inputs.memory[..., self.units]
        return self._say(fast_weights_read(self.alpha_pre * now, self.fast(state)))

    def unroll(
        self, inputs: PlasticInput, episode_start: Tensor, state: HebbianState
    ) -> tuple[PlasticOutput, HebbianState]:
        """Learn and conduct in every step of a segment, [T, B, ...]."""
        now = inputs.memory[..., self.units]
        before = torch.cat([state.before.unsqueeze(0), now[:-1]])
        before = before.masked_fill(episode_start.unsqueeze(-1), 0.0)
        shown = Association(now, before, self.gain(inputs.gate, now))
        received, after = fast_weights_sequence(
            shown, self.alpha_pre * now, episode_start, self.fast(state), self.rule()
        )
        return self._say(received), HebbianState(now[-1], self.stored(after))

    def _say(self, received: Tensor) -> PlasticOutput:
        """Return what was received as a current into every gate of the plastic units."""
        current = self.alpha * torch.cat([received] * self.gates, -1)
        drive = current.new_zeros((*current.shape[:-1], self.drive_size))
        return PlasticOutput(drive.index_copy(-1, self.driven, current), None)
