"""HalfCheetah-v5: run forward on two legs in a plane."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from envs.generators import draw_uniform_and_normal
from envs.gymnasium_v5.model import v5_model
from envs.task import Task, sum_of_squares


class HalfCheetah(Task):
    """Reward = forward velocity - control cost; an episode never terminates.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        forward_reward_weight: Reward per m/s.
        ctrl_cost_weight: Cost per squared action.
        reset_noise_scale: Half width of positions' and deviation of velocities' noise at a start.
        exclude_current_positions_from_observation: Leave the horizontal position out.
    """

    camera: ClassVar = {"trackbodyid": 1, "distance": 4.0, "elevation": -15.0}
    limbs: ClassVar = {
        "back_leg": ("bthigh", "bshin", "bfoot"),
        "front_leg": ("fthigh", "fshin", "ffoot"),
    }

    def __init__(
        self,
        *,
        xml_file: str = "half_cheetah.xml",
        frame_skip: int = 5,
        forward_reward_weight: float = 1.0,
        ctrl_cost_weight: float = 0.1,
        reset_noise_scale: float = 0.1,
        exclude_current_positions_from_observation: bool = True,
    ) -> None:
        model = v5_model(xml_file)
        self._first = int(exclude_current_positions_from_observation)
        size = model.nq + model.nv - self._first
        super().__init__(model, frame_skip=frame_skip, senses=size)
        self.velocity_columns = np.arange(model.nq - self._first, size)
        self._forward_reward_weight = forward_reward_weight
        self._ctrl_cost_weight = ctrl_cost_weight
        self._noise = reset_noise_scale

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw positions uniformly and velocities normally around the rest pose."""
        sizes = self.model.nq, self.model.nv
        self.motion[rows] += draw_uniform_and_normal(generators, self._noise, *sizes)

    def before_step(self) -> None:
        """Remember the horizontal positions."""
        self._x_before = self.qpos[:, 0].copy()

    def observe(self) -> np.ndarray:
        """Return joint positions and velocities."""
        return self.motion[:, self._first :].copy()

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward the way made and charge the actions."""
        self._x_velocity = (self.qpos[:, 0] - self._x_before) / self.control_period
        self._forward_reward = self._forward_reward_weight * self._x_velocity
        self._ctrl_cost = self._ctrl_cost_weight * sum_of_squares(actions)
        return self._forward_reward - self._ctrl_cost, self.still_going

    def step_info(self) -> dict[str, np.ndarray]:
        """Return position, velocity and the two terms of the reward."""
        return {
            "x_position": self.qpos[:, 0].copy(),
            "x_velocity": self._x_velocity,
            "reward_forward": self._forward_reward,
            "reward_ctrl": -self._ctrl_cost,
        }

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return the horizontal position."""
        return {"x_position": self.qpos[:, 0].copy()}
