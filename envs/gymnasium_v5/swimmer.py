"""Swimmer-v5: swim forward with two joints in a plane of viscous water."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from envs.generators import draw_uniform
from envs.gymnasium_v5.model import v5_model
from envs.task import Task, sum_of_squares


class Swimmer(Task):
    """Reward = forward velocity - control cost; an episode never terminates.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        forward_reward_weight: Reward per m/s.
        ctrl_cost_weight: Cost per squared action.
        reset_noise_scale: Half width of the noise at a start.
        exclude_current_positions_from_observation: Leave the position in the plane out.
    """

    camera: ClassVar = {"trackbodyid": 1, "distance": 4.5, "elevation": -50.0}
    limbs: ClassVar = {"middle": ("motor1_rot",), "back": ("motor2_rot",)}

    def __init__(
        self,
        *,
        xml_file: str = "swimmer.xml",
        frame_skip: int = 4,
        forward_reward_weight: float = 1.0,
        ctrl_cost_weight: float = 1e-4,
        reset_noise_scale: float = 0.1,
        exclude_current_positions_from_observation: bool = True,
    ) -> None:
        model = v5_model(xml_file)
        self._first = 2 * int(exclude_current_positions_from_observation)
        size = model.nq + model.nv - self._first
        super().__init__(model, frame_skip=frame_skip, senses=size)
        self.velocity_columns = np.arange(model.nq - self._first, size)
        self._forward_reward_weight = forward_reward_weight
        self._ctrl_cost_weight = ctrl_cost_weight
        self._noise = reset_noise_scale

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw positions and velocities uniformly around the rest pose."""
        size = self.motion.shape[1]
        self.motion[rows] += draw_uniform(generators, -self._noise, self._noise, size)

    def before_step(self) -> None:
        """Remember the positions in the plane."""
        self._xy_before = self.qpos[:, :2].copy()

    def observe(self) -> np.ndarray:
        """Return joint positions and velocities."""
        return self.motion[:, self._first :].copy()

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward the way made and charge the actions."""
        self._xy_velocity = (self.qpos[:, :2] - self._xy_before) / self.control_period
        self._forward_reward = self._forward_reward_weight * self._xy_velocity[:, 0]
        self._ctrl_cost = self._ctrl_cost_weight * sum_of_squares(actions)
        return self._forward_reward - self._ctrl_cost, self.still_going

    def step_info(self) -> dict[str, np.ndarray]:
        """Return positions, velocities and the two terms of the reward."""
        return {
            **self.reset_info(),
            "x_velocity": self._xy_velocity[:, 0],
            "y_velocity": self._xy_velocity[:, 1],
            "reward_forward": self._forward_reward,
            "reward_ctrl": -self._ctrl_cost,
        }

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return the position in the plane and its distance from the origin."""
        xy = self.qpos[:, :2].copy()
        return {
            "x_position": xy[:, 0],
            "y_position": xy[:, 1],
            "distance_from_origin": np.sqrt(np.vecdot(xy, xy)),
        }
