"""What a predictive world model remembers, expects, sees and imagines."""

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from brains.recurrent import tree_map
from brains.senses import Layout


class Belief(NamedTuple):
    """What a world model remembers.

    Attributes:
        hidden: State of the world as the model codes it, h, [B, H].
        mean: Believed senses, b, in units of the normalised senses, [B, P].
        deviation: How far the belief may be off, d, in the same units, [B, P].
        begun: 0 before the first step of an episode, when nothing can be expected, then 1, [B, 1].
        errors: Root mean square of the last ε of each modality's reporting sensors, [B, M].
    """

    hidden: Tensor
    mean: Tensor
    deviation: Tensor
    begun: Tensor
    errors: Tensor


class Expectation(NamedTuple):
    """What is expected of a step before it is sensed.

    Attributes:
        mean: Predicted senses, x̂, [..., P].
        deviation: Predicted standard deviation, σ̂, [..., P].
        hidden: Expected hidden state, h̄, [..., H].
    """

    mean: Tensor
    deviation: Tensor
    hidden: Tensor


class Sensed(NamedTuple):
    """What the model sees of the senses.

    Attributes:
        body: The body's normalised senses, x, [..., P].
        alive: 1 where a sensor reports, 0 where it is known not to, μ, [..., P].
        action: Efference copy of the last action, a, [..., A].
    """

    body: Tensor
    alive: Tensor
    action: Tensor


class Imagined(NamedTuple):
    """Steps that were not lived, k of them.

    Attributes:
        mean: Expected senses, [k, B, P].
        deviation: Their standard deviation as it is predicted from now, [k, B, P].
        reward: Expected reward, in units of the normalised sense of reward, [k, B].
        context: Hidden states, [k, B, H].
    """

    mean: Tensor
    deviation: Tensor
    reward: Tensor
    context: Tensor


Steps = TypeVar("Steps", bound=tuple[Tensor, ...])


def stacked(steps: list[Steps]) -> Steps:
    """Return tuples of tensors [B, ...], one per step, as one of tensors [T, B, ...]."""
    return tree_map(lambda *leaves: torch.stack(leaves), *steps)


def modalities_of(layout: Layout) -> tuple[list[str], Tensor]:
    """Return the names of what the body senses, and which sensor belongs to which, [P, M]."""
    names = [n for n, at in layout.columns.items() if bool(_within(layout.body, at).any())]
    members = [_within(layout.body, layout.columns[name]) for name in names]
    return names, torch.stack(members, dim=-1).float()


def _within(indices: Tensor, at: slice) -> Tensor:
    return (indices >= at.start) & (indices < at.stop)


def partly_blind(body: Tensor) -> Tensor:
    """Return which sensors are looked at, the same in every step of a row, like [k, R, P].

    Every second row looks at nothing; the others lack a share of their sensors, always other ones.
    A low-discrepancy sequence instead of chance: nothing random has to be kept for a resume.
    """
    rows, sensors = body.shape[1:]
    spread = torch.arange(rows * sensors, dtype=body.dtype, device=body.device) * 0.6180339887
    lacking = torch.arange(rows, dtype=body.dtype, device=body.device) * 0.4142135624 % 1.0
    lacking[::2] = 1.0
    seen = (spread % 1.0).view(rows, sensors) >= lacking.unsqueeze(-1)
    return seen.to(body.dtype).expand_as(body)
