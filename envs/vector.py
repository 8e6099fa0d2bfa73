"""The Gymnasium face of the engine: a vector environment in all three autoreset modes."""

from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from envs.challenges.catalogue import Described
from envs.engine import Engine
from envs.registration import build_task
from envs.rendering import FrameRenderer
from envs.task import Observation

Infos = dict[str, Any]


class MujocoVectorEnv(VectorEnv):
    """Rows of a task, stepped together; what `gymnasium.make_vec("wetware/...")` returns.

    Seeds, observations, rewards and infos equal those of Gymnasium's `SyncVectorEnv` over the same
    task.

    Args:
        num_envs: Number of rows.
        task: Where the task's class is, `module:Class`.
        name: Name of the environment, for messages.
        max_episode_steps: Time limit, control steps.
        num_threads: Threads that step the rows.
        autoreset_mode: When a row whose episode ended starts again: in the next step, in the same
            one (`final_obs` and `final_info` tell how it ended), or when `reset` is called with
            `options={"reset_mask": rows}`.
        render_mode: `rgb_array` or None.
        challenge: What goes wrong with the bodies while they run; see `envs.make_vec_env`.
        **options: Options of the task.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        task: str,
        name: str,
        max_episode_steps: int | None = None,
        num_threads: int = 2,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        challenge: Described = None,
        **options: Any,
    ) -> None:
        self.engine = Engine(
            build_task(task, name, options),
            name=name,
            num_envs=num_envs,
            num_threads=num_threads,
            max_episode_steps=max_episode_steps,
            challenge=challenge,
        )
        body = self.engine.task
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": round(1 / body.control_period),
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_observation_space = body.observation_space
        self.single_action_space = body.action_space
        self.observation_space = batch_space(body.observation_space, num_envs)
        self.action_space = batch_space(body.action_space, num_envs)
        self._ended = np.zeros(num_envs, bool)
        self._renderer: FrameRenderer | None = None

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Infos]:
        """Start an episode in every row, or in those of `options["reset_mask"]`.

        Args:
            seed: Seed of row 0, from which row i gets `seed + i`; or one per row; or None to go on
                with the rows' own generators.
            options: May hold `reset_mask`, bool [N].

        Returns:
            Observations of all rows, [N, ...], and the infos of the rows that were reset.
        """
        mask = self._reset_mask(options)
        seeds = [seed + row for row in range(self.num_envs)] if isinstance(seed, int) else seed
        if seeds is None:
            seeds = [None] * self.num_envs
        if len(seeds) != self.num_envs:
            raise ValueError(f"expected {self.num_envs} seeds, one per row, got {len(seeds)}")
        self.engine.seed([one if chosen else None for one, chosen in zip(seeds, mask, strict=True)])
        self.engine.reset(np.flatnonzero(mask))
        self._ended[mask] = False
        infos: Infos = {}
        _tell(infos, self.engine.reset_info(), mask)
        return self.engine.task.present(self.engine.observation), infos

    def _reset_mask(self, options: dict[str, Any] | None) -> np.ndarray:
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return np.ones(self.num_envs, bool)
        mask = np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
            raise ValueError(
                f"reset_mask must be bool of shape ({self.num_envs},) with at least one row set, "
                f"got {mask.dtype} {mask.shape}"
            )
        return mask

    def step(
        self, actions: np.ndarray
    ) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, Infos]:
        """Advance every row by one control step; see the autoreset mode for rows that ended.

        Args:
            actions: One per row, [N, A].

        Returns:
            Observations [N, ...], rewards, terminated, truncated [N], and infos.

        Raises:
            ResetNeeded: The rows were never reset, or some ended and do not start again by
                themselves.
        """
        actions, engine, infos = np.asarray(actions), self.engine, {}
        if not engine.generators:
            raise ResetNeeded(f"{engine.name}: call reset before the first step")
        if not self._ended.any():
            engine.step(actions)
            resetting = None
        elif self.autoreset_mode is AutoresetMode.NEXT_STEP:
            resetting = self._ended.copy()
            self._step_others(actions, resetting)
        else:
            raise ResetNeeded(f"{engine.name}: rows {np.flatnonzero(self._ended)} need a reset")
        np.logical_or(engine.terminated, engine.truncated, out=self._ended)
        rewards, terminated = engine.reward.copy(), engine.terminated.copy()
        truncated = engine.truncated.copy()
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._ended.any():
            resetting = self._ended.copy()
            self._tell_endings(infos, resetting)
        elif resetting is None:
            _tell(infos, engine.step_info(), np.ones(self.num_envs, bool))
        else:
            _tell(infos, engine.step_info(), ~resetting)
        if resetting is not None:
            engine.reset(np.flatnonzero(resetting))
            _tell(infos, engine.reset_info(), resetting)
            if self.autoreset_mode is AutoresetMode.SAME_STEP:
                self._ended[:] = False
        return engine.task.present(engine.observation), rewards, terminated, truncated, infos

    def _step_others(self, actions: np.ndarray, resetting: np.ndarray) -> None:
        """Advance the rows that are not about to start again; the others earn nothing."""
        engine = self.engine
        engine.step(actions, np.flatnonzero(~resetting))
        engine.reward = np.where(resetting, 0.0, engine.reward)
        engine.terminated = engine.terminated & ~resetting
        engine.truncated = engine.truncated & ~resetting

    def _tell_endings(self, infos: Infos, ended: np.ndarray) -> None:
        """Put the last observations and infos of episodes that ended where Gymnasium puts them."""
        final = np.full(self.num_envs, None, object)
        last = self.engine.task.present_each(self.engine.observation[ended])
        for row, observation in zip(np.flatnonzero(ended).tolist(), last, strict=True):
            final[row] = observation
        step_info = self.engine.step_info()
        final_info: Infos = {}
        _tell(final_info, step_info, ended)
        infos["final_obs"], infos["_final_obs"] = final, ended.copy()
        infos["final_info"], infos["_final_info"] = final_info, ended.copy()
        _tell(infos, step_info, ~ended)

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides the future: arrays and plain numbers, copied."""
        return {"engine": self.engine.training_state(), "ended": self._ended.copy()}

    def load_training_state(self, tree: dict[str, Any]) -> None:
        """Continue from `training_state` bit for bit, without a reset."""
        self.engine.load_training_state(tree["engine"])
        self._ended[:] = np.asarray(tree["ended"])

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Draw every row, uint8 [480, 480, 3] each; None unless `render_mode` is `rgb_array`."""
        if self.render_mode is None:
            return None
        task = self.engine.task
        if self._renderer is None:
            self._renderer = FrameRenderer(task.model, task.camera)
        return tuple(self._renderer.draw(row, 480, 480, None) for row in self.engine.batch.state)

    def close_extras(self, **_: Any) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()


def _tell(infos: Infos, terms: dict[str, np.ndarray], told: np.ndarray) -> None:
    """Add `terms` of the rows in `told` to Gymnasium's form of infos: an array and its `_` mask."""
    if not told.any():
        return
    everywhere = told.all()
    for key, values in terms.items():
        mask = told.reshape(-1, *[1] * (values.ndim - 1))
        known = infos.get(key)
        if known is None:
            infos[key] = values if everywhere else np.where(mask, values, np.zeros_like(values))
            infos[f"_{key}"] = told.copy()
        else:
            infos[key] = np.where(mask, values, known)
            infos[f"_{key}"] |= told
