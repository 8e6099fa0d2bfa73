"""The slower path: any environment that Gymnasium knows, stepped row by row, for SB3."""

import json
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
from gymnasium.wrappers import TimeLimit
from PIL import Image, ImageOps
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from envs.errors import PhysicsError, RenderingError, UnsavableError
from envs.options import unworkable
from envs.plain_state import (
    environment_state,
    load_environment_state,
    load_physics_state,
    physics_state,
)

_FALLBACK_FPS = 30  # for environments that do not tell how long a step is


class GymnasiumVecEnv(DummyVecEnv):
    """Rows made by `gymnasium.make`, with the interface of `EngineVecEnv`.

    Args:
        env_id: A registered id.
        num_envs: Number of rows.
        seed: Seed of the first row; row i starts from `seed + i`. None for seeds from the system.
        stagger: Spread the clocks of the first episodes evenly over the time limit.
        options: Options of the environment's constructor.

    Raises:
        ValueError: It cannot be made with these options, or not stepped.
    """

    def __init__(
        self,
        env_id: str,
        *,
        num_envs: int,
        seed: int | None,
        stagger: bool,
        options: Mapping[str, Any],
    ) -> None:
        first = _make(env_id, options)
        if options:
            _rehearse(first, env_id, options)
        if "rgb_array" in first.metadata.get("render_modes", []):
            options = {"render_mode": "rgb_array", **options}
        first.close()
        super().__init__([lambda: _make(env_id, options) for _ in range(num_envs)])
        self.name = env_id
        self._stagger_next_reset = stagger
        self._cut_short = np.zeros(num_envs, bool)
        self._episode_return = np.zeros(num_envs)
        self._episode_length = np.zeros(num_envs, np.int64)
        self._started = time.perf_counter()
        if seed is not None:
            self.seed(seed)

    @property
    def control_period(self) -> float:
        """Length of a control step, s."""
        body = self.envs[0].unwrapped
        fps = self.envs[0].metadata.get("render_fps") or _FALLBACK_FPS
        return float(getattr(body, "dt", 1 / fps))

    @cached_property
    def exact_resume(self) -> bool:
        """Whether `training_state` can hold everything that decides the future."""
        try:
            environment_state(self.envs[0])
        except UnsavableError:
            return False
        return True

    def reset(self) -> VecEnvObs:
        """Start an episode in every row and return the observations."""
        observations = super().reset()
        self._episode_return[:] = 0.0
        self._episode_length[:] = 0
        for array in self.buf_obs.values():
            self._require_finite(array, "began non-finite", step=0)
        self._cut_short[:] = False
        if self._stagger_next_reset:
            for row, env in enumerate(self.envs):
                self._cut_short[row] = _advance_clock(env, row / self.num_envs)
            self._stagger_next_reset = False
        return observations

    def step_wait(self) -> VecEnvStepReturn:
        """Advance every row; return observations, rewards, dones and infos."""
        self._require_finite(self.actions, "was given a non-finite action")
        observations, rewards, dones, infos = super().step_wait()
        for array in self.buf_obs.values():
            self._require_finite(array, "became non-finite")
        if np.isnan(rewards).any():  # what is merely too large, learners tell with its size
            raise self._physics_error(int(np.flatnonzero(np.isnan(rewards))[0]), "earned nan")
        for row in np.flatnonzero(dones):
            if infos[row]["TimeLimit.truncated"]:  # what a fallen body sensed nobody looks at
                self._require_last_finite(int(row), infos[row]["terminal_observation"])
        self._episode_return += rewards
        self._episode_length += 1
        told = [self._told(row, infos[row]) if done else {} for row, done in enumerate(dones)]
        self._cut_short[dones] = False
        self._episode_return[dones] = 0.0
        self._episode_length[dones] = 0
        return observations, rewards, dones, told

    def _told(self, row: int, info: dict[str, Any]) -> dict[str, Any]:
        """Return what is told about the episode of a row that ended."""
        told = {key: info[key] for key in ("terminal_observation", "TimeLimit.truncated")}
        if not self._cut_short[row]:
            told["episode"] = {
                "r": round(float(self._episode_return[row]), 6),
                "l": int(self._episode_length[row]),
                "t": round(time.perf_counter() - self._started, 6),
            }
        return told

    def _require_finite(self, array: np.ndarray, what: str, *, step: int = 1) -> None:
        """Raise a PhysicsError that names the first row, [B, ...], with a number that is none."""
        if not _is_finite(array):
            raise self._physics_error(int(np.argwhere(~np.isfinite(array))[0][0]), what, step=step)

    def _require_last_finite(self, row: int, observation: Any) -> None:
        senses = observation.values() if isinstance(observation, dict) else (observation,)
        if not all(_is_finite(np.asarray(array)) for array in senses):
            raise self._physics_error(row, "became non-finite")

    def _physics_error(self, row: int, what: str, *, step: int = 1) -> PhysicsError:
        at = int(self._episode_length[row]) + step
        return PhysicsError(f"{self.name}: row {row} {what}, at its step {at}")

    def last_observation(self) -> VecEnvObs:
        """Return what every row senses now."""
        return self._obs_from_buf()

    def missing_senses(self) -> None:
        """Return None: nothing is known that would keep a sense from reporting."""

    missing_at_end = missing_senses

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides the future: arrays and plain numbers, copied.

        Raises:
            UnsavableError: The environment holds something that cannot be written down.
        """
        try:
            rows = [json.dumps(environment_state(env)) for env in self.envs]
        except UnsavableError as error:
            raise UnsavableError(f"{self.name}: {error}") from None
        return {
            "rows": rows,
            "physics": np.stack([physics_state(env) for env in self.envs]),
            "observation": {str(key): array.copy() for key, array in self.buf_obs.items()},
            "episode_return": self._episode_return.copy(),
            "episode_length": self._episode_length.copy(),
            "cut_short": self._cut_short.copy(),
            "stagger_next_reset": self._stagger_next_reset,
            "seeds": list(self._seeds),
        }

    def load_training_state(self, tree: dict[str, Any]) -> None:
        """Continue from `training_state` bit for bit, without a reset."""
        if len(tree["rows"]) != self.num_envs:
            raise ValueError(
                f"{self.name}: the saved state has {len(tree['rows'])} rows, this environment "
                f"{self.num_envs}; use the same num_envs"
            )
        physics = np.asarray(tree["physics"])
        for env, row, simulation in zip(self.envs, tree["rows"], physics, strict=True):
            env.reset()  # so that what is built at resets exists
            load_environment_state(env, json.loads(row))
            load_physics_state(env, simulation)
        for key, array in self.buf_obs.items():
            array[...] = np.asarray(tree["observation"][str(key)])
        self._episode_return[:] = np.asarray(tree["episode_return"])
        self._episode_length[:] = np.asarray(tree["episode_length"])
        self._cut_short[:] = np.asarray(tree["cut_short"])
        self._stagger_next_reset = bool(tree["stagger_next_reset"])
        self._seeds = list(tree["seeds"])

    def render_frame(
        self, index: int = 0, width: int = 640, height: int = 480, camera: None = None
    ) -> np.ndarray:
        """Draw one row as the environment itself draws it, fitted into the size asked for.

        Args:
            index: The row.
            width: Of the picture, pixels.
            height: Of the picture, pixels.
            camera: Ignored: these environments choose their own view.

        Returns:
            The picture, uint8 [height, width, 3].

        Raises:
            RenderingError: The environment cannot be drawn, or not on this machine.
        """
        if self.envs[index].render_mode != "rgb_array":
            raise RenderingError(f"{self.name} has no rgb_array rendering")
        try:
            frame = self.envs[index].render()
        except Exception as error:  # each environment draws, and fails, in its own way
            raise RenderingError(
                f"{self.name} cannot be drawn here ({error}); "
                "`python envs/doctor.py` tells what works"
            ) from None
        return np.asarray(ImageOps.pad(Image.fromarray(np.asarray(frame)), (width, height)))

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: Any = None) -> list:
        """Say yes to Monitor, whose `episode` infos these are."""
        if wrapper_class is Monitor:
            return [True for _ in self._get_indices(indices)]
        return super().env_is_wrapped(wrapper_class, indices)


def _make(env_id: str, options: Mapping[str, Any]) -> gymnasium.Env:
    """Make one environment.

    Raises:
        ValueError: It cannot be made, for its options or a missing package; told in one line.
    """
    try:
        return gymnasium.make(env_id, **options)
    except Exception as error:  # each environment takes its options, and fails, in its own way
        raise unworkable(env_id, options, error) from error


def _rehearse(env: gymnasium.Env, env_id: str, options: Mapping[str, Any]) -> None:
    """Take a first step, in which some options show that they do not suit.

    Raises:
        ValueError: The environment cannot be started or stepped.
    """
    try:
        env.reset(seed=0)
        env.step(env.action_space.sample())
    except Exception as error:  # as above
        raise unworkable(env_id, options, error) from error


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _advance_clock(env: gymnasium.Env, fraction: float) -> bool:
    """Set the clock of an episode to a fraction of its time limit; tell whether it moved."""
    layer = env
    while isinstance(layer, gymnasium.Wrapper):
        if isinstance(layer, TimeLimit):
            layer._elapsed_steps = int(fraction * layer._max_episode_steps)
            return layer._elapsed_steps > 0
        layer = layer.env
    return False
