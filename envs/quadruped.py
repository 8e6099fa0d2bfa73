"""Quadruped: walk on four legs at the speed, and along the curve, that is asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.generators import draw_uniform
from envs.rewards import tolerance
from envs.sensor_task import SensorTask
from envs.task import load_model

_COMMANDS = 10  # per episode; more than can fit into its 20 s
_SHORTEST, _LONGEST = 2.0, 5.0  # of a command, s
_LOWEST_TORSO = 0.16  # of its centre above the ground, m
_LEAST_UPRIGHT = 0.5  # cosine of the tilt


class Quadruped(SensorTask):
    """Follow a commanded velocity on four legs; ends when the body falls.

    Actions set the servos of the joints; all zero is the standing pose.

    | action | what                                       | unit    |
    |--------|--------------------------------------------|---------|
    | 0, 1   | angle asked of the front left hip and knee | 0.6 rad |
    | 2, 3   | of the front right hip and knee            | 0.6 rad |
    | 4, 5   | of the back left hip and knee              | 0.6 rad |
    | 6, 7   | of the back right hip and knee             | 0.6 rad |

    | observation    | numbers | what                                              | unit  |
    |----------------|---------|---------------------------------------------------|-------|
    | proprioception | 0-7     | angles of the joints, ordered as the actions      | rad   |
    |                | 8-15    | their speeds                                      | rad/s |
    | touch          | 0-3     | load on the front left, front right, back left    | N     |
    |                |         | and back right foot                               |       |
    | vestibular     | 0-2     | rotation of the torso about its own axes          | rad/s |
    |                | 3-5     | velocity along them: forwards, left, up           | m/s   |
    |                | 6-8     | acceleration along them, gravity included         | m/s²  |
    |                | 9-11    | the direction upwards along them                  | 1     |
    | goal           | 0       | commanded velocity forwards                       | m/s   |
    |                | 1       | commanded rate of turning to the left             | rad/s |

    The command changes every two to five seconds; one in six asks to stand still. Reward =
    velocity × turning × upright × effort, each in [0, 1]: how near the velocity over ground is to
    the command and to no sideways drift, how near the rate of turning, whether the back is level,
    and whether the servos' torque is mild.

    Args:
        frame_skip: Physics steps of 5 ms per control step.
        fastest: Largest commanded velocity, m/s.
        fastest_turn: Largest commanded rate of turning, rad/s.
        terminate_when_fallen: Whether a fall ends the episode.
        reset_noise_scale: Half width of the noise of joint angles at a start, rad.
    """

    camera: ClassVar = "chase"
    limbs: ClassVar = {
        limb: (f"{limb}_hip", f"{limb}_knee")
        for limb in ("front_left", "front_right", "back_left", "back_right")
    }

    def __init__(
        self,
        *,
        frame_skip: int = 4,
        fastest: float = 1.0,
        fastest_turn: float = 0.8,
        terminate_when_fallen: bool = True,
        reset_noise_scale: float = 0.05,
    ) -> None:
        model = load_model(Path(__file__).parent / "assets" / "quadruped.xml")
        super().__init__(model, frame_skip=frame_skip, extra={"goal": (2,)})
        self._fastest = fastest
        self._fastest_turn = fastest_turn
        self._terminate_when_fallen = terminate_when_fallen
        self._noise = reset_noise_scale

    def bind(self, batch: Batch) -> None:
        """Take the views of the batch, and make room for what is commanded."""
        super().bind(batch)
        self._time = batch.bind("time").reshape(batch.nsim, 1)
        self._force = batch.bind("actuator_force")
        self._velocity: Any = batch.sensor("vestibular/velocity").data
        self._rotation: Any = batch.sensor("vestibular/rotation").data
        self._upwards: Any = batch.sensor("vestibular/upwards").data
        self._commands = np.zeros((batch.nsim, _COMMANDS, 2))
        self._command_ends = np.full((batch.nsim, _COMMANDS), np.inf)
        self._rows = np.arange(batch.nsim)

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw joint angles around the standing pose, and all commands of the episode."""
        joints = self.model.nu
        draws = draw_uniform(generators, 0.0, 1.0, joints + 4 * _COMMANDS)
        self.qpos[rows, -joints:] += self._noise * (2 * draws[:, :joints] - 1)
        moving, forwards, turning, lasting = np.split(draws[:, joints:], 4, axis=1)
        commands = np.stack(
            [self._fastest * (0.3 + 0.7 * forwards), self._fastest_turn * (2 * turning - 1)], axis=2
        )
        self._commands[rows] = commands * (moving < 5 / 6)[:, :, np.newaxis]
        lengths = _SHORTEST + (_LONGEST - _SHORTEST) * lasting
        self._command_ends[rows] = np.cumsum(lengths, axis=1)

    def _command(self) -> np.ndarray:
        """Return what is commanded now, [N, 2]."""
        past = np.count_nonzero(self._command_ends <= self._time, axis=1)
        return self._commands[self._rows, np.minimum(past, _COMMANDS - 1)]

    def before_step(self) -> None:
        """Remember what the step has to follow."""
        self._followed = self._command()

    def sense(self) -> None:
        """Hear the command."""
        self.sensed["goal"][...] = self._command()

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward following the command upright and with little force; end where fallen."""
        error = self._velocity[:, :2].copy()
        error[:, 0] -= self._followed[:, 0]
        level = self._upwards[:, 2]
        self._terms = {
            "reward_velocity": tolerance(np.hypot(error[:, 0], error[:, 1]), margin=0.5),
            "reward_turning": tolerance(self._rotation[:, 2] - self._followed[:, 1], margin=1.0),
            "reward_upright": tolerance(level, low=0.95, high=1.0, margin=0.5),
            "reward_effort": tolerance(
                np.sqrt(np.mean(np.square(self._force), axis=1)), high=5.0, margin=15.0
            ),
        }
        velocity, turning, upright, effort = self._terms.values()
        fallen = (self.qpos[:, 2] < _LOWEST_TORSO) | (level < _LEAST_UPRIGHT)
        return (
            velocity * turning * upright * effort,
            fallen if self._terminate_when_fallen else self.still_going,
        )

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the terms of the reward, how the body moved and what was commanded."""
        return {
            **{name: term.copy() for name, term in self._terms.items()},
            "forward_velocity": self._velocity[:, 0].copy(),
            "turning_rate": self._rotation[:, 2].copy(),
            "commanded_velocity": self._followed[:, 0].copy(),
            "commanded_turning_rate": self._followed[:, 1].copy(),
        }

    def memory(self) -> dict[str, np.ndarray]:
        """Return the commands of the episode and when each ends."""
        return {"commands": self._commands, "command_ends": self._command_ends}
