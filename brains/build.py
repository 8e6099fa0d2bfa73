"""Builds brains: every size flows from the body's spaces through here."""

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from gymnasium import spaces
from torch import nn

from brains.brain import Brain
from brains.recurrent import RecurrentModule
from brains.senses import Senses

TRUSTED_PREFIXES = ("brains.",)
"""Modules whose objects a brain's description may name; a loaded file runs nothing else."""


def action_size_of(action_space: spaces.Space) -> int:
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
    observation_space: spaces.Space,
    action_space: spaces.Space,
    *,
    controller: Callable[..., RecurrentModule[Any]],
    reflex: Callable[..., nn.Module],
    critic: Callable[..., nn.Module],
    senses: Callable[..., Senses],
    action_gain: float,
    initial_log_std: float,
) -> Brain:
    """Build a brain for a body.

    Args:
        observation_space: What the body senses.
        action_space: What the body can do.
        controller: Completed with `input_size`; has an `output_size`.
        reflex: Completed with `input_size` and `action_size`.
        critic: Completed with `senses_size` and `memory_size`.
        senses: Completed with the observation space.
        action_gain: Gain of the action head's initial weights.
        initial_log_std: Log standard deviation of exploration at the start.

    Raises:
        ValueError: If a space is of a kind that brains do not handle.
    """
    action_size = action_size_of(action_space)
    sensed = senses(observation_space=observation_space)
    control = controller(input_size=sensed.output_size)
    return Brain(
        senses=sensed,
        controller=control,
        reflex=reflex(input_size=sensed.output_size, action_size=action_size),
        critic=critic(senses_size=sensed.output_size, memory_size=control.output_size),
        action_size=action_size,
        action_gain=action_gain,
        initial_log_std=initial_log_std,
    )


def brain_from_config(
    config: Mapping[str, Any],
    observation_space: spaces.Space,
    action_space: spaces.Space,
    *,
    trusted: Sequence[str] = TRUSTED_PREFIXES,
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
    factory = _factory(config, trusted)
    return factory(observation_space, action_space)


def _factory(node: Any, trusted: Sequence[str]) -> Any:
    """Turn a described object into a partial, and leave plain values as they are."""
    if not isinstance(node, Mapping):
        return node
    values = {key: _factory(value, trusted) for key, value in node.items()}
    target = values.pop("_target_", None)
    values.pop("_partial_", None)  # every part is completed by its builder
    if target is None:
        return values
    found = _find(str(target), trusted)
    accepted = set(inspect.signature(found).parameters)
    for key in values:
        if key not in accepted:
            nearest = difflib.get_close_matches(key, accepted, n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise ValueError(f"{target} takes no {key!r}{hint}")
    return partial(found, **values)


def _find(target: str, trusted: Sequence[str]) -> Callable[..., Any]:
    if not target.startswith(tuple(trusted)):
        raise ValueError(
            f"_target_ {target!r} is not trusted; names must begin with one of {list(trusted)}"
        )
    module_name, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"_target_ {target!r} does not exist: {error}") from error
    # An imported name would open a trusted module's own imports (os, torch.load, ...).
    if not getattr(found, "__module__", "").startswith(tuple(trusted)) or not callable(found):
        raise ValueError(f"_target_ {target!r} is not defined in a trusted module")
    return found
