"""What was lived through since the last update, cut into segments for replay."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents.losses import generalised_advantages
from brains import BrainOutput, Percept, tree_leaves, tree_map
from brains.ranges import require_at_least


class Minibatch(NamedTuple):
    """Segments of L steps for R rows; `state` is the brain's memory where they begin."""

    percepts: Percept
    actions: Tensor
    log_probs: Tensor
    advantages: Tensor
    returns: Tensor
    episode_start: Tensor
    state: Any


class Rollout:
    """Stores T steps of B rows, and the brain's state wherever a segment begins.

    States were computed by the policy as it was during the rollout. After the first gradient step
    of an update they are stale; segments are short and the divergence per update is bounded, so
    the first steps of a segment re-live nearly the same memory. On a fresh rollout the replay is
    exact.

    Args:
        n_steps: Steps per update, T.
        num_envs: Rows, B.
        segment_length: Steps over which gradients flow, L; divides T.
        action_size: Numbers of an action as the learner stores it.
        device: Where tensors live.

    Raises:
        ValueError: If segments are empty or do not divide the rollout.
    """

    def __init__(
        self,
        n_steps: int,
        num_envs: int,
        segment_length: int,
        *,
        action_size: int,
        device: torch.device,
    ) -> None:
        require_at_least(1, n_steps=n_steps, segment_length=segment_length)
        if n_steps % segment_length:
            raise ValueError(
                f"n_steps must be a multiple of segment_length, got {n_steps} and {segment_length}"
            )
        self.n_steps, self.num_envs, self.segment_length = n_steps, num_envs, segment_length

        def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros((n_steps, num_envs, *shape), dtype=dtype, device=device)

        self._percepts: Percept | None = None  # its sizes are those of the first one
        self.actions = empty(action_size)
        self.log_probs, self.values, self.rewards = empty(), empty(), empty()
        self.episode_start = empty(dtype=torch.bool)
        self.advantages, self.returns = empty(), empty()
        self.states: list[Any] = []
        self.filled = 0
        self._cut: Minibatch | None = None

    @property
    def percepts(self) -> Percept:
        """What arrived in each step, [T, B, ...]."""
        if self._percepts is None:
            raise ValueError("nothing was lived through yet")
        return self._percepts

    def clear(self) -> None:
        """Begin a new rollout."""
        self.filled = 0
        self.states = []
        self._cut = None

    def add(
        self,
        state: Any,
        percept: Percept,
        episode_start: Tensor,
        output: BrainOutput,
        action: Tensor,
        log_prob: Tensor,
    ) -> None:
        """Store one step, all [B, ...]; `state` is the memory before it, already restarted."""
        step = self.filled
        if step % self.segment_length == 0:
            self.states.append(state)
        if self._percepts is None:
            steps = self.n_steps
            self._percepts = tree_map(lambda leaf: leaf.new_zeros((steps, *leaf.shape)), percept)
        for stored, leaf in zip(tree_leaves(self._percepts), tree_leaves(percept), strict=True):
            stored[step] = leaf
        self.episode_start[step] = episode_start
        self.values[step] = output.value
        self.actions[step] = action
        self.log_probs[step] = log_prob

    def add_reward(self, reward: Tensor) -> None:
        """Store the reward that followed the step, [B], and go on to the next."""
        self.rewards[self.filled] = reward
        self.filled += 1

    def finish(
        self, last_value: Tensor, last_start: Tensor, *, gamma: float, gae_lambda: float
    ) -> None:
        """Compute advantages and returns once the rollout is full."""
        self.advantages = generalised_advantages(
            self.rewards,
            self.values,
            self.episode_start,
            last_value,
            last_start,
            gamma=gamma,
            gae_lambda=gae_lambda,
        )
        self.returns = self.advantages + self.values

    def minibatches(self, count: int, generator: torch.Generator) -> Iterator[Minibatch]:
        """Yield the segments once, shuffled, in `count` parts.

        Raises:
            ValueError: If there are fewer segments than parts.
        """
        if self._cut is None:  # once for all passes of an update
            self._cut = self._segments()
        segments = self._cut
        self.require_divisible(count)
        number = segments.actions.shape[1]
        order = torch.randperm(number, generator=generator).to(self.actions.device)
        for rows in order.tensor_split(count):
            steps = tree_map(lambda values, rows=rows: _take(values, 1, rows), segments[:-1])
            state = tree_map(lambda leaf, rows=rows: _take(leaf, 0, rows), segments.state)
            yield Minibatch(*steps, state=state)

    def require_divisible(self, count: int) -> None:
        """Raise a ValueError if there are fewer segments than minibatches."""
        number = self.num_envs * self.n_steps // self.segment_length
        if number < count:
            raise ValueError(
                f"{count} minibatches need as many segments, but num_envs * n_steps / "
                f"segment_length is {number}: raise num_envs or n_steps, or lower n_minibatches"
            )

    def _segments(self) -> Minibatch:
        def cut(values: Tensor) -> Tensor:
            """[T, B, ...] -> [L, T / L * B, ...]."""
            pieces = values.unflatten(0, (-1, self.segment_length))
            return pieces.transpose(0, 1).flatten(1, 2)

        return Minibatch(
            percepts=tree_map(cut, self.percepts),
            actions=cut(self.actions),
            log_probs=cut(self.log_probs),
            advantages=cut(self.advantages),
            returns=cut(self.returns),
            episode_start=cut(self.episode_start),
            state=tree_map(lambda *pieces: torch.cat(pieces), *self.states),
        )


def _take(values: Tensor, dimension: int, rows: Tensor) -> Tensor:
    """Pick rows; of what is empty, which most parts of a small brain are, there is no need to."""
    if values.numel() == 0:
        return values.narrow(dimension, 0, len(rows))
    return values.index_select(dimension, rows)
