"""Proximal policy optimisation over the state of any brain."""

import time
from collections import defaultdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import obs_as_tensor, safe_mean
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from agents.agent_file import load_agent, save_agent
from agents.errors import NonFiniteError, UsageError
from agents.garbage import only_new_garbage
from agents.learning_rate import LearningRate, as_learning_rate
from agents.losses import explained_variance
from agents.policy import BrainPolicy, BrainSource, settled
from agents.recipe import recipe_of
from agents.reward_scaling import RewardScaler
from agents.rollout import Rollout
from agents.training_state import (
    load_agent_state,
    load_learned_state,
    read_agent_state,
    read_learned_state,
)
from agents.update import Objective, policy_step, self_taught_step
from brains import Brain, LearnerGains, reset_where, tree_map
from brains.ranges import require_at_least, require_positive, require_within

History = dict[str, list[float]]
"""What every gradient step of an update measured, by name."""


class BrainPPO(OnPolicyAlgorithm):
    """PPO with truncated backpropagation through time over nested brain state.

    An SB3 algorithm: callbacks, `predict`, `evaluate_policy` and loggers work as usual. A rollout
    keeps the brain's state at segment starts and replays segments from there.

    Args:
        brain: The brain, its description (a mapping), or a factory of two spaces.
        env: Environment or SB3 vectorised environment to learn in; what it senses and can do are
            the brain's sizes. `BrainPPO.load` needs none to predict only.
        seed: Seed of weights, exploration, minibatches and environment.
        device: Where tensors live.
        learning_rate: A schedule, or a plain number for a constant rate. This, `segment_length`
            and `n_minibatches` are the brain's own where they are not given: the section
            `learning` of its description.
        n_steps: Steps of each row per update.
        segment_length: Steps over which gradients flow; divides `n_steps`.
        n_epochs: Passes over a rollout.
        n_minibatches: Gradient steps per pass.
        gamma: Discount per step.
        gae_lambda: Weight of long against short advantage estimates.
        clip_range: How far the probability ratio may move before its gradient stops.
        value_coefficient: Weight of the value loss.
        entropy_coefficient: Weight of the entropy bonus.
        max_grad_norm: Gradients are scaled down to at most this norm.
        self_taught_rate: Learning rate of parts that have a loss of their own (world model).
        self_taught_epochs: Passes over a rollout for them.
        verbose: SB3's; 1 prints its tables.
        stats_window_size: Episodes over which returns are averaged.

    Raises:
        TypeError: If `brain` is nothing that a brain comes from.
        ValueError: If a number is out of range, or there is no environment; the message says which.

    Source: Schulman et al. 2017, arXiv:1707.06347; stored-state replay, Kapturowski et al. 2019,
        openreview.net/forum?id=r1lyTjAqYX.
    """

    policy: BrainPolicy

    def __init__(
        self,
        brain: BrainSource,
        env: Any,
        *,
        seed: int | None = 0,
        device: str | torch.device = "cpu",
        learning_rate: LearningRate | float | None = None,
        n_steps: int = 64,
        segment_length: int | None = None,
        n_epochs: int = 5,
        n_minibatches: int | None = None,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        clip_range: float = 0.2,
        value_coefficient: float = 0.5,
        entropy_coefficient: float = 0.0,
        max_grad_norm: float = 0.5,
        self_taught_rate: float = 3e-3,
        self_taught_epochs: int = 1,
        verbose: int = 0,
        stats_window_size: int = 100,
        _setup: bool = True,
    ) -> None:
        brain = settled(brain)
        if _setup:
            _require_env(env)
        recipe = recipe_of(brain)
        self.rate = as_learning_rate(recipe.schedule() if learning_rate is None else learning_rate)
        self.segment_length = recipe.segment_length if segment_length is None else segment_length
        self.n_epochs = n_epochs
        self.n_minibatches = recipe.n_minibatches if n_minibatches is None else n_minibatches
        counts = {"segment_length": self.segment_length, "n_minibatches": self.n_minibatches}
        require_at_least(1, n_steps=n_steps, n_epochs=n_epochs, **counts)
        require_at_least(0, self_taught_epochs=self_taught_epochs)
        require_within(0, 1, gamma=gamma, gae_lambda=gae_lambda)
        require_positive(clip_range=clip_range, max_grad_norm=max_grad_norm)
        require_at_least(0, self_taught_rate=self_taught_rate)
        self.clip_range = clip_range
        self.self_taught_rate, self.self_taught_epochs = self_taught_rate, self_taught_epochs
        self.brain_source = brain
        self.wall_seconds = 0.0
        self.updates = 0
        self.metrics: dict[str, float | None] = {}
        super().__init__(
            cast(Any, BrainPolicy),
            env,
            learning_rate=self.rate.rate(1.0),
            n_steps=n_steps,
            gamma=gamma,
            gae_lambda=gae_lambda,
            ent_coef=entropy_coefficient,
            vf_coef=value_coefficient,
            max_grad_norm=max_grad_norm,
            use_sde=False,
            sde_sample_freq=-1,
            policy_kwargs={"brain": brain, "self_taught_rate": self_taught_rate},
            verbose=verbose,
            seed=seed,
            device=device,
            stats_window_size=stats_window_size,
            _init_setup_model=_setup,
        )

    @property
    def brain(self) -> Brain:
        """The brain that acts and learns."""
        return self.policy.brain

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        self.set_random_seed(self.seed)
        self.policy = BrainPolicy(  # type: ignore[assignment]
            self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs
        ).to(self.device)
        self.generator = torch.Generator().manual_seed(torch.initial_seed())
        self.reward_scaler = RewardScaler(self.n_envs, gamma=self.gamma)
        self.brain_state = self.brain.initial_state(self.n_envs)
        self.rollout = Rollout(
            self.n_steps,
            self.n_envs,
            self.segment_length,
            action_size=self._stored_action_size(),
            device=self.device,
        )
        self.rollout_buffer = None  # type: ignore[assignment]  # SB3's would hold no state

    def _stored_action_size(self) -> int:
        shape = self.action_space.shape
        return int(np.prod(shape)) if shape else 1

    def require_trainable(self) -> None:
        """Raise a UsageError if a rollout in these bodies has too few segments to learn from."""
        try:
            self.rollout.require_divisible(self.n_minibatches)
        except ValueError as error:
            raise UsageError(str(error)) from error

    def learn(self, total_timesteps: int, *arguments: Any, **options: Any) -> "BrainPPO":
        """Learn for a number of steps; arguments are those of SB3.

        Raises:
            ValueError: The number of steps is negative.
            UsageError: A rollout has too few segments.
        """
        require_at_least(0, total_timesteps=total_timesteps)
        self.require_trainable()
        with only_new_garbage():
            return super().learn(total_timesteps, *arguments, **options)

    def _setup_learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        reset_num_timesteps: bool = True,
        tb_log_name: str = "run",
        progress_bar: bool = False,
    ) -> tuple[int, BaseCallback]:
        if reset_num_timesteps:  # SB3 then resets the bodies, of which nothing is remembered
            self.brain_state = self.brain.initial_state(self.n_envs)
            self.reward_scaler.forget_episodes()
        return super()._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: RolloutBuffer,
        n_rollout_steps: int,
    ) -> bool:
        """Live through one rollout; False if a callback asked to stop."""
        del rollout_buffer
        self._started = time.perf_counter()
        self.policy.set_training_mode(False)
        self.rollout.clear()
        self._activity: dict[str, list[Tensor]] = defaultdict(list)
        callback.on_rollout_start()
        self._started = time.perf_counter()  # what callbacks do there is not learning
        for _ in range(n_rollout_steps):
            if not self._live_one_step(env, callback):
                return False
        with torch.no_grad():
            self.rollout.finish(
                self._value_of(self._last_obs, self._restarted(self.brain_state)),
                torch.as_tensor(self._last_episode_starts, device=self.device),
                gamma=self.gamma,
                gae_lambda=self.gae_lambda,
            )
        callback.on_rollout_end()
        return True

    @torch.no_grad()
    def _live_one_step(self, env: VecEnv, callback: BaseCallback) -> bool:
        observation = obs_as_tensor(self._last_obs, self.device)  # type: ignore[arg-type]
        self.brain.senses.update(observation)
        starts = torch.as_tensor(self._last_episode_starts, device=self.device)
        before = self._restarted(self.brain_state)
        percept, sensed = self.brain.perceive(observation, before)
        output, self.brain_state = self.brain.act(percept, sensed)
        action = self.policy.distribution.sample(output, self.generator)
        log_prob = self.policy.distribution.log_prob(output, action)
        self.rollout.add(before, percept, starts, output, action, log_prob)

        body_action = self.policy.distribution.to_body(action)
        new_obs, rewards, dones, infos = env.step(body_action)
        self.num_timesteps += env.num_envs
        callback.update_locals(locals())
        go_on = callback.on_step()  # even if not, what was lived is taken in: learning may go on
        self._update_info_buffer(infos, dones)
        scaled = self.reward_scaler(rewards, dones)
        self.brain.reward_deviation.fill_(self.reward_scaler.deviation)
        scaled = scaled + self.gamma * self._value_beyond_time_limit(infos, dones)
        self.rollout.add_reward(torch.as_tensor(scaled, device=self.device))
        self._last_obs = new_obs  # type: ignore[assignment]
        self._last_episode_starts = dones
        if self.rollout.filled % self.segment_length == 0:
            for name, value in self.brain.activity(self.brain_state).items():
                self._activity[name].append(value)
        return go_on

    def _restarted(self, state: Any) -> Any:
        """Return the memory with rows restarted whose next observation begins an episode."""
        if not np.any(self._last_episode_starts):
            return state
        starts = torch.as_tensor(self._last_episode_starts, device=self.device)
        return reset_where(starts, self.brain.initial_state(self.n_envs), state)

    def _value_of(self, observation: Any, state: Any) -> Tensor:
        return self.brain(obs_as_tensor(observation, self.device), state)[0].value

    def _value_beyond_time_limit(
        self, infos: list[dict[str, Any]], dones: np.ndarray
    ) -> np.ndarray:
        """Return the value of the last observation where only the clock ended an episode, [B].

        Source: Pardo et al. 2018, arXiv:1712.00378.
        """
        values = np.zeros(self.n_envs)
        rows = [row for row in np.flatnonzero(dones) if infos[row].get("TimeLimit.truncated")]
        if rows:
            last = [infos[row]["terminal_observation"] for row in rows]
            stacked: Any = (
                {name: np.stack([one[name] for one in last]) for name in last[0]}
                if isinstance(last[0], dict)
                else np.stack(last)
            )
            state = tree_map(lambda leaf: leaf[rows], self.brain_state)
            values[rows] = self._value_of(stacked, state).cpu().numpy()
        return values

    def train(self) -> None:
        """Update the brain on the rollout."""
        self.policy.set_training_mode(True)
        gains = self.brain.learner_gains(self.rollout.percepts)
        # The last rollout may reach beyond the budget, and no rate is negative.
        rate = self.rate.rate(max(self._current_progress_remaining, 0.0)) * gains.rate
        self.policy.set_learning_rate(rate)
        history: History = defaultdict(list)
        try:
            self._improve_policy(history, self._objective(gains))
            self._teach_parts(history)
        except NonFiniteError as error:
            raise NonFiniteError(
                f"{error} in update {self.updates + 1}, at {self.num_timesteps:,} steps: train "
                "anew with a lower learning rate or max_grad_norm"
            ) from None
        self.brain.homeostasis(self.rollout.percepts)
        final_kl = float(np.mean(history["kl"][-self.n_minibatches :]))  # of the last pass
        self.rate.observe(final_kl)
        self.updates += 1
        self._n_updates += self.n_epochs
        self._record({**{k: float(np.mean(v)) for k, v in history.items()}, "kl": final_kl}, rate)

    def _improve_policy(self, history: History, objective: Objective) -> None:
        for _ in range(self.n_epochs):
            for batch in self.rollout.minibatches(self.n_minibatches, self.generator):
                _note(history, policy_step(self.policy, batch, objective))

    def _objective(self, gains: LearnerGains) -> Objective:
        return Objective(
            clip_range=float(self.clip_range),
            value_weight=self.vf_coef * gains.value,
            entropy_weight=self.ent_coef * gains.entropy,
            max_grad_norm=self.max_grad_norm,
        )

    def _teach_parts(self, history: History) -> None:
        """Let the parts that have a loss of their own learn from the rollout."""
        optimizer = self.policy.self_taught_optimizer
        if optimizer is None:
            return
        for _ in range(self.self_taught_epochs):
            for batch in self.rollout.minibatches(self.n_minibatches, self.generator):
                _note(history, self_taught_step(self.policy, optimizer, batch, self.max_grad_norm))

    def _record(self, averages: dict[str, float], rate: float) -> None:
        """Keep what this update measured, for `progress_row` and SB3's logger."""
        seconds = time.perf_counter() - self._started
        self.wall_seconds += seconds
        activity = {k: float(torch.stack(v).mean()) for k, v in self._activity.items()}
        episodes = self.ep_info_buffer or []
        self.metrics = {
            "env_steps": self.num_timesteps,
            "wall_seconds": self.wall_seconds,
            "steps_per_second": self.n_steps * self.n_envs / seconds,
            "episode_return_mean": safe_mean([e["r"] for e in episodes]) if episodes else None,
            "episode_length_mean": safe_mean([e["l"] for e in episodes]) if episodes else None,
            "learning_rate": rate,
            **averages,
            **activity,
            "action_std": float(self.brain.log_std.detach().exp().mean()),
            "explained_variance": explained_variance(self.rollout.values, self.rollout.returns),
        }
        for name, value in self.metrics.items():
            if value is not None and name != "env_steps":
                self.logger.record(f"train/{name}", value)

    def progress_row(self) -> dict[str, float | None]:
        """Return what the last update measured, by column of `progress.csv`."""
        blank = dict.fromkeys(("prediction_error", "firing_rate", "dopamine"))
        return {**blank, "synaptic_ops_per_action": None, **self.metrics}

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides the future, the environment's included.

        Valid between updates only, where callbacks are told `on_rollout_start`.
        """
        return read_agent_state(self)

    def load_training_state(self, tree: dict[str, Any]) -> None:
        """Go on exactly where `training_state` was read."""
        load_agent_state(self, tree)

    def learned_state(self) -> dict[str, Any]:
        """Return what is worth keeping when the environment is left behind."""
        return read_learned_state(self)

    def load_learned_state(self, tree: dict[str, Any]) -> None:
        """Act and learn as when `learned_state` or `training_state` was taken, in any bodies."""
        load_learned_state(self, tree)

    def save(self, path: str | Path, *_: Any, **__: Any) -> None:  # type: ignore[override]
        """Write the agent, without its environment, to a directory that holds no code."""
        save_agent(self, Path(path))

    @classmethod
    def load(  # type: ignore[override]
        cls, path: str | Path, env: Any = None, *, brain: BrainSource | None = None, **changes: Any
    ) -> "BrainPPO":
        """Read an agent written by `save`.

        Args:
            path: The directory.
            env: Environment to go on learning in; None to predict only.
            brain: Needed if the saved agent was given a ready brain instead of a description.
            **changes: Constructor arguments that replace the saved ones.

        Raises:
            CheckpointError: The directory holds no agent, or its brain must be given and is not.
            UsageError: What is sensed and done in `env` has other sizes than the agent's.
        """
        return load_agent(cls, Path(path), env, brain, changes)


def _require_env(env: Any) -> None:
    if env is None:
        raise ValueError(
            "BrainPPO needs an env, which says what is sensed and what can be done; "
            "BrainPPO.load(path) needs none to predict with a saved agent"
        )


def _note(history: History, found: dict[str, float]) -> None:
    for name, value in found.items():
        history[name].append(value)
