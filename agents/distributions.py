"""From what a brain says to an action, and back to its probability."""

import math
from typing import Any, Protocol

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from brains import BrainOutput

HALF_LOG_TAU = 0.5 * math.log(2.0 * math.pi)


class ActionDistribution(Protocol):
    """How actions of one kind of space are drawn; all tensors are [..., A] or [...]."""

    def sample(self, output: BrainOutput, generator: torch.Generator) -> Tensor:
        """Draw an action in the brain's units."""
        ...

    def mode(self, output: BrainOutput) -> Tensor:
        """Return the most probable action in the brain's units."""
        ...

    def log_prob(self, output: BrainOutput, action: Tensor) -> Tensor:
        """Return the log probability (density) of an action, [...]."""
        ...

    def entropy(self, output: BrainOutput) -> Tensor:
        """Return the entropy in nats, [...]."""
        ...

    def to_body(self, action: Tensor) -> NDArray[np.generic]:
        """Return the action in the body's units, within its bounds."""
        ...


class DiagonalGaussian:
    """Independent Gaussians around the action; the brain's [-1, 1] spans the body's bounds.

    Args:
        space: Continuous action space; unbounded directions are passed on as they are.
    """

    def __init__(self, space: spaces.Box) -> None:
        bounded = np.isfinite(space.low) & np.isfinite(space.high)
        self.low, self.high = space.low, space.high
        low, high = np.where(bounded, space.low, -1.0), np.where(bounded, space.high, 1.0)
        self.centre = ((high + low) / 2).astype(np.float32)
        self.half_range = ((high - low) / 2).astype(np.float32)

    def sample(self, output: BrainOutput, generator: torch.Generator) -> Tensor:
        """Draw mean + std * noise, [..., A]."""
        noise = torch.randn(output.action.shape, generator=generator)  # the same on any device
        return output.action + output.log_std.exp() * noise.to(output.action.device)

    def mode(self, output: BrainOutput) -> Tensor:
        """Return the mean, [..., A]."""
        return output.action

    def log_prob(self, output: BrainOutput, action: Tensor) -> Tensor:
        """Return the log density, [...]."""
        standardised = (action - output.action) * (-output.log_std).exp()
        return (-0.5 * standardised.square() - output.log_std - HALF_LOG_TAU).sum(-1)

    def entropy(self, output: BrainOutput) -> Tensor:
        """Return the differential entropy in nats, [...]."""
        each = output.log_std + 0.5 + HALF_LOG_TAU
        return each.sum(-1).expand(output.action.shape[:-1])

    def to_body(self, action: Tensor) -> NDArray[np.generic]:
        """Stretch to the body's bounds and clip there, [..., A] float32."""
        stretched = self.centre + self.half_range * action.cpu().numpy()
        return np.clip(stretched, self.low, self.high)


class Categorical:
    """One of several actions, by softmax over logits; actions are [..., 1] inside the learner.

    Args:
        space: Discrete action space.
    """

    def __init__(self, space: spaces.Discrete) -> None:
        self.start = int(space.start)

    def sample(self, output: BrainOutput, generator: torch.Generator) -> Tensor:
        """Draw an index, [..., 1]."""
        probabilities = output.action.softmax(-1).cpu()
        drawn = torch.multinomial(probabilities, 1, generator=generator)
        return drawn.float().to(output.action.device)

    def mode(self, output: BrainOutput) -> Tensor:
        """Return the index of the largest logit, [..., 1]."""
        return output.action.argmax(-1, keepdim=True).float()

    def log_prob(self, output: BrainOutput, action: Tensor) -> Tensor:
        """Return the log probability, [...]."""
        return output.action.log_softmax(-1).gather(-1, action.long()).squeeze(-1)

    def entropy(self, output: BrainOutput) -> Tensor:
        """Return the entropy in nats, [...]."""
        log_probs = output.action.log_softmax(-1)
        return -(log_probs.exp() * log_probs).sum(-1)

    def to_body(self, action: Tensor) -> NDArray[np.generic]:
        """Return the index as the space counts it, [...] int64."""
        return action.squeeze(-1).long().cpu().numpy() + self.start


def distribution_of(space: spaces.Space[Any]) -> ActionDistribution:
    """Return how actions of a space are drawn.

    Raises:
        ValueError: If the space is neither Box nor Discrete.
    """
    if isinstance(space, spaces.Box):
        return DiagonalGaussian(space)
    if isinstance(space, spaces.Discrete):
        return Categorical(space)
    raise ValueError(f"actions must be Box or Discrete, got {space}")
