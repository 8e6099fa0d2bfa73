"""InvertedPendulum-v5: balance a pole on a cart."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from envs.generators import draw_uniform
from envs.gymnasium_v5.model import v5_model
from envs.task import Task

_LARGEST_ANGLE = 0.2  # rad, from upright


class InvertedPendulum(Task):
    """Reward 1 per step until the pole leans too far.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        reset_noise_scale: Half width of the noise at a start.
    """

    camera: ClassVar = {"lookat": (0.0, 0.0, 0.2), "distance": 2.6, "elevation": -10.0}

    def __init__(
        self,
        *,
        xml_file: str = "inverted_pendulum.xml",
        frame_skip: int = 2,
        reset_noise_scale: float = 0.01,
    ) -> None:
        model = v5_model(xml_file)
        super().__init__(model, frame_skip=frame_skip, senses=4)
        self.velocity_columns = np.arange(2, 4)
        self._noise = reset_noise_scale

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw positions and velocities uniformly around the rest pose."""
        size = self.motion.shape[1]
        self.motion[rows] += draw_uniform(generators, -self._noise, self._noise, size)

    def observe(self) -> np.ndarray:
        """Return positions and velocities of cart and pole."""
        return self.motion.copy()

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """End where the pole leans too far, and reward every other row."""
        terminated = np.abs(self.qpos[:, 1]) > _LARGEST_ANGLE
        self._survive_reward = 1.0 - terminated
        return self._survive_reward, terminated

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the reward for surviving."""
        return {"reward_survive": self._survive_reward.astype(np.int64)}
