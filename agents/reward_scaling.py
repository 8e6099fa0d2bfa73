"""Rewards in units of the spread of their own discounted sum."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.errors import NonFiniteError

LARGEST_RETURN = 1e38
"""Discounted return beyond which its spread would not fit into the brain's single precision."""


class RewardScaler:
    """Divides rewards by the running standard deviation of the discounted return.

        R <- gamma R + r        r_scaled = clip(r / sqrt(var(R) + epsilon), -clip, clip)

    The sign and the zero of rewards stay what they are: only the unit changes.

    Args:
        num_envs: Rows.
        gamma: Discount per step.
        clip: Largest magnitude of a scaled reward.

    Source: implementation detail of PPO, Engstrom et al. 2020, arXiv:2005.12729.
    """

    def __init__(self, num_envs: int, *, gamma: float, clip: float = 10.0) -> None:
        self.gamma = gamma
        self.clip = clip
        self.running = np.zeros(num_envs)
        self.mean, self.variance, self.count = 0.0, 1.0, 1e-4

    def __call__(
        self, rewards: NDArray[np.floating[Any]], ended: NDArray[np.bool_]
    ) -> NDArray[np.floating[Any]]:
        """Update the statistics and return scaled rewards.

        Args:
            rewards: Rewards of one step, [B].
            ended: True where the step ended an episode, [B].

        Raises:
            NonFiniteError: A discounted return is not finite in single precision.
        """
        self.running = self.running * self.gamma + rewards
        if not np.abs(self.running).max() <= LARGEST_RETURN:
            self._refuse(rewards)
        self._update(self.running)
        self.running[ended] = 0.0
        return np.clip(rewards / self.deviation, -self.clip, self.clip)

    def _refuse(self, rewards: NDArray[np.floating[Any]]) -> None:
        row = int(np.flatnonzero(~(np.abs(self.running) <= LARGEST_RETURN))[0])
        raise NonFiniteError(
            f"the discounted return of row {row} became {self.running[row]:.3g} with a reward of "
            f"{rewards[row]:.3g}, too large to learn from: give rewards of another unit"
        )

    @property
    def deviation(self) -> float:
        """The unit of scaled rewards, in rewards."""
        return float(np.sqrt(self.variance + 1e-8))

    def _update(self, batch: NDArray[np.floating[Any]]) -> None:
        mean, variance, size = float(batch.mean()), float(batch.var()), len(batch)
        total = self.count + size
        shift = mean - self.mean
        spread = self.variance * self.count + variance * size
        spread += shift**2 * self.count * size / total
        self.mean += shift * size / total
        self.variance, self.count = spread / total, total

    def forget_episodes(self) -> None:
        """Begin every row's return anew, as where an episode begins."""
        self.running[:] = 0.0

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides the future."""
        return {"running": self.running.copy(), **self.learned_state()}

    def load_training_state(self, tree: dict[str, Any]) -> None:
        """Go on from `training_state`."""
        self.running = np.array(tree["running"])
        self.load_learned_state(tree)

    def learned_state(self) -> dict[str, Any]:
        """Return what is known of returns, which stays true in other rows."""
        return {"mean": self.mean, "variance": self.variance, "count": self.count}

    def load_learned_state(self, tree: dict[str, Any]) -> None:
        """Scale rewards as when `learned_state` or `training_state` was taken."""
        self.mean, self.variance = tree["mean"], tree["variance"]
        self.count = tree["count"]
