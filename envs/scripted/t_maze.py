"""A controller for TMaze-v0: drive down the corridor, turn to the side where the light was."""

import numpy as np

Observation = dict[str, np.ndarray]

_CONTROL_PERIOD = 0.05  # s
_WALL_AHEAD = 0.25  # at the crossing, m
_WALL_BESIDE = 0.4  # as long as the robot is between walls, m
_LEFT, _AHEAD, _RIGHT = 0, 3, 6  # rays of vision
_LIGHT_LEFT, _LIGHT_RIGHT = 7, 8


def controller(num_envs: int) -> "TMazeController":
    """Return a controller at the start of an episode in every row."""
    return TMazeController(num_envs)


class TMazeController:
    """Keeps the middle between the walls, and its heading by adding up how it was turned.

    Args:
        num_envs: Rows that it controls, N.

    Attributes:
        side: To which it will turn, 1 left and -1 right, [N]; 0 until it has seen the light.
    """

    def __init__(self, num_envs: int) -> None:
        self.side = np.zeros(num_envs)
        self._heading = np.zeros(num_envs)  # rad to the left of the corridor
        self._at_the_crossing = np.zeros(num_envs, bool)

    def __call__(self, observation: Observation) -> np.ndarray:
        """Return an action per row, [N, 2]."""
        vision = observation["vision"]
        self._heading += _CONTROL_PERIOD * observation["vestibular"][:, 2]
        self.side += (vision[:, _LIGHT_LEFT] - vision[:, _LIGHT_RIGHT]) * (self.side == 0)
        self._at_the_crossing |= vision[:, _AHEAD] < _WALL_AHEAD
        error = np.where(self._at_the_crossing, self.side * np.pi / 2, 0) - self._heading
        left, right = vision[:, _LEFT], vision[:, _RIGHT]
        between_walls = (left < _WALL_BESIDE) & (right < _WALL_BESIDE)
        error += np.where(between_walls, left - right, 0)
        forwards = np.clip(1 - 1.5 * np.abs(error), 0, 1)
        wheels = np.stack([forwards - error, forwards + error], axis=1)
        return np.clip(wheels, -1, 1).astype(np.float32)
