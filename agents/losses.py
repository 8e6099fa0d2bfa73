"""The losses and targets of proximal policy optimisation, as pure functions."""

import torch
from torch import Tensor


def generalised_advantages(
    rewards: Tensor,
    values: Tensor,
    episode_start: Tensor,
    last_value: Tensor,
    last_start: Tensor,
    *,
    gamma: float,
    gae_lambda: float,
) -> Tensor:
    """Return generalised advantage estimates.

        delta_t = r_t + gamma V_{t+1} - V_t          A_t = delta_t + gamma lambda A_{t+1}

    Neither sum crosses an episode's end.

    Args:
        rewards: Reward that followed each step, [T, B].
        values: Value at each step, [T, B].
        episode_start: True where a step is the first of its episode, [T, B].
        last_value: Value of the observation after the segment, [B].
        last_start: True where that observation begins an episode, [B].
        gamma: Discount per step.
        gae_lambda: Weight of long against short estimates.

    Returns:
        Advantages, [T, B].

    Source: Schulman et al. 2016, arXiv:1506.02438.
    """
    advantages = torch.empty_like(rewards)
    running = torch.zeros_like(last_value)
    next_value, next_start = last_value, last_start
    for step in reversed(range(len(rewards))):
        goes_on = (~next_start).to(rewards.dtype)
        delta = rewards[step] + gamma * next_value * goes_on - values[step]
        running = delta + gamma * gae_lambda * goes_on * running
        advantages[step] = running
        next_value, next_start = values[step], episode_start[step]
    return advantages


def clipped_surrogate(log_ratio: Tensor, advantages: Tensor, clip_range: float) -> Tensor:
    """Return the clipped policy loss, a scalar.

        L = -mean(min(rho A, clip(rho, 1 - c, 1 + c) A))     rho = exp(log_ratio)

    Source: Schulman et al. 2017, arXiv:1707.06347.
    """
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1.0 - clip_range, 1.0 + clip_range)
    return -torch.minimum(ratio * advantages, clipped * advantages).mean()


def approximate_kl(log_ratio: Tensor) -> Tensor:
    """Return a low-variance, non-negative estimate of KL(old, new), a scalar.

    Source: the estimator called k3 in Schulman 2020, http://joschu.net/blog/kl-approx.html.
    """
    return (log_ratio.exp() - 1.0 - log_ratio).mean()


def explained_variance(values: Tensor, returns: Tensor) -> float | None:
    """Return the share of the returns' variance that the values explain; at most 1.

    None where all returns are the same: there is nothing to explain.
    """
    variance = returns.var(correction=0)
    if variance == 0:
        return None
    return float(1.0 - (returns - values).var(correction=0) / variance)
