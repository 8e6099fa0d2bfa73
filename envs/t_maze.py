"""TMaze: see a light, drive down a corridor, turn to the side on which the light was."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.generators import draw_uniform
from envs.sensor_task import SensorTask
from envs.task import load_model

_CROSSING = 1.31  # middle of the crossbar, m ahead of the start
_ARM_END = 0.65  # m aside of the corridor; a robot that is there has chosen
_WAY = _CROSSING + _ARM_END
_PROGRESS, _SUCCESS, _FAILURE = 0.3, 0.7, -0.3
_POSE = (0, 1, 3)  # columns of qpos: ahead, aside and heading; aside is positive on the left
_HIDDEN = -1.0  # height of a lamp that is out, m: under the floor


class TMaze(SensorTask):
    """Drive to the arm that a light told at the start; ends at the end of either arm.

    The light shines during the first second, in which the brakes hold the robot: no bearing can
    carry the cue into the corridor, it has to be remembered.

    | action | what                                                          | unit     |
    |--------|---------------------------------------------------------------|----------|
    | 0, 1   | speed asked of the left and the right wheel                   | 15 rad/s |

    | observation    | numbers | what                                               | unit  |
    |----------------|---------|----------------------------------------------------|-------|
    | proprioception | 0, 1    | speeds of the left and the right wheel             | rad/s |
    | touch          | 0-3     | pressure on the rim: front left, front right,      | N     |
    |                |         | back left, back right                              |       |
    | vestibular     | 0-2     | rotation about the robot's own axes                | rad/s |
    |                | 3-5     | velocity along them: forwards, left, up            | m/s   |
    | vision         | 0-6     | distance to the wall along rays at 90, 50, 20, 0,  | m     |
    |                |         | -20, -50 and -90 degrees to the left               |       |
    |                | 7, 8    | light seen on the left, on the right               | 1     |

    Reward = progress + outcome. Progress is the way made in this step, towards the crossing and
    then into either arm, and sums to 0.3 at an arm's end; the outcome there is 0.7 in the arm of
    the light, -0.3 in the other. So an episode returns 1 for success, 0 for failure, and what was
    driven of 0.3 where the robot never chose.

    Args:
        frame_skip: Physics steps of 10 ms per control step.
        cue_seconds: How long the light shines and the brakes hold, s.
        reset_noise_scale: Half width of the noise of place and heading at a start, m and rad.
    """

    camera: ClassVar = "overview"
    film_view: ClassVar = {"follow": False, "azimuth": 180.0, "elevation": -55.0, "zoom": 1.45}
    limbs: ClassVar = {"left_wheel": ("left_wheel",), "right_wheel": ("right_wheel",)}

    def __init__(
        self,
        *,
        frame_skip: int = 5,
        cue_seconds: float = 1.0,
        reset_noise_scale: float = 0.04,
    ) -> None:
        model = load_model(Path(__file__).parent / "assets" / "t_maze.xml")
        rays = model.sensor_interval[:, 0] > 0  # as often as they are read, not every physics step
        model.sensor_interval[rays, 0] = model.opt.timestep * frame_skip
        super().__init__(model, frame_skip=frame_skip, extra={"vision": (2,)})
        # Half a physics step earlier, so that rounding of the clock decides nothing.
        self._cue_ends = cue_seconds - model.opt.timestep / 2
        self._noise = reset_noise_scale

    def bind(self, batch: Batch) -> None:
        """Take the views of the batch, and make room for the side of the light."""
        super().bind(batch)
        self._time = batch.bind("time").reshape(batch.nsim)
        self._ctrl = batch.bind("ctrl")
        lamps = batch.bind("mocap_pos")
        self._cue_lamp = lamps[:, self.model.body("cue").mocapid[0]]
        self._prize = lamps[:, self.model.body("prize").mocapid[0]]
        self._side = np.ones(batch.nsim)  # 1 where the light is on the left, -1 on the right

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw the side of the light, and a pose near the middle of the start."""
        draws = draw_uniform(generators, -1.0, 1.0, 4)
        self.qpos[rows[:, np.newaxis], _POSE] = self._noise * draws[:, 1:]
        self._side[rows] = np.where(draws[:, 0] < 0, 1.0, -1.0)
        for lamp in (self._cue_lamp, self._prize):
            lamp[rows, 0] = -np.abs(lamp[rows, 0]) * self._side[rows]

    def before_step(self) -> None:
        """Hold the robot while the light shines; remember how far it had come."""
        self._was_lit = self._time < self._cue_ends
        self._ctrl[self._was_lit] = 0.0
        self._way_before = self._way()

    def _way(self) -> np.ndarray:
        """Return the way made towards the crossing and into either arm, m, [N]."""
        return np.minimum(self.qpos[:, 0], _CROSSING) + np.abs(self.qpos[:, 1])

    def sense(self) -> None:
        """See the light while it shines."""
        lit = self._time < self._cue_ends
        self.sensed["vision"][:, -2] = lit & (self._side > 0)
        self.sensed["vision"][:, -1] = lit & (self._side < 0)

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward progress and the right choice; end at the end of an arm."""
        self._put_out_lamps()
        self._arrived = np.abs(self.qpos[:, 1]) >= _ARM_END
        self._success = self._arrived & (self.qpos[:, 1] * self._side > 0)
        self._progress = _PROGRESS * (self._way() - self._way_before) / _WAY
        self._outcome = np.where(self._success, _SUCCESS, _FAILURE) * self._arrived
        return self._progress + self._outcome, self._arrived

    def _put_out_lamps(self) -> None:
        """Hide the lamp, which only people see, of rows whose light just went out."""
        out = self._was_lit & (self._time >= self._cue_ends)
        if np.count_nonzero(out):
            self._cue_lamp[out, 2] = _HIDDEN

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the terms of the reward, and what was chosen."""
        return {
            "reward_progress": self._progress.copy(),
            "reward_outcome": self._outcome.copy(),
            "arrived": self._arrived.copy(),
            "success": self._success.copy(),
            **self.reset_info(),
        }

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return the side of the light, which the robot has to remember."""
        return {"cue_left": self._side > 0}

    def memory(self) -> dict[str, np.ndarray]:
        """Return the side of the light."""
        return {"side": self._side}
