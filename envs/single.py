"""One body as a Gymnasium environment, for tools that expect one."""

from typing import Any

import gymnasium
import numpy as np

from envs.challenges.catalogue import Described
from envs.engine import Engine
from envs.registration import build_task, native_spec
from envs.rendering import FrameRenderer
from envs.task import Observation

_ROW = np.zeros(1, np.int64)


class SingleEnv(gymnasium.Env):
    """One row of a task; what `gymnasium.make("wetware/...")` returns, inside its time limit.

    Args:
        task: Where the task's class is, `module:Class`.
        name: Name of the environment, for messages.
        render_mode: `rgb_array` or None.
        width: Of rendered pictures, pixels.
        height: Of rendered pictures, pixels.
        challenge: What goes wrong with the body while it runs; see `envs.make_vec_env`. Its onsets
            are shares of the registered time limit.
        **options: Options of the task.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - Gymnasium's form

    def __init__(
        self,
        *,
        task: str,
        name: str,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
        challenge: Described = None,
        **options: Any,
    ) -> None:
        spec = native_spec(name)
        self.engine = Engine(
            build_task(task, name, options),
            name=name,
            num_envs=1,
            num_threads=1,
            max_episode_steps=None,
            challenge=challenge,
            challenge_time_limit=None if spec is None else spec.max_episode_steps,
        )
        body = self.engine.task
        self.metadata = {**SingleEnv.metadata, "render_fps": round(1 / body.control_period)}
        self.observation_space = body.observation_space
        self.action_space = body.action_space
        self.render_mode = render_mode
        self._size = (width, height)
        self._renderer: FrameRenderer | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; return the observation and its info."""
        super().reset(seed=seed)
        fresh = seed is not None or not self.engine.generators
        self.engine.generators = [self.np_random]
        if fresh:
            entropy = self.np_random_seed
            self.engine.challenges.seed_row(0, None if entropy == -1 else entropy)
        self.engine.reset(_ROW)
        return self._sensed(), _first(self.engine.reset_info())

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Advance by one control step; the time limit is a wrapper's."""
        engine = self.engine
        engine.step(np.asarray(action)[None])
        reward, terminated = float(engine.reward[0]), bool(engine.terminated[0])
        info = _first(engine.step_info())
        return self._sensed(), reward, terminated, False, info

    def _sensed(self) -> Observation:
        return self.engine.task.present(self.engine.observation[0])

    def render(self) -> np.ndarray | None:
        """Draw the body, uint8 [height, width, 3]; None unless `render_mode` is `rgb_array`."""
        if self.render_mode is None:
            return None
        task = self.engine.task
        if self._renderer is None:
            self._renderer = FrameRenderer(task.model, task.camera)
        return self._renderer.draw(self.engine.batch.state[0], *self._size, None)

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()


def _first(terms: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: values[0] for name, values in terms.items()}
