"""Pusher-v5: push a cylinder to a goal with a seven-joint arm."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.gymnasium_v5.model import v5_model
from envs.task import Task, sum_of_squares

_ARM_JOINTS = 7
_SMALLEST_START_DISTANCE = 0.17  # m, of the cylinder from the goal
_START_VELOCITY = 0.005  # rad/s


class Pusher(Task):
    """Reward = -distance of cylinder to goal - control cost - distance of tip to cylinder.

    An episode never terminates.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        reward_near_weight: Cost per m between the tip and the cylinder.
        reward_dist_weight: Cost per m between the cylinder and the goal.
        reward_control_weight: Cost per squared action.
    """

    camera: ClassVar = {
        "lookat": (0.3, -0.2, -0.1),
        "distance": 2.6,
        "azimuth": 130.0,
        "elevation": -30.0,
    }
    limbs: ClassVar = {
        "arm": (
            "r_shoulder_pan_joint",
            "r_shoulder_lift_joint",
            "r_upper_arm_roll_joint",
            "r_elbow_flex_joint",
            "r_forearm_roll_joint",
            "r_wrist_flex_joint",
            "r_wrist_roll_joint",
        )
    }
    observes_derived_fields: ClassVar = True

    def __init__(
        self,
        *,
        xml_file: str = "pusher_v5.xml",
        frame_skip: int = 5,
        reward_near_weight: float = 0.5,
        reward_dist_weight: float = 1.0,
        reward_control_weight: float = 0.1,
    ) -> None:
        model = v5_model(xml_file)
        super().__init__(model, frame_skip=frame_skip, senses=23)
        self.velocity_columns = np.arange(7, 14)
        self._reward_near_weight = reward_near_weight
        self._reward_dist_weight = reward_dist_weight
        self._reward_control_weight = reward_control_weight

    def bind(self, batch: Batch) -> None:
        """Take the views of the state, the tip of the arm, the cylinder and the goal."""
        super().bind(batch)
        positions = batch.bind("xpos")
        self._tip = positions[:, self.model.body("tips_arm").id]
        self._cylinder = positions[:, self.model.body("object").id]
        self._goal = positions[:, self.model.body("goal").id]

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Put the arm at rest and draw a place for the cylinder away from the goal."""
        for row, generator in zip(rows.tolist(), generators, strict=True):
            place = _place(generator)
            while np.linalg.norm(place) <= _SMALLEST_START_DISTANCE:
                place = _place(generator)
            velocity = generator.uniform(-_START_VELOCITY, _START_VELOCITY, self.model.nv)
            self.qpos[row, -4:-2] = place
            self.qpos[row, -2:] = 0.0
            self.qvel[row, :-4] = velocity[:-4]

    def observe(self) -> np.ndarray:
        """Return the arm's angles and velocities, and where tip, cylinder and goal are."""
        observation = np.empty((len(self.qpos), 23))
        observation[:, :7] = self.qpos[:, :_ARM_JOINTS]
        observation[:, 7:14] = self.qvel[:, :_ARM_JOINTS]
        observation[:, 14:17] = self._tip
        observation[:, 17:20] = self._cylinder
        observation[:, 20:] = self._goal
        return observation

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Charge both distances and the actions."""
        reach, push = self._cylinder - self._tip, self._cylinder - self._goal
        self._reward_near = -np.sqrt(np.vecdot(reach, reach)) * self._reward_near_weight
        self._reward_dist = -np.sqrt(np.vecdot(push, push)) * self._reward_dist_weight
        self._reward_ctrl = -sum_of_squares(actions) * self._reward_control_weight
        return self._reward_dist + self._reward_ctrl + self._reward_near, self.still_going

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the three terms of the reward."""
        return {
            "reward_dist": self._reward_dist,
            "reward_ctrl": self._reward_ctrl,
            "reward_near": self._reward_near,
        }


def _place(generator: np.random.Generator) -> np.ndarray:
    """Draw where the cylinder might start, relative to the goal, [2]."""
    return np.concatenate((generator.uniform(-0.3, 0.0, 1), generator.uniform(-0.2, 0.2, 1)))
