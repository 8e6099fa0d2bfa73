"""A controller for Gaze-v0: look at one object after the other, reach for the red one."""

from pathlib import Path

import numpy as np

from envs.task import load_model

Observation = dict[str, np.ndarray]

_OBJECT_GREY = 0.4667  # of all objects in the periphery
_OBJECT_HEIGHT = 0.055  # of their centres, m
_BEARINGS = np.array([0.0, 0.5, 1.0])  # of the three places, seen from the shoulder, rad
_MIDDLE_DISTANCE = 0.45  # of the places from the shoulder, m
_ARMS_LENGTH = 0.27  # from the shoulder, m: no object is so near
_MOMENT_ARMS = np.array([0.04, 0.03])  # of the muscles of shoulder and elbow, m
_MUSCLE_FORCE = 120.0  # N


def controller(num_envs: int) -> "GazeController":
    """Return a controller at the start of an episode in every row."""
    return GazeController(num_envs)


class GazeController:
    """Fixates the place of each object until the fovea has seen red, then reaches there.

    Args:
        num_envs: Rows that it controls, N.
    """

    def __init__(self, num_envs: int) -> None:
        model = load_model(Path(__file__).parents[1] / "assets" / "gaze.xml")
        self._shoulder = model.body("upper_arm").pos[:2].copy()
        self._lengths = (float(model.body("forearm").pos[0]), float(model.body("hand").pos[0]))
        self._neck = model.body("head").pos.copy()
        self._eye_ahead = float(model.body("eye").pos[0] + 0.02)
        self._rest_tilt = 2 * float(np.arcsin(model.body("eye").quat[2]))
        self._slopes = np.tan(np.radians([model.camera(n).fovy[0] / 2 for n in _HALVES]))
        self._candidate = np.zeros(num_envs, np.int64)
        self._patience = np.zeros(num_envs, np.int64)
        self._target = np.full((num_envs, 2), np.nan)
        self._turned = np.zeros(num_envs, bool)

    def __call__(self, observation: Observation) -> np.ndarray:
        """Return an action per row, [N, 8]."""
        proprioception, vision = observation["proprioception"], observation["vision"]
        pan, tilt = proprioception[:, 12], proprioception[:, 13]
        places = self._places_on_the_table(pan, tilt, vision.shape[1])
        half = vision.shape[2] // 2
        fovea, periphery = vision[:, :, :half], vision[:, :, half:]
        red = (fovea[..., 0] > 0.8) & (fovea[..., 1] < 0.4)
        seen = red.sum(axis=(1, 2)) >= 2
        self._target[seen] = _mean_place(places[:, 0], red)[seen]
        self._go_on(fovea, ~seen)
        grey = np.abs(periphery[..., 0] - _OBJECT_GREY) < 0.01
        wanted = self._wanted_place(places[:, 1], grey)
        eye = self._turn_eye(wanted, pan, tilt, proprioception[:, 14:16])
        return np.concatenate([self._move_arm(proprioception), eye], axis=1)

    def _go_on(self, fovea: np.ndarray, unseen: np.ndarray) -> None:
        """Try the next place once the fovea has had an object of another colour before it."""
        other = (fovea[..., 1:3].max(axis=-1) > 0.8) & (fovea[..., 0] < 0.4)
        self._patience += 1
        # Moving on needs a good look; but whoever sees nothing where an object should be moves too.
        looked = (other.sum(axis=(1, 2)) >= 8) & (self._patience > 8)
        next_one = unseen & np.isnan(self._target[:, 0]) & (looked | (self._patience > 25))
        self._candidate[next_one] = (self._candidate[next_one] + 1) % len(_BEARINGS)
        self._patience[next_one] = 0

    def _wanted_place(self, places: np.ndarray, grey: np.ndarray) -> np.ndarray:
        """Return where to look on the table, [N, 2], m."""
        offset = places - self._shoulder
        bearing = np.arctan2(offset[..., 1], offset[..., 0])
        nominal = _BEARINGS[self._candidate]
        here = grey & (np.abs(bearing - nominal[:, np.newaxis, np.newaxis]) < 0.2)
        here &= np.linalg.norm(offset, axis=-1) < 0.65
        middle = self._shoulder + _MIDDLE_DISTANCE * np.stack(
            [np.cos(nominal), np.sin(nominal)], axis=-1
        )
        place = np.where(here.any(axis=(1, 2))[:, np.newaxis], _mean_place(places, here), middle)
        return np.where(np.isnan(self._target), place, self._target)

    def _places_on_the_table(self, pan: np.ndarray, tilt: np.ndarray, size: int) -> np.ndarray:
        """Return what point at the height of objects each pixel sees, [N, 2, size, size, 2], m."""
        steps = (2 * np.arange(size) + 1) / size - 1
        right, down = np.meshgrid(steps, steps)
        right = self._slopes[:, np.newaxis, np.newaxis] * right
        down = self._slopes[:, np.newaxis, np.newaxis] * down
        wide = np.s_[:, np.newaxis, np.newaxis, np.newaxis]
        pitch, turn = (self._rest_tilt + tilt)[wide], pan[wide]
        ahead = np.cos(pitch) - down * np.sin(pitch)
        drop = np.maximum(np.sin(pitch) + down * np.cos(pitch), 1e-3)
        reach = (self._neck[2] - _OBJECT_HEIGHT) / drop
        ahead = self._eye_ahead + reach * ahead
        left = -reach * right
        x = self._neck[0] + ahead * np.cos(turn) - left * np.sin(turn)
        y = self._neck[1] + ahead * np.sin(turn) + left * np.cos(turn)
        return np.stack([x, y], axis=-1)

    def _turn_eye(
        self, place: np.ndarray, pan: np.ndarray, tilt: np.ndarray, speed: np.ndarray
    ) -> np.ndarray:
        offset = place - self._neck[:2]
        ahead = np.linalg.norm(offset, axis=1) - self._eye_ahead
        wanted_tilt = np.arctan2(self._neck[2] - _OBJECT_HEIGHT, ahead) - self._rest_tilt
        error = np.stack([np.arctan2(offset[:, 1], offset[:, 0]) - pan, wanted_tilt - tilt], axis=1)
        return np.clip(3.0 * error - 0.2 * speed, -1, 1)

    def _move_arm(self, proprioception: np.ndarray) -> np.ndarray:
        """Excite the muscles towards the target, [N, 6]; keep the arm folded before it is known."""
        angles = -proprioception[:, :2] / _MOMENT_ARMS
        speeds = -proprioception[:, 3:5] / _MOMENT_ARMS
        known = ~np.isnan(self._target[:, 0])
        offset = np.where(known[:, np.newaxis], self._target - self._shoulder, [0.2, 0.17])
        bearing, distance = np.arctan2(offset[:, 1], offset[:, 0]), np.linalg.norm(offset, axis=1)
        upper, fore = self._lengths
        elbow = angles[:, 1]
        now = angles[:, 0] + np.arctan2(fore * np.sin(elbow), upper + fore * np.cos(elbow))
        self._turned |= known & (np.abs(now - bearing) < 0.1)
        distance = np.where(self._turned, distance, _ARMS_LENGTH)  # first turn, past the decoys
        cosine = (distance**2 - upper**2 - fore**2) / (2 * upper * fore)
        elbow = np.arccos(np.clip(cosine, -1, 1))
        shoulder = bearing - np.arctan2(fore * np.sin(elbow), upper + fore * np.cos(elbow))
        torque = 25 * (np.stack([shoulder, elbow], axis=1) - angles) - 2 * speeds
        effort = torque / (_MUSCLE_FORCE * _MOMENT_ARMS)
        flex, extend = np.clip(effort, 0, 1), np.clip(-effort, 0, 1)
        idle = np.zeros(len(effort))
        return np.stack([flex[:, 0], extend[:, 0], flex[:, 1], extend[:, 1], idle, idle], axis=1)


_HALVES = ("fovea", "periphery")


def _mean_place(places: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the mean of the places of chosen pixels, [N, 2], m; zeros where there are none."""
    weights = chosen[..., np.newaxis]
    return (places * weights).sum(axis=(1, 2)) / np.maximum(weights.sum(axis=(1, 2)), 1)
