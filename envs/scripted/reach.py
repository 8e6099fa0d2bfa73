"""A controller for Reach-v0: find the angles that put the fingertip on the target, turn there."""

from pathlib import Path

import numpy as np

from envs.task import load_model

Observation = dict[str, np.ndarray]

_PER_STEP = 0.2  # angle that a joint turns by in a control step at full torque, rad


def controller(num_envs: int) -> "ReachController":
    """Return a controller; it remembers nothing."""
    del num_envs
    return ReachController()


class ReachController:
    """Turns each joint to where it belongs as fast as it can; a wrist is held straight."""

    def __init__(self) -> None:
        model = load_model(Path(__file__).parents[1] / "assets" / "reach.xml")
        self._upper = float(model.body("forearm").pos[1])
        self._fore = float(model.body("hand").pos[1] + model.site("fingertip").pos[1])
        self._ahead = 2 * float(np.arcsin(model.body("upper_arm").quat[3]))

    def __call__(self, observation: Observation) -> np.ndarray:
        """Return an action per row, [N, joints]."""
        angles = observation["proprioception"]
        angles = angles[:, : angles.shape[1] // 2]
        wanted = np.zeros_like(angles)
        wanted[:, :2] = self._angles_at(observation["goal"][:, :2])
        return np.clip((wanted - angles) / _PER_STEP, -1, 1).astype(np.float32)

    def _angles_at(self, place: np.ndarray) -> np.ndarray:
        """Return the angles of shoulder and elbow that take the fingertip to a place, [N, 2]."""
        distance = np.hypot(place[:, 0], place[:, 1])
        cosine = (distance**2 - self._upper**2 - self._fore**2) / (2 * self._upper * self._fore)
        elbow = np.arccos(np.clip(cosine, -1, 1))
        bent = np.arctan2(self._fore * np.sin(elbow), self._upper + self._fore * np.cos(elbow))
        heading = np.arctan2(-place[:, 0], place[:, 1])
        return np.stack([heading - bent - self._ahead, elbow], axis=1)
