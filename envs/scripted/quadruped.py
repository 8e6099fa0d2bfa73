"""A controller for Quadruped-v0: trot in the rhythm of a clock, with strides as commanded."""

import numpy as np

Observation = dict[str, np.ndarray]

_CONTROL_PERIOD = 0.02  # s
_STEPS_PER_SECOND = 2.5  # of each leg
# Of front left, front right, back left and back right leg: those across the body step together.
_PHASE = np.array([0.0, 0.5, 0.5, 0.0])
_SIDE = np.array([1.0, -1.0, 1.0, -1.0])  # 1 left, -1 right
_SIDE_SPEED = 0.44  # that legs lose on the inner side per rate of turning, and win on the other, m
_LEG_LENGTH = 0.306  # m
_LIFT = 0.4  # of the knee in mid swing, rad
_LONGEST_STRIDE = 0.5  # of the hip to either side, rad
_SERVO = 0.6  # rad per unit of action


def controller(num_envs: int) -> "QuadrupedController":
    """Return a controller at the start of an episode in every row."""
    return QuadrupedController(num_envs)


class QuadrupedController:
    """Trots as fast as commanded, the sides as unlike as the turn asks; stands where told to.

    Args:
        num_envs: Rows that it controls, N.
    """

    def __init__(self, num_envs: int) -> None:
        self._step = np.zeros(num_envs, np.int64)

    def __call__(self, observation: Observation) -> np.ndarray:
        """Return an action per row, [N, 8]."""
        command, sensed = observation["goal"], observation["vestibular"]
        forwards = command[:, 0] + 0.3 * (command[:, 0] - sensed[:, 3])
        turning = command[:, 1] + 0.2 * (command[:, 1] - sensed[:, 2])
        speed = forwards[:, np.newaxis] - _SIDE_SPEED * _SIDE * turning[:, np.newaxis]
        clock = _STEPS_PER_SECOND * _CONTROL_PERIOD * self._step
        phase = 2 * np.pi * (clock[:, np.newaxis] + _PHASE)
        self._step += 1
        stride = speed / (4 * _STEPS_PER_SECOND * _LEG_LENGTH)
        hip = np.clip(stride, -_LONGEST_STRIDE, _LONGEST_STRIDE) * np.cos(phase)
        bend = _LIFT * np.maximum(np.sin(phase), 0)
        angles = np.stack([hip + bend / 2, -bend], axis=2)
        moving = np.abs(command).sum(axis=1) > 0
        angles *= moving[:, np.newaxis, np.newaxis]
        return np.clip(angles.reshape(-1, 8) / _SERVO, -1, 1).astype(np.float32)
