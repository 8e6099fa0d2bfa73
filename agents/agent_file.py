"""An agent on disk without its environment: weights, description, spaces; no code."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from agents.checkpoint import CheckpointError, load_tree, save_tree
from agents.errors import UsageError
from agents.training_state import load_learned_state, read_learned_state
from brains.factory import factory_from_config

if TYPE_CHECKING:
    from agents.policy import BrainSource
    from agents.ppo import BrainPPO

HYPERPARAMETERS = {
    "n_steps": "n_steps",
    "segment_length": "segment_length",
    "n_epochs": "n_epochs",
    "n_minibatches": "n_minibatches",
    "gamma": "gamma",
    "gae_lambda": "gae_lambda",
    "clip_range": "clip_range",
    "value_coefficient": "vf_coef",
    "entropy_coefficient": "ent_coef",
    "max_grad_norm": "max_grad_norm",
    "self_taught_rate": "self_taught_rate",
    "self_taught_epochs": "self_taught_epochs",
    "verbose": "verbose",
    "stats_window_size": "_stats_window_size",
    "seed": "seed",
}
"""Constructor arguments, and the attributes that hold them."""


def describe_space(space: spaces.Space[Any]) -> dict[str, Any]:
    """Return a space as plain data.

    Raises:
        ValueError: If it is not made of Box, Discrete and Dict.
    """
    if isinstance(space, spaces.Box):
        return {"low": space.low, "high": space.high, "dtype": str(space.dtype)}
    if isinstance(space, spaces.Discrete):
        return {"n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.Dict):
        return {"modalities": {name: describe_space(one) for name, one in space.items()}}
    raise ValueError(f"only Box, Discrete and Dict spaces can be saved, got {space}")


def space_from(description: Mapping[str, Any]) -> spaces.Space[Any]:
    """Return the space that a description stands for."""
    if "modalities" in description:
        modalities = description["modalities"].items()
        return spaces.Dict({name: space_from(one) for name, one in modalities})
    if "n" in description:
        return spaces.Discrete(description["n"], start=description["start"])
    dtype = np.dtype(description["dtype"]).type
    return spaces.Box(description["low"], description["high"], dtype=dtype)


def require_same_sizes(
    env: spaces.Space[Any], saved: spaces.Space[Any], *, what: str, path: Path
) -> None:
    """Raise a UsageError unless an environment's space has the sizes of the saved agent's.

    Bounds may differ: bodies of the same sizes can be taken over.
    """
    if _sizes(env) != _sizes(saved):
        raise UsageError(
            f"the agent in {path} has {what} of {_sizes(saved)}, but this env of {_sizes(env)}: "
            "load it with the body and the senses that it learned with, or without an env"
        )


def _sizes(space: spaces.Space[Any]) -> str:
    """Return how many numbers a space holds, in words."""
    if isinstance(space, spaces.Dict):
        return ", ".join(f"{name} {_sizes(one)}" for name, one in sorted(space.items()))
    if isinstance(space, spaces.Discrete):
        return f"{space.n} choices"
    return f"shape {space.shape}"


def save_agent(model: "BrainPPO", path: Path) -> None:
    """Write an agent to a directory, whole or not at all."""
    source = model.brain_source
    tree = {
        "learned": read_learned_state(model),
        "brain_config": source if isinstance(source, Mapping) else None,
        "hyperparameters": {
            **{name: getattr(model, held) for name, held in HYPERPARAMETERS.items()},
            "learning_rate": model.rate.description(),
        },
        "observation_space": describe_space(model.observation_space),
        "action_space": describe_space(model.action_space),
    }
    save_tree(path, tree, metadata={"kind": "wetware-agent"})


def load_agent(
    cls: type["BrainPPO"],
    path: Path,
    env: Any,
    brain: "BrainSource | None",
    changes: Mapping[str, Any],
) -> "BrainPPO":
    """Read an agent that `save_agent` wrote.

    Raises:
        CheckpointError: If the directory holds no agent, or its brain must be given and is not.
        UsageError: If the environment's spaces have other sizes than the agent's.
    """
    if (path / "config.yaml").is_file() or (path.parent.parent / "config.yaml").is_file():
        raise CheckpointError(
            f"{path} is of a run, not an agent saved by BrainPPO.save: "
            f"agents.evaluation.load_agent({str(path)!r}) reads it"
        )
    tree, metadata = load_tree(path)
    if metadata.get("kind") != "wetware-agent":
        raise CheckpointError(f"{path} holds no agent saved by BrainPPO.save")
    source = tree["brain_config"] if brain is None else brain
    if source is None:
        raise CheckpointError(
            f"{path} was saved with a ready-made brain: pass brain=... to BrainPPO.load"
        )
    arguments = {**tree["hyperparameters"], **changes}
    if isinstance(arguments["learning_rate"], Mapping):
        rate = factory_from_config(arguments["learning_rate"], trusted=("agents.learning_rate.",))
        arguments["learning_rate"] = rate()
    model = cls(source, env, _setup=False, **arguments)
    senses, actions = space_from(tree["observation_space"]), space_from(tree["action_space"])
    if env is None:
        model.observation_space, model.action_space, model.n_envs = senses, actions, 1
    require_same_sizes(model.observation_space, senses, what="senses", path=path)
    require_same_sizes(model.action_space, actions, what="actions", path=path)
    model._setup_model()
    load_learned_state(model, {**tree["learned"], **_made_anew(model, changes)})
    own = model.policy.self_taught_optimizer
    if own is not None and "self_taught_rate" in changes:
        for group in own.param_groups:
            group["lr"] = model.self_taught_rate
    return model


def _made_anew(model: "BrainPPO", changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of what is changed at loading: it begins as it was made."""
    state: dict[str, Any] = {}
    if "learning_rate" in changes:
        state["learning_rate"] = model.rate.training_state()
    if "seed" in changes:
        state["generator"] = model.generator.get_state()
        state["prediction_generator"] = model.policy.generator.get_state()
    return state
