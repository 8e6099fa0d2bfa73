"""The body that Humanoid-v5 and HumanoidStandup-v5 share, and what it senses."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.generators import draw_uniform
from envs.gymnasium_v5.contact_forces import ContactForces
from envs.gymnasium_v5.model import v5_model
from envs.task import Task

_ROOT = 6  # degrees of freedom of the free joint, which no actuator moves


class HumanoidBody(Task):
    """A humanoid that senses its motion, and of each body inertia, velocity and forces.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        reset_noise_scale: Half width of the noise at a start.
        exclude_current_positions_from_observation: Leave the position in the plane out.
        include_cinert_in_observation: Sense mass and inertia of the bodies.
        include_cvel_in_observation: Sense velocities of the bodies.
        include_qfrc_actuator_in_observation: Sense torques of the actuators.
        include_cfrc_ext_in_observation: Sense contact forces on the bodies.
    """

    limbs: ClassVar = {
        "right_leg": ("right_hip_x", "right_hip_z", "right_hip_y", "right_knee"),
        "left_leg": ("left_hip_x", "left_hip_z", "left_hip_y", "left_knee"),
        "right_arm": ("right_shoulder1", "right_shoulder2", "right_elbow"),
        "left_arm": ("left_shoulder1", "left_shoulder2", "left_elbow"),
    }
    observes_derived_fields: ClassVar = True
    persistent: ClassVar = True  # contact forces are summed where a row's contacts are

    def __init__(
        self,
        *,
        xml_file: str,
        frame_skip: int,
        reset_noise_scale: float,
        exclude_current_positions_from_observation: bool,
        include_cinert_in_observation: bool,
        include_cvel_in_observation: bool,
        include_qfrc_actuator_in_observation: bool,
        include_cfrc_ext_in_observation: bool,
    ) -> None:
        model = v5_model(xml_file)
        bodies, place = model.nbody, 2 * int(exclude_current_positions_from_observation)
        # Numbers per row, and how many of the first (of the world, of the root) are left out.
        sizes = {
            "motion": (model.nq + model.nv, place),
            "cinert": (10 * bodies, 10),
            "cvel": (6 * bodies, 6),
            "qfrc_actuator": (model.nv, _ROOT),
            "cfrc_ext": (6 * bodies, 6),
        }
        included = {
            "motion": True,
            "cinert": include_cinert_in_observation,
            "cvel": include_cvel_in_observation,
            "qfrc_actuator": include_qfrc_actuator_in_observation,
            "cfrc_ext": include_cfrc_ext_in_observation,
        }
        self._left_out = {name: sizes[name][1] for name in sizes if included[name]}
        ends = np.cumsum([sizes[name][0] - left_out for name, left_out in self._left_out.items()])
        super().__init__(model, frame_skip=frame_skip, senses=int(ends[-1]))
        self.velocity_columns = np.arange(model.nq - place, ends[0])
        if include_cvel_in_observation:
            end = ends[list(self._left_out).index("cvel")]
            of_bodies = np.arange(end - 6 * (bodies - 1), end)
            self.velocity_columns = np.concatenate((self.velocity_columns, of_bodies))
        self._noise = reset_noise_scale

    def bind(self, batch: Batch) -> None:
        """Take the views of the state, of what is sensed and of the tendons."""
        super().bind(batch)
        self._contact = ContactForces(batch)
        self._ctrl = batch.bind("ctrl")
        self._tendon_length = batch.bind("ten_length")
        self._tendon_velocity = batch.bind("ten_velocity")
        own = {"motion": self.motion, "cfrc_ext": self._contact.values}
        self._sensed = [
            (own[name] if name in own else batch.bind(name).reshape(batch.nsim, -1))[:, left_out:]
            for name, left_out in self._left_out.items()
        ]

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw positions and velocities uniformly around the rest pose."""
        size = self.motion.shape[1]
        self.motion[rows] += draw_uniform(generators, -self._noise, self._noise, size)

    def after_start(self, rows: np.ndarray) -> None:
        """Forget contact forces of the episode before."""
        self._contact.clear(rows)

    def after_step(self, rows: np.ndarray | None) -> None:
        """Sum the contact forces."""
        self._contact.sum_up(rows)

    def observe(self) -> np.ndarray:
        """Return motion, inertias, velocities, torques and forces, side by side."""
        return np.concatenate(self._sensed, axis=1)

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return the position in the plane, and lengths and velocities of the tendons."""
        return {
            "x_position": self.qpos[:, 0].copy(),
            "y_position": self.qpos[:, 1].copy(),
            "tendon_length": self._tendon_length.copy(),
            "tendon_velocity": self._tendon_velocity.copy(),
        }
