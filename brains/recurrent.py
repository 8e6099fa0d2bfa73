"""The state convention: memory is an argument, batch first, nested by part."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn

from brains.energy import Operations, dense_operations

State = TypeVar("State", bound=tuple[Any, ...])
Tree = TypeVar("Tree")


class NoState(NamedTuple):
    """Memory of a part that has none."""


class Lasting(NamedTuple):
    """Memory that outlives an episode: `reset_where` leaves it as it is."""

    value: Tensor


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

    What is `Lasting` stays in all rows: it outlives episodes, by a part's own choice.

    Args:
        episode_start: True where a row's observation is the first of its episode, [B].
        initial: Memory at the start of an episode; leaves [B, ...].
        state: Memory carried so far; leaves [B, ...]. Left as it was.
    """
    fresh, kept = cast(Any, initial), cast(Any, state)
    if isinstance(kept, Lasting):
        return cast(Tree, kept)
    if isinstance(kept, Tensor):
        row = episode_start.reshape(-1, *[1] * (kept.ndim - 1))
        return cast(Tree, torch.where(row, fresh, kept))
    branches = [reset_where(episode_start, *pair) for pair in zip(fresh, kept, strict=True)]
    return cast(Tree, type(kept)(*branches) if hasattr(kept, "_fields") else tuple(branches))


class RecurrentModule(nn.Module, Generic[State], ABC):
    """A module called as `output, state = module(inputs, state)`.

    `forward` advances one step of `[B, ...]`; `unroll` runs a whole `[T, B, ...]` segment and may
    be faster, but gives the same numbers.
    """

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """Return the memory at the start of an episode; every leaf is [B, ...]."""

    @abstractmethod
    def forward(self, inputs: Any, state: State) -> tuple[Any, State]:
        """Advance one step.

        Args:
            inputs: What arrives in this step, a tensor or a tuple of them, [B, ...].
            state: Memory before the step; left as it was.

        Returns:
            The output, and the memory after the step.
        """

    def unroll(self, inputs: Any, episode_start: Tensor, state: State) -> tuple[Any, State]:
        """Advance over a segment, restarting memory wherever an episode begins.

        Args:
            inputs: The same for every step, [T, B, ...].
            episode_start: True where the input is the first of its episode, [T, B].
            state: Memory before the segment.

        Returns:
            The outputs, stacked to [T, B, ...], and the memory after the segment.
        """
        initial = self.initial_state(episode_start.shape[1])
        outputs: list[Any] = []
        # Asked once for all steps: most of them restart nobody.
        any_start = cast(list[bool], cast(Any, episode_start.any(dim=1)).tolist())
        for step, some in enumerate(any_start):
            before = reset_where(episode_start[step], initial, state) if some else state
            output, state = self(tree_map(lambda leaf, at=step: leaf[at], inputs), before)
            outputs.append(output)
        return tree_map(lambda *steps: torch.stack(steps), *outputs), state

    def activity(self, state: State) -> dict[str, Tensor]:
        """Return scalar measures of what the part is doing, by name; none by default."""
        del state
        return {}

    def operations(self, state: State) -> Operations:
        """Return what the part does per action; every matrix once by default."""
        del state
        return dense_operations(self)

    def signals(self, state: State) -> dict[str, Tensor]:
        """Return what can be watched in each row, [B] or [B, n] each, by name; none by default."""
        del state
        return {}
