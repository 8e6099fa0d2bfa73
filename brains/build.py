"""Builds brains: every size flows from the body's spaces through here."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from gymnasium import spaces
from torch import nn

from brains.brain import Brain
from brains.controller import Controller
from brains.factory import factory_from_config
from brains.neuromodulation import Neuromodulator, NoNeuromodulator
from brains.paces import Paces
from brains.perception import DirectPerception, Perception
from brains.plasticity import NoPlasticity, Plasticity
from brains.reflex import NoReflex
from brains.senses import Senses
from brains.world_model import NoWorldModel, WorldModel

NO_PARTS = ("learning", "feedback", "size", "sizes")
"""Keys of a brain's description for its learner and its body, and for its parts to refer to."""


def action_size_of(action_space: spaces.Space[Any]) -> int:
    """Return how many numbers describe an action.

    Raises:
        ValueError: If the space is neither a one-dimensional Box nor Discrete.
    """
    if isinstance(action_space, spaces.Box) and len(action_space.shape) == 1:
        return int(action_space.shape[0])
    if isinstance(action_space, spaces.Discrete):
        return int(action_space.n)
    raise ValueError(
        f"a brain acts in one-dimensional Box and Discrete spaces, got {action_space}: "
        "use a Gymnasium action wrapper"
    )


def build_brain(
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
    *,
    controller: Callable[..., Controller[Any]],
    world_model: Callable[..., WorldModel] = NoWorldModel,
    perception: Callable[..., Perception] = DirectPerception,
    plasticity: Callable[..., Plasticity] = NoPlasticity,
    neuromodulator: Callable[..., Neuromodulator] = NoNeuromodulator,
    reflex: Callable[..., nn.Module] = NoReflex,
    critic: Callable[..., nn.Module],
    senses: Callable[..., Senses],
    action_gain: float,
    initial_log_std: float,
    exploration_rate_scale: float,
    paces: Paces = MappingProxyType({}),
) -> Brain:
    """Build a brain for a body.

    Args:
        observation_space: What the body senses.
        action_space: What the body can do.
        controller: Completed with `input_size`, the code's.
        world_model: Completed with the senses' `layout`.
        perception: Completed with `layout`, the predicted `columns` and `context_size`.
        plasticity: Completed with `code_size`, `memory_size`, `drive_size` and `action_size`.
        neuromodulator: Completed with `gate_size` and `action_size`.
        reflex: Completed with `input_size` and `action_size`.
        critic: Completed with `senses_size` and `memory_size`.
        senses: Completed with the observation space.
        action_gain: Gain of the action head's initial weights.
        initial_log_std: Log standard deviation of exploration at the start.
        exploration_rate_scale: Learning rate of that deviation relative to the rest.
        paces: Learning rates of parts relative to the rest; see `Brain`.

    Raises:
        ValueError: If a space is of a kind that brains do not handle.
    """
    action_size = action_size_of(action_space)
    sensed = senses(observation_space=observation_space)
    layout = sensed.layout
    model = world_model(layout=layout)
    encoder = perception(layout=layout, columns=model.columns, context_size=model.context_size)
    control = controller(input_size=encoder.output_size)
    control.listen_through(encoder.synapses)
    with torch.random.fork_rng(devices=[]):  # others start the same with and without these
        fast = plasticity(
            code_size=encoder.output_size,
            memory_size=control.output_size,
            drive_size=control.drive_size,
            action_size=action_size,
        )
        fast.listen_through(encoder.events)
        modulator = neuromodulator(gate_size=fast.gate_size, action_size=action_size)
    heard = len(layout.heard)
    value_of = critic(senses_size=heard + model.context_size, memory_size=control.output_size)
    return Brain(
        senses=sensed,
        world_model=model,
        perception=encoder,
        controller=control,
        plasticity=fast,
        neuromodulator=modulator,
        reflex=reflex(input_size=heard, action_size=action_size),
        critic=value_of,
        action_size=action_size,
        action_gain=action_gain,
        initial_log_std=initial_log_std,
        exploration_rate_scale=exploration_rate_scale,
        paces=paces,
    )


def brain_from_config(
    config: Mapping[str, Any],
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
    *,
    trusted: Sequence[str] = ("brains.",),
) -> Brain:
    """Build a brain from its plain description, as it stands in a run's `config.yaml`.

    Args:
        config: Nested mappings; each with a `_target_` becomes a factory of that object.
        observation_space: What the body senses.
        action_space: What the body can do.
        trusted: Prefixes of the names that `_target_` may have.

    Raises:
        ValueError: If a target is not trusted or unknown, or does not take one of its keys.
    """
    parts = {key: value for key, value in config.items() if key not in NO_PARTS}
    return factory_from_config(parts, trusted=trusted)(observation_space, action_space)
