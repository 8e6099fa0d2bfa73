"""What learners of Stable-Baselines3 lack to be trained and recorded like those of this project.

A `VecNormalize` that they carry with them, a row for progress.csv, and a training state that can be
saved and resumed exactly.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.utils import seeding
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from agents.errors import NonFiniteError
from agents.training_state import load_global_generators, read_global_generators

COUNTERS = (
    "num_timesteps", "_total_timesteps", "_num_timesteps_at_start", "_n_updates", "_episode_num",
    "_current_progress_remaining",
)  # fmt: skip
"""Attributes of an SB3 algorithm that say how far it is."""

NEVER = 2**62
"""Updates between two of SB3's own tables: they would drop what `progress_row` reads."""


class AlignedNormalize(VecNormalize):
    """A `VecNormalize` whose observations lie in memory as torch's own do.

    SB3 multiplies matrices right where NumPy put an observation, and the last digit of a product
    depends on where that is: without this, two runs with one seed may drift apart.
    """

    def normalize_obs(self, obs: Any) -> Any:
        """Return normalised observations in fresh, aligned memory."""
        normalised = super().normalize_obs(obs)
        if isinstance(normalised, dict):
            return {name: _aligned(part) for name, part in normalised.items()}
        return _aligned(normalised)


class Baseline(BaseAlgorithm):
    """What the three baselines add to their SB3 class, which must come after this one.

    Attributes:
        LOGGED: SB3's names of what goes into progress.csv, by column.
        POLICY: SB3's name of the network for a body whose observation is one array.
        POLICY_OF_MODALITIES: Its name for the same network behind an observation of several
            modalities, which are flattened and put side by side.
    """

    LOGGED: Mapping[str, str]
    POLICY = "MlpPolicy"
    POLICY_OF_MODALITIES = "MultiInputPolicy"

    def __init__(self, brain: None, env: VecEnv, *, normalise: bool, **options: Any) -> None:
        if brain is not None:
            raise ValueError(f"{type(self).__name__} brings its own network: leave brain=... out")
        several = isinstance(env.observation_space, spaces.Dict)
        policy = self.POLICY_OF_MODALITIES if several else self.POLICY
        # Rewards are divided by the spread of the sum that the critic is to foretell.
        self.normaliser = AlignedNormalize(env, gamma=options["gamma"]) if normalise else None
        super().__init__(policy, self.normaliser or env, **options)
        self.set_logger(Logger(None, []))

    def require_trainable(self) -> None:
        """Accept any bodies: SB3 has looked at them when it was made."""

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = NEVER,
        tb_log_name: str = "run",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Any:
        """Take this many more steps, as SB3 does, but without printing SB3's own tables.

        Raises:
            NonFiniteError: The policy's output is no longer a number.
        """
        try:
            return super().learn(
                total_timesteps,
                callback,
                log_interval,
                tb_log_name,
                reset_num_timesteps,
                progress_bar,
            )
        except ValueError as error:
            if "to satisfy the constraint" not in str(error):  # torch.distributions' words
                raise
            broken = str(error).split("(")[0].removeprefix("Expected parameter ").strip()
            message = f"the policy's {broken} is no longer a number that it can be"
            raise NonFiniteError(f"{message}: {self._where()}") from error

    def predict(self, observation: Any, *arguments: Any, **options: Any) -> Any:
        """Return actions for observations as the body gives them, and the new memory."""
        if self.normaliser is not None:
            observation = self.normaliser.normalize_obs(observation)
        return super().predict(observation, *arguments, **options)

    def train(self, *arguments: Any, **options: Any) -> None:
        """Update the networks.

        Raises:
            NonFiniteError: A weight is no longer a number.
        """
        super().train(*arguments, **options)  # type: ignore[misc]
        for name, weight in self.policy.named_parameters():
            if not bool(torch.isfinite(weight).all()):
                raise NonFiniteError(f"the weight {name} is no longer finite: {self._where()}")

    def _where(self) -> str:
        return f"{type(self).__name__} at step {self.num_timesteps:,}"

    def progress_row(self) -> dict[str, float | None]:
        """Return what SB3 logged about the last update, in the columns of progress.csv."""
        logged = self.logger.name_to_value
        row: dict[str, float | None] = {
            column: float(logged[name]) if name in logged else None
            for column, name in self.LOGGED.items()
        }
        if "train/entropy_loss" in logged:
            row["entropy"] = -float(logged["train/entropy_loss"])
        episodes = self.ep_info_buffer or ()
        for column, key in (("episode_return_mean", "r"), ("episode_length_mean", "l")):
            row[column] = float(np.mean([e[key] for e in episodes])) if episodes else None
        return row

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides how the training goes on; valid between updates."""
        env = self.normaliser.venv if self.normaliser else self.env
        assert env is not None
        return {
            **self.learned_state(),
            "optimizers": self._optimizers(),
            "counters": {name: getattr(self, name) for name in COUNTERS if hasattr(self, name)},
            "episodes": [dict(episode) for episode in self.ep_info_buffer or ()],
            "last": self._last(),
            "action_space": self.action_space.np_random.bit_generator.state,
            "global_generators": read_global_generators(),
            "env": env.training_state(),  # type: ignore[attr-defined]
        }

    def load_training_state(self, tree: Mapping[str, Any]) -> None:
        """Go back to where `training_state` was taken."""
        env = self.normaliser.venv if self.normaliser else self.env
        assert env is not None
        self.load_learned_state(tree)
        for name, optimizer in tree["optimizers"].items():
            _attribute(self, name).load_state_dict(optimizer)
        for name, value in tree["counters"].items():
            setattr(self, name, value)
        self.ep_info_buffer = deque(tree["episodes"], maxlen=self._stats_window_size)
        self.ep_success_buffer = deque(maxlen=self._stats_window_size)
        self._set_last(tree["last"])
        generator, _ = seeding.np_random(0)
        generator.bit_generator.state = tree["action_space"]
        self.action_space._np_random = generator
        env.load_training_state(tree["env"])  # type: ignore[attr-defined]
        load_global_generators(tree["global_generators"])

    def load_learned_state(self, tree: Mapping[str, Any]) -> None:
        """Act as when `training_state` was taken, in whatever bodies this learner has now."""
        self.policy.load_state_dict(tree["weights"])
        if self.normaliser is not None:
            _set_moments(self.normaliser.obs_rms, tree["normaliser"]["observations"])
            _set_moments(self.normaliser.ret_rms, tree["normaliser"]["returns"])

    def learned_state(self) -> dict[str, Any]:
        """Return what `predict` depends on: weights and normalisation."""
        state: dict[str, Any] = {"weights": self.policy.state_dict()}
        if self.normaliser is not None:
            observations, returns = self.normaliser.obs_rms, self.normaliser.ret_rms
            state["normaliser"] = {
                "observations": _moments(observations), "returns": _moments(returns)
            }  # fmt: skip
        return state

    def _optimizers(self) -> dict[str, Any]:
        names, _ = self._get_torch_save_params()
        return {name: _attribute(self, name).state_dict() for name in names if name != "policy"}

    def _last(self) -> dict[str, Any]:
        """Return what was left over from the step before the update."""
        last = {"observation": self._last_obs, "episode_starts": self._last_episode_starts}
        if self.normaliser is not None:
            last["discounted_returns"] = self.normaliser.returns
        return last

    def _set_last(self, last: Mapping[str, Any]) -> None:
        self._last_obs = last["observation"]
        self._last_episode_starts = last["episode_starts"]
        if self.normaliser is not None:
            self.normaliser.returns = last["discounted_returns"]


def _aligned(array: np.ndarray) -> np.ndarray:
    return torch.from_numpy(np.ascontiguousarray(array)).clone().numpy()


def _attribute(owner: object, path: str) -> Any:
    """Return an attribute of an attribute, such as `policy.optimizer`."""
    for name in path.split("."):
        owner = getattr(owner, name)
    return owner


def _moments(moments: Any) -> dict[str, Any]:
    """Return running means and variances, of one observation or of each modality."""
    if isinstance(moments, dict):
        return {name: _moments(part) for name, part in moments.items()}
    return {"mean": moments.mean, "var": moments.var, "count": float(moments.count)}


def _set_moments(moments: RunningMeanStd | dict[str, RunningMeanStd], state: Any) -> None:
    if isinstance(moments, dict):
        for name, part in moments.items():
            _set_moments(part, state[name])
        return
    moments.mean, moments.var = np.array(state["mean"]), np.array(state["var"])
    moments.count = state["count"]
