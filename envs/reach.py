"""Reach: bring the fingertip to a target that moves on, again and again."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.generators import draw_uniform
from envs.sensor_task import SensorTask

_JOINTS = ("shoulder", "elbow", "wrist")
_LOWEST = np.array([-1.2, 0.4, -0.8])  # angles that put the fingertip where targets are, rad
_HIGHEST = np.array([1.2, 2.2, 0.8])
_SHORTEST_WAY, _LONGEST_WAY = 0.25, 0.75  # of each joint to the next target, shares of its range
_PLACES = 16  # of targets in an episode; where it is longer they come again


class Reach(SensorTask):
    """Follow a target that jumps elsewhere after a random while, and is never told to.

    Each jump moves every joint by a quarter of its range or more, so that all motors are needed all
    the time, and a motor that does not do what it did is felt all the time.

    | action | what                                                                | unit    |
    |--------|---------------------------------------------------------------------|---------|
    | 0, 1   | torque on shoulder and elbow, to the left; against their damping it | 10 N m, |
    |        | makes a speed within a control step                                 | 5 rad/s |

    | observation    | numbers | what                                                   | unit  |
    |----------------|---------|--------------------------------------------------------|-------|
    | proprioception | 0, 1    | angles of shoulder and elbow                           | rad   |
    |                | 2, 3    | their speeds                                           | rad/s |
    | goal           | 0, 1    | place of the target: right and ahead of the shoulder   | m     |
    |                | 2, 3    | the way there from the fingertip                       | m     |

    With three joints the wrist follows the elbow, in actions, angles and speeds.

    Reward = exp(-distance of the fingertip to the target / scale), in [0, 1] per step: unlike a
    Gaussian it says from everywhere which way is better.

    Args:
        joints: 2, or 3 for an arm with a wrist.
        frame_skip: Physics steps of 10 ms per control step.
        lasting: Fewest and most control steps after which the target jumps.
        scale: Distance at which a step pays 1/e, m.
    """

    camera: ClassVar = "overview"
    film_view: ClassVar = {"zoom": 0.7}

    def __init__(
        self,
        *,
        joints: int = 2,
        frame_skip: int = 4,
        lasting: tuple[int, int] = (15, 30),
        scale: float = 0.15,
    ) -> None:
        fewest, most = lasting
        if joints not in (2, 3) or not 1 <= fewest <= most or scale <= 0:
            raise ValueError(
                "joints must be 2 or 3, lasting two numbers 1 <= fewest <= most and scale "
                f"positive, got {joints}, {lasting} and {scale}"
            )
        super().__init__(_arm(joints), frame_skip=frame_skip, extra={"goal": (4,)})
        links = [self.model.body("forearm").pos[1], self.model.body("hand").pos[1]]
        links.append(self.model.site("fingertip").pos[1])
        self._links = np.array([*links[: joints - 1], sum(links[joints - 1 :])])
        self._ahead = 2 * float(np.arcsin(self.model.body("upper_arm").quat[3]))
        # Of the object, not of the class: it depends on the number of joints.
        self.limbs = {"arm": _JOINTS[:joints]}  # pyright: ignore[reportAttributeAccessIssue]
        self._fewest, self._most = fewest, most
        self._scale = scale
        self._low, self._span = _LOWEST[:joints], (_HIGHEST - _LOWEST)[:joints]

    def bind(self, batch: Batch) -> None:
        """Take the views of fingertip and target, and make room for the targets to come."""
        super().bind(batch)
        self._time = batch.bind("time").reshape(batch.nsim, 1)
        self._tip = batch.bind("site_xpos")[:, self.model.site("fingertip").id, :2]
        self._target = batch.bind("mocap_pos")[:, self.model.body("target").mocapid[0], :2]
        self._places = np.zeros((batch.nsim, _PLACES, 2))
        self._ends = np.ones((batch.nsim, _PLACES), np.int64)  # of each, steps since the start
        self._every = np.arange(batch.nsim)

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw a pose, and where the target is and for how long, for the whole episode."""
        joints = self.model.nq
        draws = draw_uniform(generators, 0.0, 1.0, joints + (joints + 1) * _PLACES)
        lengths = self._fewest + draws[:, :_PLACES] * (self._most - self._fewest + 1)
        self._ends[rows] = np.cumsum(lengths.astype(np.int64), axis=1)
        shares = draws[:, _PLACES:].reshape(-1, _PLACES + 1, joints)
        shares[:, 1:] = _SHORTEST_WAY + (_LONGEST_WAY - _SHORTEST_WAY) * shares[:, 1:]
        poses = self._low + self._span * (np.cumsum(shares, axis=1) % 1.0)
        self.qpos[rows] = poses[:, 0]
        self._places[rows] = self._fingertip_at(poses[:, 1:])

    def _fingertip_at(self, poses: np.ndarray) -> np.ndarray:
        """Return where the fingertip is at some angles, [..., joints], rad: [..., 2], m."""
        headings = self._ahead + np.cumsum(poses, axis=-1)  # of the links, from straight ahead
        across, along = -np.sin(headings) @ self._links, np.cos(headings) @ self._links
        return np.stack([across, along], axis=-1)

    def _place(self) -> np.ndarray:
        """Return where the target is now, [N, 2]."""
        step = np.rint(self._time / self.control_period)
        passed = np.count_nonzero(self._ends <= step % self._ends[:, -1:], axis=1)
        return self._places[self._every, passed]

    def before_step(self) -> None:
        """Remember what the step has to follow."""
        self._followed = self._place()

    def sense(self) -> None:
        """Move the targets whose time has come; see where they are, and the way there."""
        self._target[...] = self._place()
        self.sensed["goal"][:, :2] = self._target
        self.sensed["goal"][:, 2:] = self._target - self._tip

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward nearness to the target that was there during the step; never end."""
        away = self._tip - self._followed
        self._distance = np.hypot(away[:, 0], away[:, 1])
        self._near = np.exp(-self._distance / self._scale)
        return self._near.copy(), self.still_going

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the term of the reward, and the distance that it tells of, m."""
        return {"reward_near": self._near.copy(), "distance": self._distance.copy()}

    def memory(self) -> dict[str, np.ndarray]:
        """Return where the targets are, and until when."""
        return {"places": self._places, "ends": self._ends}


def _arm(joints: int) -> mujoco.MjModel:
    """Compile the arm, without what it has not."""
    spec = mujoco.MjSpec.from_file(str(Path(__file__).parent / "assets" / "reach.xml"))
    for joint in _JOINTS[joints:]:
        for what in ("angle", "speed"):
            spec.delete(spec.sensor(f"proprioception/{joint}_{what}"))
        spec.delete(spec.actuator(joint))
        spec.delete(spec.joint(joint))
    return spec.compile()
