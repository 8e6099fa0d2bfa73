"""Whisker-v0: tell a post from a block by touch alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.generators import draw_uniform
from envs.rewards import tolerance
from envs.sensor_task import SensorTask
from envs.task import load_model

_START = {"rail": -0.12, "pan": 0.0, "left_pad": 0.0, "right_pad": 0.0, "lever": 0.0}
_START_NOISE = 0.01  # of each joint, m or rad
_JITTER = 0.015  # of where a shape stands, m
_TURN = 0.15  # largest turn of the block, rad
_SUCCESS = 0.8  # share of the lever's range beyond which it tells a choice


class Whisker(SensorTask):
    """A head on a rail with three whiskers a side; on one side stands a post, on the other a block.

    The lever is to point to the side of the post, which is drawn per episode. Nothing but the
    bending of the whiskers depends on where it stands.

    | action | what                                            | unit     |
    |--------|-------------------------------------------------|----------|
    | 0      | place asked of the head along its rail          | 0.1 m    |
    | 1      | turn asked of the head, to the left             | 0.4 rad  |
    | 2, 3   | turn asked of left and right pad, backwards     | 0.4 rad  |
    | 4      | torque on the lever, to the left                | 0.03 N m |

    | observation    | numbers | what                                               | unit  |
    |----------------|---------|----------------------------------------------------|-------|
    | proprioception | 0       | place of the head along its rail                   | m     |
    |                | 1-4     | turn of head, left pad, right pad and lever        | rad   |
    | touch          | 0-2     | bending of the left front, middle and rear whisker | rad   |
    |                | 3-5     | bending of the right ones; to the left is positive | rad   |

    Every step pays choice x gentleness, from 0 to 1: how far the lever points to the post, from 0
    at the wrong end by a half in the middle to 1 at the right end; and no whisker bent too far.

    Args:
        gentle_bending: Bending that is still gentle, rad; a tenth is paid at twice that much.
    """

    camera: ClassVar = {
        "lookat": (0.07, 0.0, 0.05),
        "distance": 0.72,
        "azimuth": 40.0,
        "elevation": -42.0,
    }
    film_view: ClassVar = {"azimuth": 40.0, "elevation": -48.0, "zoom": 1.5}
    limbs: ClassVar = {
        "head": ("rail", "pan"),
        "left_whiskers": ("left_pad",),
        "right_whiskers": ("right_pad",),
        "lever": ("lever",),
    }

    def __init__(self, *, gentle_bending: float = 0.6) -> None:
        model = load_model(Path(__file__).parent / "assets" / "whisker.xml")
        super().__init__(model, frame_skip=4)
        self._gentle_bending = gentle_bending
        self._start_pose = np.zeros(model.nq)
        for joint, place in _START.items():
            self._start_pose[model.joint(joint).qposadr] = place
        self._noisy = np.concatenate([model.joint(joint).qposadr for joint in _START])
        self._lever = int(model.joint("lever").qposadr[0])
        self._lever_range = float(model.joint("lever").range[1])
        self._post, self._block = (int(model.body(n).mocapid[0]) for n in ("post", "block"))
        self._apart = model.body("post").pos[1]  # of either shape from the middle, m

    def bind(self, batch: Batch) -> None:
        """Take the views of the shapes."""
        super().bind(batch)
        self._places = batch.bind("mocap_pos")
        self._turns = batch.bind("mocap_quat")

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw the side of the post, where both shapes stand, and how the block is turned."""
        side = np.array([draw.choice([-1.0, 1.0]) for draw in generators])
        noise = draw_uniform(generators, -_START_NOISE, _START_NOISE, len(self._noisy))
        jitter = draw_uniform(generators, -_JITTER, _JITTER, 4)
        turn = draw_uniform(generators, -_TURN, _TURN, 1)[:, 0]
        self.qpos[rows] = self._start_pose
        self.qpos[rows[:, np.newaxis], self._noisy] += noise
        self._places[rows, self._post, :2] += jitter[:, :2]
        self._places[rows, self._block, :2] += jitter[:, 2:]
        self._places[rows, self._post, 1] += (side - 1) * self._apart  # it is at +apart at first
        self._places[rows, self._block, 1] += (1 - side) * self._apart
        self._turns[rows, self._block, 0] = np.cos(turn / 2)
        self._turns[rows, self._block, 3] = np.sin(turn / 2)

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward how far the lever points to the post; never end."""
        side = np.sign(self._places[:, self._post, 1])
        self._told = side * self.qpos[:, self._lever] / self._lever_range
        self._choice = np.minimum(np.maximum(0.5 + 0.5 * self._told, 0.0), 1.0)
        bending = np.abs(self.sensordata[:, -6:]).max(axis=1)
        self._gentle = tolerance(bending, high=self._gentle_bending, margin=self._gentle_bending)
        return self._choice * self._gentle, self.still_going

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the factors of the reward, and whether the lever now tells the right side."""
        return {
            "reward_choice": self._choice.copy(),
            "reward_gentle": self._gentle.copy(),
            "success": self._told > _SUCCESS,
        }
