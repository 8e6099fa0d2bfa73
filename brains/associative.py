"""A small associative memory of fast weights beside the controller."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from brains.fast_weights import (
    Association,
    FastWeightPart,
    fast_weights_learn,
    fast_weights_read,
    fast_weights_sequence,
)
from brains.plasticity import PlasticInput, PlasticOutput


class AssociativePlasticity(FastWeightPart):
    """Keeps values under keys, and finds them again by queries.

        key, query, value = tanh(P code + Q memory)
        E <- (1 - k) E + k value x key                  M <- clip(lambda M + eta m E, -c, c)
        r = g M query / sqrt(size)
        current = alpha (W_c r)                         action = W_a r

    with `m` the gate. `alpha` and `W_a` start small: the brain starts as its twin without fast
    weights, and at an alpha of 0 it is that twin; not at 0, gradients reach every parameter.

    Args:
        code_size: Numbers of the code.
        memory_size: Numbers of the controller's output.
        drive_size: Numbers of the controller's drive.
        action_size: Numbers of the action.
        size: Numbers of a key, a query and a value.
        trace_rate: k; see `FastWeightPart`, also for what follows.
        bound: c.
        initial_rate: eta at the start.
        decays: Lowest and highest lambda at the start.
        initial_alpha: alpha at the start, and gain of the orthogonal initial W_a.
        read_gain: How loud what is found is, g.
        survives_episodes: Whether M outlives an episode.
        rate_scale: Learning rate of alpha, eta and lambda, relative to the rest.

    Source: fast weights as an associative memory, Schmidhuber 1992, doi:10.1162/neco.1992.4.1.131;
        Ba et al. 2016, arXiv:1610.06258.
    """

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
        read_gain: float,
        survives_episodes: bool,
        rate_scale: float,
    ) -> None:
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size}")
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
        self.memory_size, self.size = memory_size, size
        self.loudness = read_gain / size**0.5
        self.code_fan = 3 * size
        self.from_code: nn.Module = nn.Linear(code_size, self.code_fan)
        self.from_memory = nn.Linear(memory_size, 3 * size, bias=False)
        self.to_current = nn.Linear(size, drive_size, bias=False)
        self.alpha = nn.Parameter(torch.full((drive_size,), initial_alpha))
        self.to_action = nn.Linear(size, action_size, bias=False)
        nn.init.orthogonal_(self.to_action.weight, initial_alpha)

    def listen_through(self, synapses: Callable[[nn.Linear], nn.Module]) -> None:
        """Put in the place of the map that hears the code what `synapses` makes of it."""
        self.from_code = synapses(cast(nn.Linear, self.from_code))

    def learn(self, inputs: PlasticInput, state: Any) -> Any:
        """Put the step's value under its key, as far as the gate allows."""
        shown, _ = self._ask(inputs)
        return self.stored(fast_weights_learn(shown, self.plain(state), self.rule()))

    def read(self, inputs: PlasticInput, state: Any) -> PlasticOutput:
        """Return what is found under the step's query."""
        _, query = self._ask(inputs)
        return self._say(fast_weights_read(query, self.plain(state)))

    def unroll(
        self, inputs: PlasticInput, episode_start: Tensor, state: Any
    ) -> tuple[PlasticOutput, Any]:
        """Learn and answer in every step of a segment, [T, B, ...]."""
        shown, query = self._ask(inputs)
        found, after = fast_weights_sequence(
            shown, query, episode_start, self.plain(state), self.rule()
        )
        return self._say(found), self.stored(after)

    def _ask(self, inputs: PlasticInput) -> tuple[Association, Tensor]:
        projected = self.from_code(inputs.code) + self.from_memory(inputs.memory)
        key, query, value = projected.tanh().chunk(3, -1)
        return Association(value, key, self.gain(inputs.gate, value)), query

    def _say(self, found: Tensor) -> PlasticOutput:
        found = self.loudness * found
        # alpha is multiplied into the map, which is smaller than what comes out of it.
        onward = self.alpha.unsqueeze(-1) * self.to_current.weight
        return PlasticOutput(nn.functional.linear(found, onward), self.to_action(found))
