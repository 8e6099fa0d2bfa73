"""Everything that decides a learner's future, as a plain tree, and back."""

import random
from collections import deque
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from brains.recurrent import tree_leaves, tree_like

if TYPE_CHECKING:
    from agents.ppo import BrainPPO


def read_global_generators() -> dict[str, Any]:
    """Return the state of the generators that libraries share."""
    python_version, python_state, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": [python_version, list(python_state), gauss],
        "numpy": [name, np.asarray(keys), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
    }


def load_global_generators(tree: dict[str, Any]) -> None:
    """Put the shared generators back to where they were read."""
    version, state, gauss = tree["python"]
    random.setstate((version, tuple(state), gauss))
    name, keys, position, has_gauss, cached = tree["numpy"]
    np.random.set_state((name, keys, position, has_gauss, cached))
    torch.set_rng_state(tree["torch"])


def read_env_state(model: BaseAlgorithm) -> dict[str, Any]:
    """Return the state of a model's environment.

    Raises:
        ValueError: If the environment cannot tell its state.
    """
    env = model.get_env()
    read = getattr(env, "training_state", None)
    if read is None:
        raise ValueError(
            f"{type(env).__name__} cannot be checkpointed: build it with envs.make_vec_env"
        )
    return read()


def _episode_infos(infos: Any) -> list[dict[str, float]]:
    return [{key: float(info[key]) for key in ("r", "l", "t")} for info in infos or []]


def read_agent_state(model: "BrainPPO") -> dict[str, Any]:
    """Return the whole state of a learner between two updates, as a copy."""
    return {
        "env": read_env_state(model),
        "last_observation": deepcopy(model._last_obs),
        "last_episode_starts": deepcopy(model._last_episode_starts),
        "brain_state": [leaf.clone() for leaf in tree_leaves(model.brain_state)],
        "global_generators": read_global_generators(),
        **read_learned_state(model),
        "reward_scaler": model.reward_scaler.training_state(),
    }


def read_learned_state(model: "BrainPPO") -> dict[str, Any]:
    """Return what is worth keeping when the environment is left behind, as a copy."""
    own = model.policy.self_taught_optimizer
    return {
        "brain": deepcopy(model.brain.state_dict()),
        "optimizer": deepcopy(model.policy.optimizer.state_dict()),
        "self_taught_optimizer": None if own is None else deepcopy(own.state_dict()),
        "reward_scaler": model.reward_scaler.learned_state(),
        "learning_rate": model.rate.training_state(),
        "generator": model.generator.get_state(),
        "prediction_generator": model.policy.generator.get_state(),
        "num_timesteps": model.num_timesteps,
        "updates": model.updates,
        "wall_seconds": model.wall_seconds,
        "metrics": dict(model.metrics),
        "episode_infos": _episode_infos(model.ep_info_buffer),
    }


def load_agent_state(model: "BrainPPO", tree: dict[str, Any]) -> None:
    """Put a learner and its environment into a state that was read."""
    load_learned_state(model, tree)
    model.brain_state = tree_like(
        model.brain.initial_state(model.n_envs),
        [leaf.to(model.device) for leaf in tree["brain_state"]],
    )
    model.reward_scaler.load_training_state(tree["reward_scaler"])
    model._last_obs = tree["last_observation"]
    model._last_episode_starts = tree["last_episode_starts"]
    env: Any = model.get_env()
    env.load_training_state(tree["env"])
    load_global_generators(tree["global_generators"])


def load_learned_state(model: "BrainPPO", tree: dict[str, Any]) -> None:
    """Put weights, optimiser, schedules, generators and counters back."""
    model.brain.load_state_dict(tree["brain"])
    _load_optimizer(model.policy.optimizer, tree["optimizer"])
    if model.policy.self_taught_optimizer is not None:
        _load_optimizer(model.policy.self_taught_optimizer, tree["self_taught_optimizer"])
    if "reward_scaler" in tree:  # agents that were saved by older versions have none
        model.reward_scaler.load_learned_state(tree["reward_scaler"])
    model.rate.load_training_state(tree["learning_rate"])
    model.generator.set_state(tree["generator"])
    model.policy.generator.set_state(tree["prediction_generator"])
    model.num_timesteps = tree["num_timesteps"]
    model.updates = tree["updates"]
    model.wall_seconds = tree["wall_seconds"]
    model.metrics = dict(tree["metrics"])
    model.ep_info_buffer = deque(tree["episode_infos"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)


def _load_optimizer(optimizer: torch.optim.Optimizer, tree: dict[str, Any]) -> None:
    """Put an optimiser's state back, laid out in memory as its parameters are.

    Adam's fused step walks parameters and moments in the order of memory: synapses that are kept
    transposed (brains/synapses.py) would meet the moments of others.
    """
    optimizer.load_state_dict(tree)
    for parameter, moments in optimizer.state.items():
        for name, value in moments.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter).copy_(value)
