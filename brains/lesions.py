"""Lesions of a trained brain: a part is taken out of action, nothing is trained anew.

Each lesion puts another part with the same signature into the place of one. They are for acting
alone: what they say is not replayed.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from brains.brain import Brain, BrainState
from brains.energy import Operations
from brains.neuromodulation import Event, LearnerGains, Modulation, Neuromodulator
from brains.plasticity import PlasticInput, Plasticity, PlasticOutput
from brains.recurrent import Lasting, tree_leaves, tree_map

HISTORY, STRIDE = 61, 29  # steps of the past that are told in another order; the former prime


class PlasticityLesion(Plasticity):
    """Does what a part does, for lesions to change one half of it."""

    def __init__(self, part: Plasticity) -> None:
        super().__init__()
        self.part = part
        self.memory_size, self.gate_size = part.memory_size, part.gate_size
        self.code_fan = part.code_fan

    def initial_state(self, batch_size: int) -> Any:
        """Return the part's memory at the start of an episode."""
        return self.part.initial_state(batch_size)

    def learn(self, inputs: PlasticInput, state: Any) -> Any:
        """Learn as the part does."""
        return self.part.learn(inputs, state)

    def read(self, inputs: PlasticInput, state: Any) -> PlasticOutput:
        """Add what the part adds."""
        return self.part.read(inputs, state)

    def operations(self, state: Any) -> Operations:
        """Return what the part takes: a lesion saves nothing, it is there to compare."""
        return self.part.operations(state)

    def activity(self, state: Any) -> dict[str, Tensor]:
        """Return the part's measures."""
        return self.part.activity(state)

    def signals(self, state: Any) -> dict[str, Tensor]:
        """Return the part's signals."""
        return self.part.signals(state)


class ZeroedFastWeights(PlasticityLesion):
    """Learns nothing, and says what weights say that have learned nothing."""

    def learn(self, inputs: PlasticInput, state: Any) -> Any:
        """Leave the memory as it is."""
        del inputs
        return state

    def read(self, inputs: PlasticInput, state: Any) -> PlasticOutput:
        """Add what a fresh memory adds."""
        del state
        return self.part.read(inputs, self.part.initial_state(len(inputs.code)))


class ShuffledFastWeights(PlasticityLesion):
    """Every row learns as ever, but reads what its neighbour has learned."""

    def read(self, inputs: PlasticInput, state: Any) -> PlasticOutput:
        """Add what the weights of the row before say to this row's question."""
        if len(inputs.code) < 2:
            raise ValueError("fast weights can only be shuffled between several rows")
        return self.part.read(inputs, tree_map(lambda leaf: leaf.roll(1, 0), state))


class Frozen(NamedTuple):
    """Memory that may have been stopped.

    Attributes:
        stopped: Whether the row learns no more, [B]; whoever leads the brain says so, and says it
            for every step.
        part: Of the part.
    """

    stopped: Lasting
    part: Any


class FrozenFastWeights(PlasticityLesion):
    """Learns until it is told that a change came, and knows from then on what it knew before."""

    def initial_state(self, batch_size: int) -> Frozen:
        """Return a memory that still learns."""
        part = self.part.initial_state(batch_size)
        like = tree_leaves(part)[0]
        return Frozen(Lasting(like.new_zeros(batch_size, dtype=torch.bool)), part)

    def learn(self, inputs: PlasticInput, state: Frozen) -> Frozen:
        """Learn in the rows that were not stopped."""
        stopped = state.stopped.value

        def pick(kept: Tensor, learned: Tensor) -> Tensor:
            return torch.where(stopped.reshape(-1, *[1] * (kept.ndim - 1)), kept, learned)

        learned = self.part.learn(inputs, state.part)
        return state._replace(part=tree_map(pick, state.part, learned))

    def read(self, inputs: PlasticInput, state: Frozen) -> PlasticOutput:
        """Add what the weights say, stopped or not."""
        return self.part.read(inputs, state.part)

    def operations(self, state: Frozen) -> Operations:
        """Return what the part takes."""
        return self.part.operations(state.part)

    def activity(self, state: Frozen) -> dict[str, Tensor]:
        """Return the part's measures."""
        return self.part.activity(state.part)

    def signals(self, state: Frozen) -> dict[str, Tensor]:
        """Return the part's signals."""
        return self.part.signals(state.part)


def stop_learning(state: BrainState, stopped: Tensor) -> BrainState:
    """Return the memory of a brain with `FrozenFastWeights` that is told which rows are stopped.

    Args:
        state: Before a step.
        stopped: True where fast weights learn no more, [B].
    """
    frozen: Frozen = state.plasticity
    return state._replace(plasticity=frozen._replace(stopped=Lasting(stopped)))


