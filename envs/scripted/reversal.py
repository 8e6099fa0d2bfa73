"""A controller for Reversal-v0: stay with the target that paid, leave the one that did not."""

import numpy as np

Observation = dict[str, np.ndarray]

_LINK = 0.3  # length of upper arm and forearm, m
_HOME_BEARING = np.arctan2(0.19, 0.2321)  # of the upper arm where both angles are 0, rad


def controller(num_envs: int) -> "ReversalController":
    """Return a controller at the start of an episode in every row."""
    return ReversalController(num_envs)


class ReversalController:
    """Reaches for one target, and for the other one each time that it felt not to be paid.

    Args:
        num_envs: Rows that it controls, N.
    """

    def __init__(self, num_envs: int) -> None:
        self._right = np.zeros(num_envs, bool)  # which target it reaches for
        self._felt = np.zeros(num_envs)

    def __call__(self, observation: Observation) -> np.ndarray:
        """Return an action per row, [N, 2]."""
        felt = observation["interoception"][:, 0]
        self._right ^= (felt < 0) & (self._felt == 0)  # what is felt lasts, and counts once
        self._felt = felt.copy()
        goal = observation["goal"]
        place = np.where(self._right[:, np.newaxis], goal[:, 2:4], goal[:, :2])
        return _joint_angles(place).astype(np.float32)


def _joint_angles(place: np.ndarray) -> np.ndarray:
    """Return the angles of shoulder and elbow that take the fingertip to a place, [N, 2], rad."""
    bearing = np.arctan2(place[:, 1], place[:, 0])
    distance = np.hypot(place[:, 0], place[:, 1])
    half = np.arccos(np.clip(distance / (2 * _LINK), -1, 1))
    elbow = 2 * half - (np.pi - 2 * _HOME_BEARING)
    return np.stack([bearing - half - _HOME_BEARING, elbow], axis=1)
