"""InvertedDoublePendulum-v5: balance two poles, one on the other, on a cart."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.generators import draw_normal, draw_uniform
from envs.gymnasium_v5.model import v5_model
from envs.task import Task, clip

_LOWEST_TIP = 1.0  # m
_TARGET_HEIGHT = 2.0  # m
_PENALTY_WEIGHTS = np.array([[0.01], [1.0], [1e-3], [5e-3]])  # of what is penalized, squared
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
        super().__init__(model, frame_skip=frame_skip, senses=9)
        self.velocity_columns = np.arange(5, 8)
        self._healthy_reward = healthy_reward
        self._noise = reset_noise_scale

    def bind(self, batch: Batch) -> None:
        """Take the views of the state, the tip and the force that the rail takes."""
        super().bind(batch)
        tip = batch.bind("site_xpos")[:, 0]
        self._tip_x, self._tip_height = tip[:, 0], tip[:, 2]
        self._cart, self._angles = self.qpos[:, :1], self.qpos[:, 1:]
        self._pole_velocities = self.qvel[:, 1:].T
        self._rail_force = batch.bind("qfrc_constraint")[:, :1]
        self._penalized = np.zeros((4, batch.nsim))  # x, y, and the velocity of each pole

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw positions uniformly and velocities normally around rest."""
        nq = self.model.nq
        self.qpos[rows] += draw_uniform(generators, -self._noise, self._noise, nq)
        self.qvel[rows] += draw_normal(generators, self.model.nv) * self._noise

    def observe(self) -> np.ndarray:
        """Return the cart, sines and cosines of the angles, velocities and the rail's force."""
        angles = self._angles.copy()
        observation = np.concatenate(
            (self._cart, np.sin(angles), np.cos(angles), self.qvel, self._rail_force), axis=1
        )
        clip(observation[:, 5:], _LARGEST_SENSED)
        return observation

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward height and rest; end where the tip is low.

        Gymnasium squares scalars by the C library's `pow`, as `float_power` does; it differs from
        a product in the last bit about once in a thousand times.
        """
        terminated = self._tip_height <= _LOWEST_TIP
        self._penalized[0] = self._tip_x
        np.subtract(self._tip_height, _TARGET_HEIGHT, out=self._penalized[1])
        self._penalized[2:] = self._pole_velocities
        terms = _PENALTY_WEIGHTS * np.float_power(self._penalized, 2.0)
        self._distance_penalty, self._velocity_penalty = terms[::2] + terms[1::2]
        self._alive_bonus = self._healthy_reward * ~terminated
        return self._alive_bonus - self._distance_penalty - self._velocity_penalty, terminated

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the three terms of the reward."""
        return {
            "reward_survive": self._alive_bonus,
            "distance_penalty": -self._distance_penalty,
            "velocity_penalty": -self._velocity_penalty,
        }
