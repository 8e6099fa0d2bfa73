"""Walker2d-v5: walk forward on two legs in a plane."""

import math
from typing import ClassVar

from envs.gymnasium_v5.hopper import Hopper


class Walker2d(Hopper):
    """Hopper's task on two legs: height and pitch alone tell whether the body is healthy.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        forward_reward_weight: Reward per m/s.
        ctrl_cost_weight: Cost per squared action.
        healthy_reward: Reward per step in which the body is healthy.
        terminate_when_unhealthy: Whether an unhealthy body ends the episode.
        healthy_z_range: Open interval for the height of the torso, m.
        healthy_angle_range: Open interval for the pitch of the torso, rad.
        reset_noise_scale: Half width of the noise at a start.
        exclude_current_positions_from_observation: Leave the horizontal position out.
    """

    limbs: ClassVar = {
        "right_leg": ("thigh_joint", "leg_joint", "foot_joint"),
        "left_leg": ("thigh_left_joint", "leg_left_joint", "foot_left_joint"),
    }

    def __init__(
        self,
        *,
        xml_file: str = "walker2d_v5.xml",
        frame_skip: int = 4,
        forward_reward_weight: float = 1.0,
        ctrl_cost_weight: float = 1e-3,
        healthy_reward: float = 1.0,
        terminate_when_unhealthy: bool = True,
        healthy_z_range: tuple[float, float] = (0.8, 2.0),
        healthy_angle_range: tuple[float, float] = (-1.0, 1.0),
        reset_noise_scale: float = 5e-3,
        exclude_current_positions_from_observation: bool = True,
    ) -> None:
        super().__init__(
            xml_file=xml_file,
            frame_skip=frame_skip,
            forward_reward_weight=forward_reward_weight,
            ctrl_cost_weight=ctrl_cost_weight,
            healthy_reward=healthy_reward,
            terminate_when_unhealthy=terminate_when_unhealthy,
            healthy_state_range=(-math.inf, math.inf),
            healthy_z_range=healthy_z_range,
            healthy_angle_range=healthy_angle_range,
            reset_noise_scale=reset_noise_scale,
            exclude_current_positions_from_observation=exclude_current_positions_from_observation,
        )
