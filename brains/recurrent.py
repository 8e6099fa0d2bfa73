"""The state convention: memory is an argument, batch first, nested by part."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn

State = TypeVar("State", bound=tuple[Any, ...])
Tree = TypeVar("Tree")


class NoState(NamedTuple):
    """Memory of a part that has none."""


def tree_map(function: Callable[..., Tensor], *trees: Tree) -> Tree:
    """Apply a function to the tensors that stand at the same place in equally nested tuples.

    Args:
        function: Receives one tensor of each tree and returns the tensor to put in their place.
        *trees: Tensors, or (named) tuples of trees, all of the same structure.

    Returns:
        A tree of the same structure and types.

    Raises:
        TypeError: If a leaf is neither a tensor nor a tuple.
    """
    first: Any = trees[0]
    if isinstance(first, Tensor):
        return cast(Tree, function(*trees))
    if not isinstance(first, tuple):
        raise TypeError(f"a state holds tensors and tuples only, got {type(first).__name__}")
    branches = zip(*cast(tuple[tuple[Any, ...], ...], trees), strict=True)
    mapped = [tree_map(function, *branch) for branch in branches]
    named = hasattr(cast(object, first), "_fields")
    kind = cast(Any, type(trees[0]))
    return cast(Tree, kind(*mapped) if named else tuple(mapped))


def tree_leaves(tree: object) -> list[Tensor]:
    """Return the tensors of a tree, in order."""
    if isinstance(tree, Tensor):
        return [tree]
    return [leaf for branch in cast(Iterable[object], tree) for leaf in tree_leaves(branch)]


def tree_like(template: Tree, leaves: Iterable[Tensor]) -> Tree:
    """Return the leaves, in `tree_leaves` order, in the structure of a template."""
    remaining = iter(leaves)

    def take(_: Tensor) -> Tensor:
        return next(remaining)

    return tree_map(take, template)


def detach(state: Tree) -> Tree:
    """Cut the gradient: the boundary of truncated backpropagation through time."""
    return tree_map(torch.Tensor.detach, state)


def reset_where(episode_start: Tensor, initial: Tree, state: Tree) -> Tree:
    """Restart the memory of the rows in which an episode begins, and only those.

    Args:
        episode_start: True where a row's observation is the first of its episode, [B].
        initial: Memory at the start of an episode; leaves [B, ...].
        state: Memory carried so far; leaves [B, ...]. Left as it was.
    """

    def pick(fresh: Tensor, kept: Tensor) -> Tensor:
        row = episode_start.reshape(-1, *[1] * (kept.ndim - 1))
        return torch.where(row, fresh, kept)

    return tree_map(pick, initial, state)


class RecurrentModule(nn.Module, Generic[State], ABC):
    """A module called as `output, state = module(inputs, state)`.

    `forward` advances one step of `[B, ...]`; `unroll` runs a whole `[T, B, ...]` segment and may
    be faster, but gives the same numbers.
    """

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """Return the memory at the start of an episode; every leaf is [B, ...]."""

    @abstractmethod
    def forward(self, inputs: Tensor, state: State) -> tuple[Any, State]:
        """Advance one step.

        Args:
            inputs: What arrives in this step, [B, inputs].
            state: Memory before the step; left as it was.

        Returns:
            The output, and the memory after the step.
        """

    def unroll(self, inputs: Tensor, episode_start: Tensor, state: State) -> tuple[Any, State]:
        """Advance over a segment, restarting memory wherever an episode begins.

        Args:
            inputs: [T, B, inputs].
            episode_start: True where the input is the first of its episode, [T, B].
            state: Memory before the segment.

        Returns:
            The outputs, stacked to [T, B, ...], and the memory after the segment.
        """
        initial = self.initial_state(inputs.shape[1])
        outputs: list[Any] = []
        # Asked once for all steps: most of them restart nobody.
        any_start = cast(list[bool], cast(Any, episode_start.any(dim=1)).tolist())
        for step_inputs, starts, some in zip(inputs, episode_start, any_start, strict=True):
            before = reset_where(starts, initial, state) if some else state
            output, state = self(step_inputs, before)
            outputs.append(output)
        return tree_map(lambda *steps: torch.stack(steps), *outputs), state

    def activity(self, state: State) -> dict[str, Tensor]:
        """Return scalar measures of what the part is doing, by name; none by default."""
        del state
        return {}

    def signals(self, state: State) -> dict[str, Tensor]:
        """Return what can be watched in the part after a step, [B] or [B, n] each, by name."""
        del state
        return {}
