"""The SB3 face of the engine: a `VecEnv` in which rows start again in the step that ends them."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium import Wrapper
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvStepReturn

from envs.engine import Engine
from envs.rendering import Camera, FrameRenderer
from envs.task import Observation


class EngineVecEnv(VecEnv):
    """Steps all rows of an engine for SB3's algorithms, and for ours.

    When an episode ends its info holds `terminal_observation`, `TimeLimit.truncated` and
    `episode` (return `r`, length `l`, wall seconds `t`, the keys of SB3's Monitor), and under
    challenges `challenge`: for each its `onset`, `end` and `variant`. Other infos are empty.

    Args:
        engine: The rows.
        seed: Seed of the first row; row i starts from `seed + i`. None for seeds from the system.
        stagger: Spread the clocks of the first episodes evenly over the time limit, so that
            episodes do not all end at once. Episodes cut short by this are not told as `episode`.

    Attributes:
        exact_resume: `training_state` holds everything, so that a run continues bit for bit.
    """

    exact_resume = True

    def __init__(self, engine: Engine, *, seed: int | None, stagger: bool) -> None:
        self.engine = engine
        self.render_mode = "rgb_array"
        task = engine.task
        super().__init__(engine.num_envs, task.observation_space, task.action_space)
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": round(1 / task.control_period),
        }
        self._stagger_next_reset = stagger
        self._rows_cut_short: set[int] = set()
        self._episode_return = np.zeros(self.num_envs)
        self._started = time.perf_counter()
        self._renderer: FrameRenderer | None = None
        self._missing_at_end: np.ndarray | None = None
        self._actions = np.zeros((self.num_envs, *task.action_space.shape), np.float32)
        engine.seed([None] * self.num_envs)
        self.seed(seed)

    @property
    def control_period(self) -> float:
        """Length of a control step, s."""
        return self.engine.task.control_period

    def reset(self) -> Observation:
        """Start an episode in every row and return the observations, [N, ...]."""
        self.engine.seed(self._seeds)
        self._reset_seeds()
        self._reset_options()
        limit = (self.engine.max_episode_steps or 0) if self._stagger_next_reset else 0
        rows = np.arange(self.num_envs)
        self.engine.reset(rows, rows * limit // self.num_envs)
        self._episode_return[:] = 0.0
        self._rows_cut_short = set(np.flatnonzero(self.engine.elapsed).tolist())
        self._stagger_next_reset = False
        self.reset_infos = [{} for _ in range(self.num_envs)]
        return self.last_observation()

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions of the next step, [N, A]."""
        self._actions = np.asarray(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Advance every row; return observations, rewards, dones and infos."""
        engine = self.engine
        engine.step(self._actions)
        self._episode_return += engine.reward
        dones = engine.terminated | engine.truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if np.count_nonzero(dones):
            self._end_episodes(dones.nonzero()[0], infos)
        return self.last_observation(), engine.reward.copy(), dones, infos

    def _end_episodes(self, rows: np.ndarray, infos: list[dict[str, Any]]) -> None:
        """Tell how the episodes of `rows` ended, and start the next ones."""
        engine = self.engine
        self._missing_at_end = engine.challenges.missing()
        now = time.perf_counter() - self._started
        endings = zip(
            rows.tolist(),
            engine.task.present_each(engine.observation[rows]),
            engine.terminated[rows].tolist(),
            self._episode_return[rows].tolist(),
            engine.elapsed[rows].tolist(),
            strict=True,
        )
        for row, observation, terminated, episode_return, length in endings:
            infos[row] = {
                "terminal_observation": observation,
                "TimeLimit.truncated": not terminated,
                "episode": {"r": episode_return, "l": length, "t": now},
            }
        if engine.challenges.parts:
            for row in rows.tolist():
                infos[row]["challenge"] = engine.challenges.episode_info(row)
        for row in self._rows_cut_short and self._rows_cut_short.intersection(rows.tolist()):
            del infos[row]["episode"]
            self._rows_cut_short.remove(row)
        self._episode_return[rows] = 0.0
        engine.reset(rows)

    def last_observation(self) -> Observation:
        """Return what every row senses now, [N, ...]."""
        return self.engine.task.present(self.engine.observation)

    def missing_senses(self) -> Observation | None:
        """Return which numbers of `last_observation` are known to be blank, bool [N, ...], or None.

        None says that nothing can make any sense stop to report.
        """
        missing = self.engine.challenges.missing()
        return None if missing is None else self.engine.task.present(missing)

    def missing_at_end(self) -> Observation | None:
        """Return the same for the terminal observations of the last step in which some row ended.

        Rows that did not end are those of that step.
        """
        missing = self._missing_at_end
        return None if missing is None else self.engine.task.present(missing)

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides the future: arrays and plain numbers, copied."""
        return {
            "engine": self.engine.training_state(),
            "episode_return": self._episode_return.copy(),
            "rows_cut_short": sorted(self._rows_cut_short),
            "stagger_next_reset": self._stagger_next_reset,
            "seeds": list(self._seeds),
        }

    def load_training_state(self, tree: dict[str, Any]) -> None:
        """Continue from `training_state` bit for bit, without a reset."""
        self.engine.load_training_state(tree["engine"])
        self._episode_return[:] = np.asarray(tree["episode_return"])
        self._rows_cut_short = set(tree["rows_cut_short"])
        self._stagger_next_reset = bool(tree["stagger_next_reset"])
        self._seeds = list(tree["seeds"])

    def render_frame(
        self, index: int = 0, width: int = 640, height: int = 480, camera: Camera = None
    ) -> np.ndarray:
        """Draw one row.

        Args:
            index: The row.
            width: Of the picture, pixels.
            height: Of the picture, pixels.
            camera: Name or number of a camera in the model, fields of a `mujoco.MjvCamera` as a
                mapping, or None for the task's own view.

        Returns:
            The picture, uint8 [height, width, 3].

        Raises:
            RenderingError: This machine cannot draw.
        """
        task = self.engine.task
        if self._renderer is None:
            self._renderer = FrameRenderer(task.model, task.camera)
        return self._renderer.draw(self.engine.batch.state[index], width, height, camera)

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Draw every row, for SB3's `render`."""
        return [self.render_frame(index) for index in range(self.num_envs)]

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Return an attribute of this environment or its task, once per row asked for."""
        owner = self if hasattr(self, attr_name) else self.engine.task
        return [getattr(owner, attr_name) for _ in self._get_indices(indices)]

    def set_attr(
        self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None
    ) -> None:
        """Set an attribute of the task; rows share it, so they cannot be set one by one."""
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"{attr_name} is shared by all rows; set it for all of them")
        setattr(self.engine.task, attr_name, value)

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: int | Iterable[int] | None = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        """Call a method of the task, once for all rows; the result is repeated per row."""
        result = getattr(self.engine.task, method_name)(*method_args, **method_kwargs)
        return [result for _ in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[Wrapper], indices: int | Iterable[int] | None = None
    ) -> list[bool]:
        """Say yes to Monitor, whose `episode` infos these are, and no to every other wrapper."""
        return [wrapper_class is Monitor for _ in self._get_indices(indices)]
