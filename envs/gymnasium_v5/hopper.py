"""Hopper-v5: hop forward on one leg in a plane."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from envs.generators import draw_uniform
from envs.gymnasium_v5.model import v5_model
from envs.task import Task, clip, sum_of_squares

_LARGEST_SENSED_VELOCITY = 10.0  # m/s, rad/s


class Hopper(Task):
    """Reward = forward velocity + bonus while healthy - control cost; ends when unhealthy.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        forward_reward_weight: Reward per m/s.
        ctrl_cost_weight: Cost per squared action.
        healthy_reward: Reward per step in which the body is healthy.
        terminate_when_unhealthy: Whether an unhealthy body ends the episode.
        healthy_state_range: Open interval for all positions but the first two, and velocities.
        healthy_z_range: Open interval for the height of the torso, m.
        healthy_angle_range: Open interval for the pitch of the torso, rad.
        reset_noise_scale: Half width of the noise at a start.
        exclude_current_positions_from_observation: Leave the horizontal position out.
    """

    camera: ClassVar = {"trackbodyid": 1, "distance": 4.0, "elevation": -10.0}
    limbs: ClassVar = {"leg": ("thigh_joint", "leg_joint", "foot_joint")}

    def __init__(
        self,
        *,
        xml_file: str = "hopper.xml",
        frame_skip: int = 4,
        forward_reward_weight: float = 1.0,
        ctrl_cost_weight: float = 1e-3,
        healthy_reward: float = 1.0,
        terminate_when_unhealthy: bool = True,
        healthy_state_range: tuple[float, float] = (-100.0, 100.0),
        healthy_z_range: tuple[float, float] = (0.7, float("inf")),
        healthy_angle_range: tuple[float, float] = (-0.2, 0.2),
        reset_noise_scale: float = 5e-3,
        exclude_current_positions_from_observation: bool = True,
    ) -> None:
        model = v5_model(xml_file)
        self._first = int(exclude_current_positions_from_observation)
        size = model.nq + model.nv - self._first
        super().__init__(model, frame_skip=frame_skip, senses=size)
        self.velocity_columns = np.arange(model.nq - self._first, size)
        self._forward_reward_weight = forward_reward_weight
        self._ctrl_cost_weight = ctrl_cost_weight
        self._healthy_reward = healthy_reward
        self._terminate_when_unhealthy = terminate_when_unhealthy
        self._healthy_above, self._healthy_below = np.full((2, model.nq + model.nv), np.inf)
        self._healthy_above *= -1
        for part, (above, below) in (
            (np.s_[2:], healthy_state_range),
            (np.s_[1:2], healthy_z_range),
            (np.s_[2:3], healthy_angle_range),
        ):
            np.maximum(self._healthy_above[part], above, out=self._healthy_above[part])
            np.minimum(self._healthy_below[part], below, out=self._healthy_below[part])
        self._noise = reset_noise_scale

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw positions and velocities uniformly around the rest pose."""
        size = self.motion.shape[1]
        self.motion[rows] += draw_uniform(generators, -self._noise, self._noise, size)

    def before_step(self) -> None:
        """Remember the horizontal positions."""
        self._x_before = self.qpos[:, 0].copy()

    def observe(self) -> np.ndarray:
        """Return joint positions and clipped velocities."""
        observation = self.motion[:, self._first :].copy()
        clip(observation[:, self.model.nq - self._first :], _LARGEST_SENSED_VELOCITY)
        return observation

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward the way made and health, charge the actions, end where unhealthy."""
        healthy = np.logical_and.reduce(
            (self._healthy_above < self.motion) & (self.motion < self._healthy_below), axis=1
        )
        self._x_velocity = (self.qpos[:, 0] - self._x_before) / self.control_period
        self._forward_reward = self._forward_reward_weight * self._x_velocity
        self._survive_reward = healthy * self._healthy_reward
        self._ctrl_cost = self._ctrl_cost_weight * sum_of_squares(actions)
        reward = self._forward_reward + self._survive_reward - self._ctrl_cost
        return reward, ~healthy if self._terminate_when_unhealthy else self.still_going

    def step_info(self) -> dict[str, np.ndarray]:
        """Return positions, velocity and the three terms of the reward."""
        return {
            **self.reset_info(),
            "x_velocity": self._x_velocity,
            "reward_forward": self._forward_reward,
            "reward_ctrl": -self._ctrl_cost,
            "reward_survive": self._survive_reward,
        }

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return the horizontal position, and the height above the rest pose."""
        return {
            "x_position": self.qpos[:, 0].copy(),
            "z_distance_from_origin": self.qpos[:, 1] - self.model.qpos0[1],
        }
