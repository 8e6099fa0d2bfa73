"""Makes the bodies and the learner that a configuration describes."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from omegaconf import DictConfig, OmegaConf
from stable_baselines3.common.vec_env import VecEnv

import envs
from agents.config_check import require_keys
from agents.device import require_device
from agents.errors import MissingKeyError, UsageError
from brains.factory import factory_from_config

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback

TRUSTED = ("agents.",)
"""Where a configuration's learners and trackers come from; a loaded file runs nothing else."""


class Learner(Protocol):
    """What every agent of this platform offers to the scripts."""

    num_timesteps: int

    def require_trainable(self) -> None:
        """Raise a UsageError if it could not learn in its bodies."""
        ...

    def learn(
        self, total_timesteps: int, callback: "BaseCallback", *, reset_num_timesteps: bool
    ) -> Any:
        """Take this many more steps."""
        ...

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides how the training goes on."""
        ...

    def load_training_state(self, tree: Mapping[str, Any]) -> None:
        """Go back to where `training_state` was taken."""
        ...

    def learned_state(self) -> dict[str, Any]:
        """Return the part of `training_state` that stays true in other bodies."""
        ...

    def load_learned_state(self, tree: Mapping[str, Any]) -> None:
        """Act as when `learned_state` or `training_state` was taken."""
        ...

    def progress_row(self) -> dict[str, float | None]:
        """Return what is worth recording about the update that just finished."""
        ...


def make_env(config: DictConfig) -> VecEnv:
    """Make the bodies for a training.

    Args:
        config: A checked configuration of train.py.

    Raises:
        UsageError: There is no such environment, it does not take these options, or it cannot have
            the challenge.
        MissingKeyError: A key is missing, as in the configuration of an older run.
    """
    require_keys(config, "env.id", "env.kwargs", "num_envs", "seed", "num_threads", "stagger")
    plain: Any = OmegaConf.to_container(config)
    challenge = plain.get("challenge")  # older runs have none
    wanted: Any = OmegaConf.select(config, "feedback") or ()  # nor this
    try:
        return envs.make_vec_env(
            config.env.id,
            num_envs=config.num_envs,
            seed=config.seed,
            challenge=None if challenge is None else challenge["parts"],
            num_threads=config.num_threads,
            stagger=config.stagger,
            env_kwargs=plain["env"]["kwargs"],
            feedback=wanted if isinstance(wanted, str) else list(wanted),
            distractors=plain.get("distractors"),
        )
    except (ValueError, TypeError, ImportError) as error:
        raise _told(error, plain) from error


def build_agent(config: DictConfig, env: VecEnv) -> Learner:
    """Make the learner that a configuration describes, untrained.

    Args:
        config: A checked configuration of train.py, or the one that a run folder holds.
        env: The bodies that it will live in.

    Raises:
        UsageError: The description does not fit the learner, the brain or the body, or its device
            cannot be used here.
        MissingKeyError: A key is missing, as in the configuration of an older run.
    """
    require_keys(config, "agent", "brain", "seed", "device")
    require_device(config.device)
    options: Any = OmegaConf.to_container(config.agent, resolve=True)
    brain: Any = OmegaConf.to_container(config.brain, resolve=True)
    try:
        parts = {name: build_part(option) for name, option in options.items()}
        learner = factory_from_config(parts, trusted=TRUSTED)
        return learner(brain or None, env, seed=config.seed, device=config.device)
    except (ValueError, TypeError, AssertionError, RuntimeError) as error:
        raise _told(error, {"agent": options, "brain": brain}) from error


def build_part(description: Any) -> Any:
    """Make the object that a mapping with a `_target_` describes; other values stay as they are.

    Raises:
        ValueError: The target is not one of this package, or does not take these arguments.
    """
    described = isinstance(description, Mapping) and "_target_" in description
    return factory_from_config(description, trusted=TRUSTED)() if described else description


def _told(error: Exception, described: Mapping[str, Any]) -> UsageError:
    """Return in one line why something could not be made, by its key where one is missing.

    Args:
        error: What making it raised.
        described: The sections of the configuration that it was made from.
    """
    found = re.match(r"([\w.]+)\(\) missing \d+ required [\w-]+ arguments?: '(\w+)'", str(error))
    if isinstance(error, TypeError) and found:
        made = found[1].removesuffix(".__init__")
        for path in _places_of(made, described):
            return MissingKeyError(f"{path}.{found[2]}")
    return UsageError(_first_line(error))


def _places_of(name: str, node: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted keys at which a description names a class or function as its target."""
    if not isinstance(node, Mapping):
        return
    if str(node.get("_target_", "")).endswith(f".{name}"):
        yield path
    for key, value in node.items():
        yield from _places_of(name, value, f"{path}.{key}" if path else str(key))


def _first_line(error: Exception) -> str:
    return " ".join(str(error).strip().split("\n")[0].split())
