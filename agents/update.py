"""One gradient step on a minibatch: of the policy, and of parts that have a loss of their own."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from agents.adam import LimitedAdam
from agents.errors import NonFiniteError
from agents.losses import approximate_kl, clipped_surrogate
from agents.policy import BrainPolicy
from agents.rollout import Minibatch

SMALLEST_DEVIATION = 1e-8  # added to that of the advantages, by which they are divided


class Objective(NamedTuple):
    """What a step on the policy goes by.

    Attributes:
        clip_range: How far the probability ratio may move before its gradient stops.
        value_weight: Of the value loss.
        entropy_weight: Of the entropy bonus.
        max_grad_norm: Gradients are scaled down to at most this norm.
    """

    clip_range: float
    value_weight: float
    entropy_weight: float
    max_grad_norm: float


def policy_step(policy: BrainPolicy, batch: Minibatch, objective: Objective) -> dict[str, float]:
    """Take one step on a minibatch that is replayed; return what was measured before it, by name.

    Raises:
        NonFiniteError: A loss or the gradient is not finite; nothing was changed.
    """
    output, _ = policy.brain.unroll(batch.percepts, batch.episode_start, batch.state)
    log_ratio = policy.distribution.log_prob(output, batch.actions) - batch.log_probs
    advantages = batch.advantages
    if advantages.numel() > 1:  # a single one has no spread
        advantages = (advantages - advantages.mean()) / (advantages.std() + SMALLEST_DEVIATION)
    policy_loss = clipped_surrogate(log_ratio, advantages, objective.clip_range)
    value_loss = torch.nn.functional.mse_loss(output.value, batch.returns)
    entropy = policy.distribution.entropy(output).mean()
    loss = policy_loss + objective.value_weight * value_loss - objective.entropy_weight * entropy
    measured = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}
    found = _descend(policy.optimizer, loss, measured, objective.max_grad_norm)
    with torch.no_grad():
        kl = approximate_kl(log_ratio)
        clipped = (log_ratio.exp() - 1.0).abs() > objective.clip_range
        moved = torch.stack((kl, clipped.float().mean())).tolist()
    return {**found, "kl": moved[0], "clip_fraction": moved[1]}


def self_taught_step(
    policy: BrainPolicy, optimizer: LimitedAdam, batch: Minibatch, max_grad_norm: float
) -> dict[str, float]:
    """Take one step on the losses that parts have of their own; return what was measured.

    Raises:
        NonFiniteError: As in `policy_step`.
    """
    losses = policy.brain.own_losses(batch.percepts, batch.episode_start, batch.state)
    found = _descend(optimizer, torch.stack(list(losses.values())).sum(), losses, max_grad_norm)
    found["own_gradient_norm"] = found.pop("gradient_norm")
    return found


def _descend(
    optimizer: LimitedAdam, loss: Tensor, measured: dict[str, Tensor], limit: float
) -> dict[str, float]:
    """Take one step down a loss; return what was measured and the gradient's norm.

    The norm is that before it was limited.
    """
    optimizer.forget_gradients()
    loss.backward()
    norm = optimizer.gradient_norm()
    values = torch.stack([*(value.detach() for value in measured.values()), norm]).tolist()
    found = dict(zip((*measured, "gradient_norm"), values, strict=True))
    for name, value in found.items():
        if not math.isfinite(value):
            raise NonFiniteError(f"{name.replace('_', ' ')} became {value}")
    optimizer.limited_step(found["gradient_norm"], limit)
    return found
