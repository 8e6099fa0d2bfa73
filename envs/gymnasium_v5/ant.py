"""Ant-v5: walk forward on four legs."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.generators import draw_uniform_and_normal
from envs.gymnasium_v5.contact_forces import ContactForces
from envs.gymnasium_v5.model import v5_model
from envs.task import Task, sum_of_squares

_WORLD = 6  # numbers of the world, which comes before the bodies


class Ant(Task):
    """Reward = forward velocity + bonus while healthy - control cost - contact cost.

    An episode ends when the body is unhealthy.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        forward_reward_weight: Reward per m/s.
        ctrl_cost_weight: Cost per squared action.
        contact_cost_weight: Cost per squared contact force.
        healthy_reward: Reward per step in which the body is healthy.
        main_body: The body whose velocity is rewarded, by number or name.
        terminate_when_unhealthy: Whether an unhealthy body ends the episode.
        healthy_z_range: Closed interval for the height of the torso, m.
        contact_force_range: What contact forces and torques are clipped to, N and N m.
        reset_noise_scale: Half width of positions' and deviation of velocities' noise at a start.
        exclude_current_positions_from_observation: Leave the position in the plane out.
        include_cfrc_ext_in_observation: Sense the contact forces.
    """

    camera: ClassVar = {"trackbodyid": 1, "distance": 5.0, "elevation": -20.0}
    limbs: ClassVar = {
        "front_left_leg": ("hip_1", "ankle_1"),
        "front_right_leg": ("hip_2", "ankle_2"),
        "back_left_leg": ("hip_3", "ankle_3"),
        "back_right_leg": ("hip_4", "ankle_4"),
    }
    observes_derived_fields: ClassVar = True
    persistent: ClassVar = True

    def __init__(
        self,
        *,
        xml_file: str = "ant.xml",
        frame_skip: int = 5,
        forward_reward_weight: float = 1.0,
        ctrl_cost_weight: float = 0.5,
        contact_cost_weight: float = 5e-4,
        healthy_reward: float = 1.0,
        main_body: int | str = 1,
        terminate_when_unhealthy: bool = True,
        healthy_z_range: tuple[float, float] = (0.2, 1.0),
        contact_force_range: tuple[float, float] = (-1.0, 1.0),
        reset_noise_scale: float = 0.1,
        exclude_current_positions_from_observation: bool = True,
        include_cfrc_ext_in_observation: bool = True,
    ) -> None:
        model = v5_model(xml_file)
        self._first = 2 * int(exclude_current_positions_from_observation)
        self._forces_from = model.nq + model.nv - self._first
        forces = (6 * model.nbody - _WORLD) * int(include_cfrc_ext_in_observation)
        super().__init__(model, frame_skip=frame_skip, senses=self._forces_from + forces)
        self.velocity_columns = np.arange(model.nq - self._first, self._forces_from)
        self._forward_reward_weight = forward_reward_weight
        self._ctrl_cost_weight = ctrl_cost_weight
        self._contact_cost_weight = contact_cost_weight
        self._healthy_reward = healthy_reward
        self._main_body = model.body(main_body).id
        self._terminate_when_unhealthy = terminate_when_unhealthy
        self._lowest, self._highest = healthy_z_range
        self._smallest_force, self._largest_force = contact_force_range
        self._noise = reset_noise_scale
        self._include_forces = include_cfrc_ext_in_observation

    def bind(self, batch: Batch) -> None:
        """Take the views of the state, the main body and the forces on all bodies."""
        super().bind(batch)
        self._main_xy = batch.bind("xpos")[:, self._main_body, :2]
        self._xy_before = np.zeros((batch.nsim, 2))
        self._contact = ContactForces(batch)
        self._forces = self._clipped_forces()
        self._no_force = min(max(0.0, self._smallest_force), self._largest_force)

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw positions uniformly and velocities normally around the rest pose."""
        sizes = self.model.nq, self.model.nv
        self.motion[rows] += draw_uniform_and_normal(generators, self._noise, *sizes)

    def after_start(self, rows: np.ndarray) -> None:
        """Remember where the main body is; no forces are known yet."""
        self._xy_before[rows] = self._main_xy[rows]
        self._contact.clear(rows)
        self._forces[rows] = self._no_force

    def after_step(self, rows: np.ndarray | None) -> None:
        """Sum the contact forces."""
        self._contact.sum_up(rows)
        self._forces = self._clipped_forces()

    def _clipped_forces(self) -> np.ndarray:
        forces = np.maximum(self._contact.values, self._smallest_force)
        return np.minimum(forces, self._largest_force, out=forces)

    def observe(self) -> np.ndarray:
        """Return joint positions, velocities and clipped forces on the bodies."""
        motion = self.motion[:, self._first :]
        if not self._include_forces:
            return motion.copy()
        return np.concatenate((motion, self._forces[:, _WORLD:]), axis=1)

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward the way made and health, charge actions and contacts, end where unhealthy."""
        height = self.qpos[:, 2]
        healthy = (self._lowest <= height) & (height <= self._highest)
        self._xy_velocity = (self._main_xy - self._xy_before) / self.control_period
        self._xy_before[...] = self._main_xy
        self._forward_reward = self._xy_velocity[:, 0] * self._forward_reward_weight
        self._survive_reward = healthy * self._healthy_reward
        self._ctrl_cost = self._ctrl_cost_weight * sum_of_squares(actions)
        self._contact_cost = self._contact_cost_weight * sum_of_squares(self._forces)
        costs = self._ctrl_cost + self._contact_cost
        reward = self._forward_reward + self._survive_reward - costs
        return reward, ~healthy if self._terminate_when_unhealthy else self.still_going

    def step_info(self) -> dict[str, np.ndarray]:
        """Return position, velocity and the four terms of the reward."""
        return {
            **self.reset_info(),
            "x_velocity": self._xy_velocity[:, 0],
            "y_velocity": self._xy_velocity[:, 1],
            "reward_forward": self._forward_reward,
            "reward_ctrl": -self._ctrl_cost,
            "reward_contact": -self._contact_cost,
            "reward_survive": self._survive_reward,
        }

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return the position in the plane and its distance from the origin."""
        xy = self.qpos[:, :2].copy()
        return {
            "x_position": xy[:, 0],
            "y_position": xy[:, 1],
            "distance_from_origin": np.sqrt(np.vecdot(xy, xy)),
        }

    def memory(self) -> dict[str, np.ndarray]:
        """Return where the main body was computed to be, a physics step behind the state."""
        return {"xy_before": self._xy_before}
