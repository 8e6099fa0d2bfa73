"""Reacher-v5: bring the fingertip of a two-joint arm to a target."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.gymnasium_v5.model import v5_model
from envs.task import Task, sum_of_squares

_TARGET_RADIUS = 0.2  # m
_START_ANGLE = 0.1  # rad
_START_VELOCITY = 0.005  # rad/s


class Reacher(Task):
    """Reward = -distance of the fingertip to the target - control cost; never terminates.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        reward_dist_weight: Cost per m.
        reward_control_weight: Cost per squared action.
    """

    camera: ClassVar = {"lookat": (0.0, 0.0, 0.0), "distance": 0.8, "elevation": -65.0}
    limbs: ClassVar = {"arm": ("joint0", "joint1")}
    observes_derived_fields: ClassVar = True

    def __init__(
        self,
        *,
        xml_file: str = "reacher.xml",
        frame_skip: int = 2,
        reward_dist_weight: float = 1.0,
        reward_control_weight: float = 1.0,
    ) -> None:
        model = v5_model(xml_file)
        super().__init__(model, frame_skip=frame_skip, senses=10)
        self.velocity_columns = np.arange(6, 8)
        self._reward_dist_weight = reward_dist_weight
        self._reward_control_weight = reward_control_weight

    def bind(self, batch: Batch) -> None:
        """Take the views of the state, the fingertip and the target."""
        super().bind(batch)
        positions = batch.bind("xpos")
        self._fingertip = positions[:, self.model.body("fingertip").id]
        self._target = positions[:, self.model.body("target").id]

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw the arm near its rest pose and a target within a circle."""
        for row, generator in zip(rows.tolist(), generators, strict=True):
            angles = generator.uniform(-_START_ANGLE, _START_ANGLE, self.model.nq)
            goal = generator.uniform(-_TARGET_RADIUS, _TARGET_RADIUS, 2)
            while np.linalg.norm(goal) >= _TARGET_RADIUS:
                goal = generator.uniform(-_TARGET_RADIUS, _TARGET_RADIUS, 2)
            velocity = generator.uniform(-_START_VELOCITY, _START_VELOCITY, self.model.nv)
            self.qpos[row] += angles
            self.qpos[row, -2:] = goal
            self.qvel[row, :-2] = velocity[:-2]

    def observe(self) -> np.ndarray:
        """Return the arm's angles and velocities, the target, and the way to it."""
        angles = self.qpos[:, :2]
        observation = np.empty((len(angles), 10))
        np.cos(angles, out=observation[:, :2])
        np.sin(angles, out=observation[:, 2:4])
        observation[:, 4:8] = self.motion[:, 2:6]  # the target's place, then the arm's velocities
        np.subtract(self._fingertip[:, :2], self._target[:, :2], out=observation[:, 8:])
        return observation

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Charge distance and actions."""
        way = self._fingertip - self._target
        self._reward_dist = -np.sqrt(np.vecdot(way, way)) * self._reward_dist_weight
        self._reward_ctrl = -sum_of_squares(actions) * self._reward_control_weight
        return self._reward_dist + self._reward_ctrl, self.still_going

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the two terms of the reward."""
        return {"reward_dist": self._reward_dist, "reward_ctrl": self._reward_ctrl}
