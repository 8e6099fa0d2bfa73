"""Which parts of a trained brain are taken out of action while it is evaluated."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from agents.config_check import unknown
from agents.episodes import Actor
from agents.errors import UsageError
from brains.lesions import LESIONS, stop_learning

NONE = "none"
FROZEN, SHUFFLED = "fast_weights_frozen", "fast_weights_shuffled"

Lesions = tuple[str, ...]
"""Names of lesions, each once, in the order of `LESIONS`; empty for an intact brain."""


def lesions_of(choice: str | Iterable[str] | None) -> Lesions:
    """Return the lesions that a setting names: one, several, or `none`.

    Raises:
        UsageError: There is no such lesion.
    """
    named = [choice] if isinstance(choice, str | int | float) else list(choice or ())
    for name in named:
        if name not in LESIONS and name != NONE:
            raise unknown("lesion", str(name), [NONE, *LESIONS])
    return tuple(name for name in LESIONS if name in named)


def suffix(lesions: Lesions) -> str:
    """Return what tells files about a lesioned brain from those about the intact one."""
    return f".{'+'.join(lesions)}" if lesions else ""


def lesion(model: Any, lesions: Lesions) -> None:
    """Take parts of an agent's brain out of action, for as long as the agent lives.

    Raises:
        UsageError: There is no brain, or it has no such part.
    """
    if not lesions:
        return
    brain = getattr(model, "brain", None)
    if brain is None:
        raise UsageError(f"lesion={lesions[0]}: this run's agent has no brain of ours to lesion")
    for name in lesions:
        try:
            LESIONS[name](brain)
        except ValueError as error:
            raise UsageError(f"lesion={name}: {error}") from error


def require_fit(lesions: Lesions, *, num_envs: int, challenged: bool) -> None:
    """Check that an evaluation brings what lesions need.

    Raises:
        UsageError: It does not.
    """
    if FROZEN in lesions and not challenged:
        raise UsageError(
            f"lesion={FROZEN} waits for a change, and this evaluation has none: "
            "choose challenge=..."
        )
    if SHUFFLED in lesions and num_envs < 2:
        raise UsageError(
            f"lesion={SHUFFLED} needs several bodies side by side, got {num_envs}: "
            "raise num_envs and episodes"
        )


def actor_for(model: Any, env: VecEnv, lesions: Lesions) -> Actor:
    """Return an agent, told at every step what its lesions need to know."""
    return StoppedAtOnset(model, env) if FROZEN in lesions else model


class StoppedAtOnset:
    """An agent whose fast weights stop in each row once its body's challenge has begun.

    Args:
        model: With a brain that has `FrozenFastWeights`.
        env: The bodies that it acts in, under a challenge.
    """

    def __init__(self, model: Any, env: VecEnv) -> None:
        self.model, self.env = model, env
        self.policy = model.policy

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """Act as the agent does, after telling it which rows are stopped."""
        stopped = onset_reached(self.env)
        if state is None:
            state = self.model.brain.initial_state(len(stopped))
        stopped = torch.as_tensor(stopped, device=self.model.device)
        state = stop_learning(state, stopped)
        return self.model.predict(
            observation, state=state, episode_start=episode_start, deterministic=deterministic
        )


def onset_reached(env: Any) -> NDArray[np.bool_]:
    """Return whether the change that befalls each row has begun by its present step, [N]."""
    return env.engine.elapsed >= env.engine.challenges.info()["challenge_onset"]
