"""A controller for Forager-v0: drive to the nearest food in sight, around what stands between."""

import numpy as np

Observation = dict[str, np.ndarray]

_GREY = 0.55  # of food and posts in the periphery
_FLOOR = 0.25  # what is darker is floor, or nothing
_FIELD = np.radians(100.0)  # of the periphery
_FOVEA = np.radians(24.0)


def controller(num_envs: int) -> "ForagerController":
    """Return a controller at the start of an episode in every row."""
    return ForagerController(num_envs)


class ForagerController:
    """Turns towards food; posts rise above the horizon and food does not, which tells them apart.

    Args:
        num_envs: Rows that it controls, N.
    """

    def __init__(self, num_envs: int) -> None:
        self._lost_side = np.ones(num_envs)  # where food was seen last: +1 left, -1 right
        self._escape = np.zeros(num_envs, np.int64)  # steps left of backing off
        self._stuck = np.zeros(num_envs, np.int64)

    def __call__(self, observation: Observation) -> np.ndarray:
        """Return an action per row, [N, 4]."""
        body, vision = observation["proprioception"], observation["vision"]
        half = vision.shape[2] // 2
        pan, tilt = body[:, 2], body[:, 3]
        bearing, found = _food_bearing(vision, pan)
        self._lost_side = np.where(found, np.where(bearing >= 0, 1.0, -1.0), self._lost_side)
        turn = np.where(found, 1.6 * bearing, 0.8 * self._lost_side)
        drive = np.where(found, np.clip(1.1 - np.abs(bearing), 0.2, 1), 0.35)
        turn += _away_from_obstacles(vision[:, :, half:], pan)
        touch = observation["touch"]
        turn += 3.0 * np.clip(touch[:, 1], 0, 1) - 3.0 * np.clip(-touch[:, 0], 0, 1)
        self._notice_being_stuck(observation["vestibular"][:, 0], drive)
        backing = self._escape > 0
        drive = np.where(backing, -0.7, drive)
        turn = np.where(backing, 0.6 * self._lost_side, turn)
        wheels = np.stack([drive - turn, drive + turn], axis=1)
        gaze = np.where(found, np.clip(bearing, -1.0, 1.0), 0.0)
        eye = 3.0 * np.stack([gaze - pan, -tilt], axis=1) - 0.2 * body[:, 4:6]
        return np.clip(np.concatenate([wheels, eye], axis=1), -1, 1)

    def _notice_being_stuck(self, speed: np.ndarray, drive: np.ndarray) -> None:
        self._escape = np.maximum(self._escape - 1, 0)
        slow = (np.abs(speed) < 0.05) & (drive > 0.3) & (self._escape == 0)
        self._stuck = np.where(slow, self._stuck + 1, 0)
        self._escape = np.where(self._stuck > 15, 30, self._escape)


def _food_bearing(vision: np.ndarray, pan: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the nearest food in sight is, rad to the left, and whether there is any."""
    size, half = vision.shape[1], vision.shape[2] // 2
    fovea, periphery = vision[:, :, :half], vision[:, :, half:]
    green = np.logical_and(fovea[..., 1] > 0.9, fovea[..., 0] < 0.4)
    grey = np.isclose(periphery[..., 0], _GREY, atol=0.01)
    low = grey & ~grey[:, : size // 2].any(axis=1, keepdims=True)
    low[:, : size // 2] = False
    steps = (2 * np.arange(size) + 1) / size - 1
    angles = np.concatenate([np.arctan(np.tan(field / 2) * steps) for field in (_FOVEA, _FIELD)])
    near = np.concatenate([green * fovea[..., 3], low * periphery[..., 3]], axis=2).max(axis=1)
    best = near.argmax(axis=1)
    return pan - angles[best], near.max(axis=1) > 0


def _away_from_obstacles(periphery: np.ndarray, pan: np.ndarray) -> np.ndarray:
    """Return how much to turn left so as not to run into what rises above the horizon."""
    size = periphery.shape[1]
    above = periphery[:, size // 2 - 1]
    near = np.where(above[..., 0] > _FLOOR, np.maximum(above[..., 3] - 0.86, 0) / 0.14, 0.0)
    steps = (2 * np.arange(size) + 1) / size - 1
    bearing = pan[:, np.newaxis] - np.arctan(np.tan(_FIELD / 2) * steps)
    ahead = near * (np.abs(bearing) < 0.7)
    return -3.0 * (ahead * np.where(bearing >= 0, 1.0, -1.0)).mean(axis=1)