class NeuromodulatorLesion(Neuromodulator):
    """Does what a part does, for lesions to change one thing of it."""

    def __init__(self, part: Neuromodulator) -> None:
        super().__init__()
        self.part = part
        self.names, self.needs_reward = part.names, part.needs_reward

    def initial_state(self, batch_size: int) -> Any:
        """Return the part's memory at the start of an episode."""
        return self.part.initial_state(batch_size)

    def forward(self, inputs: Event, state: Any) -> tuple[Tensor, Any]:
        """Return the part's levels, [B, C]."""
        return self.part(inputs, state)

    def modulate(self, modulators: Tensor) -> Modulation:
        """Return what the part makes of levels, [..., C]."""
        return self.part.modulate(modulators)

    def learner_gains(self, modulators: Tensor) -> LearnerGains:
        """Return the part's factors."""
        return self.part.learner_gains(modulators)


class ClampedModulators(NeuromodulatorLesion):
    """Holds every level where an episode begins, at zero."""

    def forward(self, inputs: Event, state: Any) -> tuple[Tensor, Any]:
        """Return levels of zero, [B, C]."""
        levels, state = self.part(inputs, state)
        return torch.zeros_like(levels), state


class Remembered(NamedTuple):
    """Memory of levels that are told in another order.

    Attributes:
        past: Levels of late, [B, HISTORY, C].
        clock: Steps so far, [B].
        part: Of the part.
    """

    past: Tensor
    clock: Tensor
    part: Any


class ShuffledModulators(NeuromodulatorLesion):
    """Tells levels of the row's own recent past, every age equally often, instead of the present.

    The level of step t goes to place t mod HISTORY, and that of place STRIDE t mod HISTORY is told.
    """

    def initial_state(self, batch_size: int) -> Remembered:
        """Return a past of zeros."""
        past = torch.zeros(batch_size, HISTORY, len(self.names))
        clock = torch.zeros(batch_size, dtype=torch.long)
        return Remembered(past, clock, self.part.initial_state(batch_size))

    def forward(self, inputs: Event, state: Remembered) -> tuple[Tensor, Remembered]:
        """Return levels of another step, [B, C]."""
        levels, part = self.part(inputs, state.part)
        each = torch.arange(len(levels), device=levels.device)
        past = state.past.to(levels.device).index_put((each, state.clock % HISTORY), levels)
        told = past[each, state.clock * STRIDE % HISTORY]
        return told, Remembered(past, state.clock + 1, part)


class FixedAttention(NeuromodulatorLesion):
    """Leaves attention as it is without a neuromodulator."""

    def modulate(self, modulators: Tensor) -> Modulation:
        """Return what the part makes of levels, but for the attention."""
        return self.part.modulate(modulators)._replace(attention=None)


def _of_fast_weights(kind: Callable[[Plasticity], Plasticity]) -> Callable[[Brain], None]:
    def apply(brain: Brain) -> None:
        if not tree_leaves(brain.plasticity.initial_state(1)):
            raise ValueError("this brain has no fast weights")
        brain.plasticity = kind(brain.plasticity)

    return apply


def _of_levels(kind: Callable[[Neuromodulator], Neuromodulator]) -> Callable[[Brain], None]:
    def apply(brain: Brain) -> None:
        if not brain.neuromodulator.names:
            raise ValueError("this brain has no neuromodulator")
        brain.neuromodulator = kind(brain.neuromodulator)

    return apply


def _fix_attention(brain: Brain) -> None:
    levels = brain.log_std.detach().new_zeros(1, len(brain.neuromodulator.names))
    if brain.neuromodulator.modulate(levels).attention is None:
        raise ValueError("no neuromodulator sets this brain's attention")
    brain.neuromodulator = FixedAttention(brain.neuromodulator)


def _stop_filling_in(brain: Brain) -> None:
    if not len(brain.world_model.columns) or not brain.world_model.fills_in:
        raise ValueError("no world model fills in what this brain does not sense")
    brain.world_model.fills_in = False


LESIONS: Mapping[str, Callable[[Brain], None]] = {
    "fast_weights_zeroed": _of_fast_weights(ZeroedFastWeights),
    "fast_weights_frozen": _of_fast_weights(FrozenFastWeights),
    "fast_weights_shuffled": _of_fast_weights(ShuffledFastWeights),
    "modulator_clamped": _of_levels(ClampedModulators),
    "modulator_shuffled": _of_levels(ShuffledModulators),
    "attention_fixed": _fix_attention,
    "fill_in_off": _stop_filling_in,
}
"""What takes a part of a brain out of action, by name.

Raises:
    ValueError: If the brain has no such part.
"""
