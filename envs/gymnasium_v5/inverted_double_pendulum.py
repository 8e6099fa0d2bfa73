"""InvertedDoublePendulum-v5: balance two poles, one on the other, on a cart."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.gymnasium_v5.model import v5_model
from envs.task import Task, clip

_LOWEST_TIP = 1.0  # m
_TARGET_HEIGHT = 2.0  # m
_LARGEST_SENSED = 10.0  # of velocities and of the force on the cart


class InvertedDoublePendulum(Task):
    """Reward = bonus while the tip is high - distance of the tip - velocity of the poles.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        healthy_reward: Reward per step in which the tip is high.
        reset_noise_scale: Half width of positions' and deviation of velocities' noise at a start.
    """

    camera: ClassVar = {"lookat": (0.0, 0.0, 0.5), "distance": 4.0, "elevation": -10.0}
    observes_derived_fields: ClassVar = True

    def __init__(
        self,
        *,
        xml_file: str = "inverted_double_pendulum.xml",
        frame_skip: int = 5,
        healthy_reward: float = 10.0,
        reset_noise_scale: float = 0.1,
    ) -> None:
        model = v5_model(xml_file)
        super().__init__(model, frame_skip=frame_skip, observation_size=9)
        self._healthy_reward = healthy_reward
        self._noise = reset_noise_scale

    def bind(self, batch: Batch) -> None:
        """Take the views of the state, the tip and the force that the rail takes."""
        super().bind(batch)
        self._tip = batch.bind("site_xpos")[:, 0]
        self._rail_force = batch.bind("qfrc_constraint")[:, :1]

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw positions uniformly and velocities normally around rest."""
        noise, nq, nv = self._noise, self.model.nq, self.model.nv
        self.qpos[rows] += [draw.uniform(-noise, noise, nq) for draw in generators]
        self.qvel[rows] += np.array([draw.standard_normal(nv) for draw in generators]) * noise

    def observe(self) -> np.ndarray:
        """Return the cart, sines and cosines of the angles, velocities and the rail's force."""
        observation = np.empty((len(self.qpos), 9))
        observation[:, :1] = self.qpos[:, :1]
        angles = self.qpos[:, 1:]
        np.sin(angles, out=observation[:, 1:3])
        np.cos(angles, out=observation[:, 3:5])
        observation[:, 5:8] = self.qvel
        observation[:, 8:] = self._rail_force
        clip(observation[:, 5:], _LARGEST_SENSED)
        return observation

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward height and rest; end where the tip is low.

        Gymnasium squares scalars by the C library's `pow`, as `float_power` does; it differs from
        a product in the last bit about once in a thousand times.
        """
        x, y = self._tip[:, 0], self._tip[:, 2]
        terminated = y <= _LOWEST_TIP
        self._alive_bonus = self._healthy_reward * ~terminated
        measures = np.stack((x, y - _TARGET_HEIGHT, self.qvel[:, 1], self.qvel[:, 2]))
        x_squared, y_squared, lower_squared, upper_squared = np.float_power(measures, 2.0)
        self._distance_penalty = 0.01 * x_squared + y_squared
        self._velocity_penalty = 1e-3 * lower_squared + 5e-3 * upper_squared
        return self._alive_bonus - self._distance_penalty - self._velocity_penalty, terminated

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the three terms of the reward."""
        return {
            "reward_survive": self._alive_bonus,
            "distance_penalty": -self._distance_penalty,
            "velocity_penalty": -self._velocity_penalty,
        }
