"""Gaze-v0: look for the target, and touch it."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.generators import draw_uniform
from envs.retina import Retina, off_axis
from envs.rewards import tolerance
from envs.sensor_task import SensorTask

_OBJECTS = ("target", "first_decoy", "second_decoy")
_BEARINGS = np.array([0.0, 0.5, 1.0])  # of the places of objects, seen from the shoulder, rad
_BEARING_JITTER = 0.08
_DISTANCES = (0.36, 0.54)  # of the places from the shoulder, m
_START = np.array([-0.6, 2.2, 0.0, 0.0])  # shoulder, elbow, pan, tilt: the hand is near no place
_CONTACT_SLACK = 2e-3  # how far the soft contact may give way, m


class Gaze(SensorTask):
    """An arm with six muscles and an eye that moves; one of three objects is the red target.

    The wide periphery of the eye sees where objects are, but no colour; the narrow fovea sees
    colour, but only where it is turned. Which object lies where is drawn per episode.

    | action | what                                            | unit            |
    |--------|-------------------------------------------------|-----------------|
    | 0, 1   | excitation of shoulder flexor and extensor      | largest, 0 to 1 |
    | 2, 3   | excitation of elbow flexor and extensor         | largest, 0 to 1 |
    | 4, 5   | excitation of biarticular flexor and extensor   | largest, 0 to 1 |
    | 6, 7   | torque on pan (to the left) and tilt (down)     | 0.06 N m        |

    | observation    | numbers | what                                               | unit  |
    |----------------|---------|----------------------------------------------------|-------|
    | proprioception | 0-2     | length of shoulder, elbow and biarticular flexor   | m     |
    |                | 3-5     | their speeds of lengthening                        | m/s   |
    |                | 6-11    | force of the six muscles in the order of actions   | N     |
    |                | 12, 13  | pan and tilt of the eye                            | rad   |
    |                | 14, 15  | their speeds                                       | rad/s |
    | touch          | 0       | normal force on the hand                           | N     |
    | vision         | 0-391   | pixels of fovea and periphery, [7, 14, 4]: red,    | 1     |
    |                |         | green, blue, nearness; see `envs.retina.Retina`    |       |

    Every step pays reach x gaze x touch x no_decoy, from 0 to 1: the hand near the target, the eye
    on it (half is paid without), the hand in contact with it (a fifth is paid without), and nothing
    at all while a decoy is touched.

    Args:
        vision: Whether there is an eye; without one, nothing tells where the target is.
        resolution: Rays along each side of the fovea and of the periphery.
        reach_margin: Distance beyond contact at which reaching pays a tenth, m.
        gaze_margin: Angle beyond the fovea at which looking pays a tenth of its half, rad.
    """

    camera: ClassVar = {
        "lookat": (0.16, 0.02, 0.12),
        "distance": 1.45,
        "azimuth": 145.0,
        "elevation": -38.0,
    }
    film_view: ClassVar = {"azimuth": 145.0, "elevation": -38.0, "zoom": 1.5}
    limbs: ClassVar = {"arm": ("shoulder", "elbow"), "eye": ("pan", "tilt")}

    def __init__(
        self,
        *,
        vision: bool = True,
        resolution: int = 7,
        reach_margin: float = 0.2,
        gaze_margin: float = 0.8,
    ) -> None:
        spec = mujoco.MjSpec.from_file(str(Path(__file__).parent / "assets" / "gaze.xml"))
        model = spec.compile()
        self._retina = Retina(spec, model, resolution=resolution, farthest=1.2) if vision else None
        extra = {"vision": self._retina.shape} if self._retina else {}
        super().__init__(model, frame_skip=4, extra=extra)
        self._reach_margin = reach_margin
        self._gaze_margin = gaze_margin
        radii = model.geom("hand").size[0] + model.geom("target").size[0]
        self._touching_distance = float(radii) + _CONTACT_SLACK
        self._foveal = float(np.radians(model.camera("fovea").fovy[0])) / 2
        self._shoulder = model.body("upper_arm").pos[:2].copy()
        self._mocap = [int(model.body(name).mocapid[0]) for name in _OBJECTS]

    def bind(self, batch: Batch) -> None:
        """Take the views of the hand, the eye and the objects."""
        super().bind(batch)
        self._hand = batch.bind("site_xpos")[:, self.model.site("hand").id]
        self._objects = batch.bind("mocap_pos")
        camera = self.model.camera("fovea").id
        self._eye_place = batch.bind("cam_xpos")[:, camera]
        self._eye_axes = batch.bind("cam_xmat")[:, camera]
        self._looking: np.ndarray | None = np.zeros(0, np.int64)  # nobody, before a first start
        if self._retina is not None:
            self._retina.bind(batch)

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Fold the arm, turn the eye ahead, and draw which object lies where."""
        self.qpos[rows] = _START + draw_uniform(generators, -0.1, 0.1, self.model.nq)
        sectors = np.array([draw.permutation(len(_OBJECTS)) for draw in generators])
        bearing = _BEARINGS[sectors] + draw_uniform(
            generators, -_BEARING_JITTER, _BEARING_JITTER, len(_OBJECTS)
        )
        distance = draw_uniform(generators, *_DISTANCES, len(_OBJECTS))
        places = np.stack([distance * np.cos(bearing), distance * np.sin(bearing)], axis=-1)
        for index, mocap in enumerate(self._mocap):
            self._objects[rows, mocap, :2] = self._shoulder + places[:, index]
        self._looking = rows

    def sense(self) -> None:
        """Look, with the eyes of all rows or of those that have just started."""
        rows, self._looking = self._looking, None
        if self._retina is not None and (rows is None or rows.size):
            self._retina.look(self.sensed["vision"], rows)

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward the hand on the target and the eye on it; never end."""
        objects = self._objects[:, self._mocap]
        distance = np.linalg.norm(objects - self._hand[:, np.newaxis], axis=-1)
        touching = distance <= self._touching_distance
        angle = off_axis(self._eye_axes, self._eye_place, objects[:, 0])
        self._touching, self._decoy_touched = touching[:, 0], touching[:, 1:].any(axis=1)
        self._distance, self._angle = distance[:, 0], angle
        self._reach = tolerance(
            distance[:, 0], high=self._touching_distance, margin=self._reach_margin
        )
        looking = tolerance(angle, high=self._foveal, margin=self._gaze_margin)
        self._gaze = 0.5 + 0.5 * looking
        self._touch = 0.2 + 0.8 * self._touching
        self._no_decoy = 1.0 - self._decoy_touched
        reward = self._reach * self._gaze * self._touch * self._no_decoy
        return reward, self.still_going

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the factors of the reward, what the hand touches, how far off hand and eye are.

        `success` is whether the target is touched now; `distance` is in metres between centres,
        `gaze_angle` in radians.
        """
        return {
            "reward_reach": self._reach.copy(),
            "reward_gaze": self._gaze.copy(),
            "reward_touch": self._touch.copy(),
            "reward_no_decoy": self._no_decoy.copy(),
            "success": self._touching.copy(),
            "decoy_touched": self._decoy_touched.copy(),
            "distance": self._distance.copy(),
            "gaze_angle": self._angle.copy(),
        }
