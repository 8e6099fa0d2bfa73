"""Humanoid-v5: walk forward on two legs without falling."""

from typing import ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.gymnasium_v5.humanoid_body import HumanoidBody
from envs.task import sum_of_squares


class Humanoid(HumanoidBody):
    """Reward = forward velocity + bonus while healthy - control cost - contact cost.

    The velocity is that of the centre of mass. An episode ends when the body is unhealthy.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        forward_reward_weight: Reward per m/s.
        ctrl_cost_weight: Cost per squared action.
        contact_cost_weight: Cost per squared contact force.
        contact_cost_range: What the contact cost is clipped to.
        healthy_reward: Reward per step in which the body is healthy.
        terminate_when_unhealthy: Whether an unhealthy body ends the episode.
        healthy_z_range: Open interval for the height of the torso, m.
        reset_noise_scale: Half width of the noise at a start.
        exclude_current_positions_from_observation: Leave the position in the plane out.
        include_cinert_in_observation: Sense mass and inertia of the bodies.
        include_cvel_in_observation: Sense velocities of the bodies.
        include_qfrc_actuator_in_observation: Sense torques of the actuators.
        include_cfrc_ext_in_observation: Sense contact forces on the bodies.
    """

    camera: ClassVar = {
        "trackbodyid": 1,
        "distance": 4.0,
        "lookat": (0.0, 0.0, 2.0),
        "elevation": -20.0,
    }

    def __init__(
        self,
        *,
        xml_file: str = "humanoid.xml",
        frame_skip: int = 5,
        forward_reward_weight: float = 1.25,
        ctrl_cost_weight: float = 0.1,
        contact_cost_weight: float = 5e-7,
        contact_cost_range: tuple[float, float] = (-np.inf, 10.0),
        healthy_reward: float = 5.0,
        terminate_when_unhealthy: bool = True,
        healthy_z_range: tuple[float, float] = (1.0, 2.0),
        reset_noise_scale: float = 1e-2,
        exclude_current_positions_from_observation: bool = True,
        include_cinert_in_observation: bool = True,
        include_cvel_in_observation: bool = True,
        include_qfrc_actuator_in_observation: bool = True,
        include_cfrc_ext_in_observation: bool = True,
    ) -> None:
        super().__init__(
            xml_file=xml_file,
            frame_skip=frame_skip,
            reset_noise_scale=reset_noise_scale,
            exclude_current_positions_from_observation=exclude_current_positions_from_observation,
            include_cinert_in_observation=include_cinert_in_observation,
            include_cvel_in_observation=include_cvel_in_observation,
            include_qfrc_actuator_in_observation=include_qfrc_actuator_in_observation,
            include_cfrc_ext_in_observation=include_cfrc_ext_in_observation,
        )
        self._forward_reward_weight = forward_reward_weight
        self._ctrl_cost_weight = ctrl_cost_weight
        self._contact_cost_weight = contact_cost_weight
        self._least_contact_cost, self._most_contact_cost = contact_cost_range
        self._healthy_reward = healthy_reward
        self._terminate_when_unhealthy = terminate_when_unhealthy
        self._lowest, self._highest = healthy_z_range
        self._total_mass = self.model.body_mass.sum()

    def bind(self, batch: Batch) -> None:
        """Take the views of the body and of the centres of mass of its parts."""
        super().bind(batch)
        self._centres = batch.bind("xipos")
        self._xy_before = np.zeros((batch.nsim, 2))

    def _centre_of_mass(self) -> np.ndarray:
        """Return where the centre of mass is in the plane, [N, 2]."""
        moments = np.einsum("b,nbj->nj", self.model.body_mass, self._centres)
        return moments[:, :2] / self._total_mass

    def after_start(self, rows: np.ndarray) -> None:
        """Remember where the centre of mass is; no forces are known yet."""
        super().after_start(rows)
        self._xy_before[rows] = self._centre_of_mass()[rows]

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward the way made and health, charge actions and contacts, end where unhealthy."""
        height, xy = self.qpos[:, 2], self._centre_of_mass()
        healthy = (self._lowest < height) & (height < self._highest)
        self._xy_velocity = (xy - self._xy_before) / self.control_period
        self._xy_before[...] = xy
        self._forward_reward = self._forward_reward_weight * self._xy_velocity[:, 0]
        self._survive_reward = healthy * self._healthy_reward
        self._ctrl_cost = self._ctrl_cost_weight * sum_of_squares(self._ctrl)
        contact_cost = self._contact_cost_weight * sum_of_squares(self._contact.values)
        contact_cost = np.maximum(contact_cost, self._least_contact_cost)
        self._contact_cost = np.minimum(contact_cost, self._most_contact_cost)
        costs = self._ctrl_cost + self._contact_cost
        reward = self._forward_reward + self._survive_reward - costs
        return reward, ~healthy if self._terminate_when_unhealthy else self.still_going

    def step_info(self) -> dict[str, np.ndarray]:
        """Return position, velocity, tendons and the four terms of the reward."""
        return {
            **self.reset_info(),
            "x_velocity": self._xy_velocity[:, 0],
            "y_velocity": self._xy_velocity[:, 1],
            "reward_survive": self._survive_reward,
            "reward_forward": self._forward_reward,
            "reward_ctrl": -self._ctrl_cost,
            "reward_contact": -self._contact_cost,
        }

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return the position in the plane, its distance from the origin, and the tendons."""
        xy = self.qpos[:, :2].copy()
        return {**super().reset_info(), "distance_from_origin": np.sqrt(np.vecdot(xy, xy))}

    def memory(self) -> dict[str, np.ndarray]:
        """Return where the centre of mass was computed to be, a physics step behind the state."""
        return {"xy_before": self._xy_before}
