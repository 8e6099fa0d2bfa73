"""The baselines: learners of Stable-Baselines3 and sb3-contrib with their own networks."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import VecEnv

from agents.baseline import Baseline
from brains.ranges import require_at_least, require_positive, require_within

Stored = np.ndarray | dict[str, np.ndarray]
"""A column of a replay buffer, [steps, bodies, ...]: one array, or one for each modality."""


class OnPolicyBaseline(Baseline):
    """What the two PPOs have in common.

    Args:
        brain: None; the network is SB3's.
        env: The bodies to learn in.
        normalise: Whether a `VecNormalize` scales observations and rewards.
        seed, device, learning_rate, n_steps, batch_size, n_epochs, gamma, gae_lambda, clip_range,
            ent_coef, vf_coef, max_grad_norm: As in `stable_baselines3.PPO`.

    Raises:
        ValueError: If a number is out of range; the message names it.
    """

    LOGGED = MappingProxyType(
        {
            "learning_rate": "train/learning_rate",
            "kl": "train/approx_kl",
            "value_loss": "train/value_loss",
        }
    )

    def __init__(
        self,
        brain: None,
        env: VecEnv,
        *,
        seed: int,
        device: str,
        normalise: bool,
        learning_rate: float,
        n_steps: int,
        batch_size: int,
        n_epochs: int,
        gamma: float,
        gae_lambda: float,
        clip_range: float,
        ent_coef: float,
        vf_coef: float,
        max_grad_norm: float,
    ) -> None:
        require_at_least(1, n_steps=n_steps, batch_size=batch_size, n_epochs=n_epochs)
        require_within(0, 1, gamma=gamma, gae_lambda=gae_lambda)
        require_positive(
            learning_rate=learning_rate, clip_range=clip_range, max_grad_norm=max_grad_norm
        )
        super().__init__(
            brain,
            env,
            normalise=normalise,
            seed=seed,
            device=device,
            learning_rate=learning_rate,
            n_steps=n_steps,
            batch_size=batch_size,
            n_epochs=n_epochs,
            gamma=gamma,
            gae_lambda=gae_lambda,
            clip_range=clip_range,
            ent_coef=ent_coef,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
        )


class Sb3PPO(OnPolicyBaseline, PPO):
    """PPO with a feed-forward network."""


class Sb3RecurrentPPO(OnPolicyBaseline, RecurrentPPO):
    """PPO with an LSTM, whose memory is carried from one rollout to the next."""

    POLICY = "MlpLstmPolicy"
    POLICY_OF_MODALITIES = "MultiInputLstmPolicy"

    def _last(self) -> dict[str, Any]:
        states = self._last_lstm_states
        return {**super()._last(), "memory": {"actor": list(states.pi), "critic": list(states.vf)}}

    def _set_last(self, last: Mapping[str, Any]) -> None:
        super()._set_last(last)
        actor, critic = (
            tuple(tensor.to(self.device) for tensor in last["memory"][name])
            for name in ("actor", "critic")
        )
        self._last_lstm_states = RNNStates(actor, critic)


class Sb3SAC(Baseline, SAC):
    """SAC with feed-forward networks; its replay buffer is part of the training state.

    Args:
        brain: None; the networks are SB3's.
        env: The bodies to learn in.
        row_every: Steps between two rows of progress.csv; it updates at every step.
        seed, device, learning_rate, buffer_size, learning_starts, batch_size, tau, gamma,
            train_freq, gradient_steps, ent_coef: As in `stable_baselines3.SAC`.

    Raises:
        ValueError: If a number is out of range; the message names it.
    """

    LOGGED = MappingProxyType(
        {
            "learning_rate": "train/learning_rate",
            "value_loss": "train/critic_loss",
            "actor_loss": "train/actor_loss",
            "entropy_coefficient": "train/ent_coef",
        }
    )
    BUFFER = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")

    def __init__(
        self,
        brain: None,
        env: VecEnv,
        *,
        seed: int,
        device: str,
        learning_rate: float,
        buffer_size: int,
        learning_starts: int,
        batch_size: int,
        tau: float,
        gamma: float,
        train_freq: int,
        gradient_steps: int,
        ent_coef: float | str,
        row_every: int,
    ) -> None:
        require_at_least(1, row_every=row_every, buffer_size=buffer_size, batch_size=batch_size)
        require_at_least(1, train_freq=train_freq)
        require_at_least(0, learning_starts=learning_starts)
        require_at_least(-1, gradient_steps=gradient_steps)  # -1: as many as there were steps
        require_within(0, 1, gamma=gamma, tau=tau)
        require_positive(learning_rate=learning_rate)
        self.row_every = row_every
        super().__init__(
            brain,
            env,
            normalise=False,
            seed=seed,
            device=device,
            learning_rate=learning_rate,
            buffer_size=buffer_size,
            learning_starts=learning_starts,
            batch_size=batch_size,
            tau=tau,
            gamma=gamma,
            train_freq=train_freq,
            gradient_steps=gradient_steps,
            ent_coef=ent_coef,
        )

    def _last(self) -> dict[str, Any]:
        buffer = self.replay_buffer
        assert buffer is not None
        filled = len(buffer.rewards) if buffer.full else buffer.pos
        arrays = {name: _first(getattr(buffer, name), filled) for name in self.BUFFER}
        replay = {"pos": buffer.pos, "full": buffer.full, "arrays": arrays}
        entropy = None if self.log_ent_coef is None else self.log_ent_coef.detach()
        return {**super()._last(), "replay": replay, "log_entropy_coefficient": entropy}

    def _set_last(self, last: Mapping[str, Any]) -> None:
        super()._set_last(last)
        buffer, replay = self.replay_buffer, last["replay"]
        assert buffer is not None
        for name, array in replay["arrays"].items():
            _fill(getattr(buffer, name), array)
        buffer.pos, buffer.full = replay["pos"], replay["full"]
        if self.log_ent_coef is not None:
            with torch.no_grad():
                self.log_ent_coef.copy_(last["log_entropy_coefficient"])


def _first(column: Stored, rows: int) -> Stored:
    """Return the first rows of what a replay buffer stores: an array, or one per modality."""
    if isinstance(column, dict):
        return {name: array[:rows] for name, array in column.items()}
    return column[:rows]


def _fill(column: Stored, rows: Stored) -> None:
    """Write rows to the beginning of what a replay buffer stores."""
    if isinstance(column, dict):
        for name, array in column.items():
            array[: len(rows[name])] = rows[name]
    else:
        column[: len(rows)] = rows
