"""InvertedPendulum-v5: balance a pole on a cart."""

from typing import ClassVar

import numpy as np

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
        super().__init__(model, frame_skip=frame_skip, observation_size=4)
        self._noise = reset_noise_scale

    def start_row(self, row: int, generator: np.random.Generator) -> None:
        """Draw positions and velocities uniformly around rest."""
        self.qpos[row] += generator.uniform(-self._noise, self._noise, self.model.nq)
        self.qvel[row] += generator.uniform(-self._noise, self._noise, self.model.nv)

    def observe(self, observation: np.ndarray) -> None:
        """Write positions and velocities of cart and pole."""
        observation[:, :2] = self.qpos
        observation[:, 2:] = self.qvel

    def evaluate(self, actions: np.ndarray, reward: np.ndarray, terminated: np.ndarray) -> None:
        """End where the pole leans too far, and reward every other row."""
        np.greater(np.abs(self.qpos[:, 1]), _LARGEST_ANGLE, out=terminated)
        np.logical_not(terminated, out=reward)
        self._survive_reward = reward.astype(np.int64)

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the reward for surviving."""
        return {"reward_survive": self._survive_reward}
