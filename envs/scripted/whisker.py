"""A controller for Whisker-v0: press the whiskers forward, count how many bend on each side."""

import numpy as np

Observation = dict[str, np.ndarray]

_BENT = 0.06  # of a whisker that touches something, rad
_SURE = 4.0  # whiskers more on one side than on the other, summed over steps: time to retreat


def controller(num_envs: int) -> "WhiskerController":
    """Return a controller at the start of an episode in every row."""
    return WhiskerController(num_envs)


class WhiskerController:
    """Advances until one side has bent more whiskers than the other: there stands the block.

    Args:
        num_envs: Rows that it controls, N.
    """

    def __init__(self, num_envs: int) -> None:
        self._evidence = np.zeros(num_envs)  # for the post to stand on the left
        self._step = 0

    def __call__(self, observation: Observation) -> np.ndarray:
        """Return an action per row, [N, 5]."""
        bent = np.abs(observation["touch"].reshape(-1, 2, 3))
        touched = np.minimum(bent / _BENT, 1).sum(axis=-1)
        self._evidence += touched[:, 1] - touched[:, 0]
        self._step += 1
        action = np.zeros((len(bent), 5))
        sure = np.abs(self._evidence) > _SURE
        action[:, 0] = np.where(sure, -1.0, np.clip(-1.2 + 0.04 * self._step, -1, 0))
        action[:, 4] = np.clip(self._evidence, -1, 1)
        return action
