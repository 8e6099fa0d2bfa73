"""HumanoidStandup-v5: get up from the floor."""

from typing import ClassVar

import numpy as np

from envs.gymnasium_v5.humanoid_body import HumanoidBody
from envs.task import sum_of_squares


class HumanoidStandup(HumanoidBody):
    """Reward = height of the torso over the physics step - control cost - impact cost + 1.

    An episode never terminates.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        uph_cost_weight: Of no effect, as in Gymnasium.
        ctrl_cost_weight: Cost per squared action.
        impact_cost_weight: Cost per squared contact force.
        impact_cost_range: What the impact cost is clipped to.
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
        "lookat": (0.0, 0.0, 0.8925),
        "elevation": -20.0,
    }

    def __init__(
        self,
        *,
        xml_file: str = "humanoidstandup.xml",
        frame_skip: int = 5,
        uph_cost_weight: float = 1.0,
        ctrl_cost_weight: float = 0.1,
        impact_cost_weight: float = 0.5e-6,
        impact_cost_range: tuple[float, float] = (-np.inf, 10.0),
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
        self._ctrl_cost_weight = ctrl_cost_weight
        self._impact_cost_weight = impact_cost_weight
        self._least_impact_cost, self._most_impact_cost = impact_cost_range

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward height, charge actions and impacts."""
        self._height_reward = self.qpos[:, 2] / self.model.opt.timestep
        self._ctrl_cost = self._ctrl_cost_weight * sum_of_squares(self._ctrl)
        impact_cost = self._impact_cost_weight * sum_of_squares(self._contact.values)
        impact_cost = np.maximum(impact_cost, self._least_impact_cost)
        self._impact_cost = np.minimum(impact_cost, self._most_impact_cost)
        reward = self._height_reward - self._ctrl_cost - self._impact_cost + 1
        return reward, self.still_going

    def step_info(self) -> dict[str, np.ndarray]:
        """Return positions, tendons and the terms of the reward."""
        return {
            **self.reset_info(),
            "reward_linup": self._height_reward,
            "reward_quadctrl": -self._ctrl_cost,
            "reward_impact": -self._impact_cost,
        }

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return the position in the plane, the height above the start, and the tendons."""
        risen = self.qpos[:, 2] - self.model.qpos0[2]
        return {**super().reset_info(), "z_distance_from_origin": risen}
