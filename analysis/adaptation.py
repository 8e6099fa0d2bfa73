"""How well a body gets over a change in the middle of its life.

All measures are of the reward per step around the onset, averaged over episodes that are aligned
there; single episodes are too noisy to say when a plateau is reached. With r(t) the mean reward t
steps after the onset, w = `window`, k = `instant`, and T the end of the change or of the trace:

    before        b = mean r(t), -w <= t < 0
    under it      q = mean r(t), 0 <= t < k         what is left at once
    plateau       p = mean r(t), T - w <= t < T     what is left in the end
    drop          b - q
    loss          b - p
    steps to 90 % the first n with mean r(t), n - k < t <= n, at least q + 0.9 (p - q), if p > q
    area lost     sum of b - r(t), 0 <= t < T       reward that the change has cost
    after-effect  b - mean r(t), E <= t < E + k, E the end of the change
                  what the adapted body still loses when the change is gone

T is that of the episode in which the change lasted shortest. Windows are cut where the trace is
shorter; what would need steps that are not there is nan. An episode that the task ends earns 0 from
then on, to the time limit: a body that has fallen goes on losing, also where all have fallen.

Source: the measures follow the conventions of motor adaptation, such as Shadmehr and Mussa-Ivaldi
    1994, doi:10.1523/JNEUROSCI.14-05-03208.1994.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.reward_traces import Trace

Floats = NDArray[np.float64]

WINDOW = 50
INSTANT = 10
RECOVERED = 0.9


class Adaptation(NamedTuple):
    """How a change went; rewards per step, nan where there is nothing to tell.

    Attributes:
        episodes: Episodes that lived to see the change.
        unchanged: Episodes that ended before it.
        before: Reward per step before the change.
        drop: What it costs per step at once.
        loss: What it costs per step in the end.
        steps_to_plateau: Steps until nine tenths of what is regained are; nan if nothing is.
        area_lost: Reward that the change has cost in all.
        after_effect: What is still lost per step just after the change is gone; nan if it stays.
    """

    episodes: int
    unchanged: int
    before: float
    drop: float
    loss: float
    steps_to_plateau: float
    area_lost: float
    after_effect: float


def adaptation(
    traces: Sequence[Trace], *, window: int = WINDOW, instant: int = INSTANT
) -> Adaptation:
    """Measure how a change went over several episodes.

    Args:
        traces: Rewards and onsets of the episodes.
        window: Steps over which a settled reward is averaged, w.
        instant: Steps over which a sudden one is, k.
    """
    if window < 1 or instant < 1:
        raise ValueError(f"window and instant must be at least 1, got {window} and {instant}")
    changed = [trace for trace in traces if trace.onset < len(trace.rewards)]
    if not changed:
        return Adaptation(0, len(traces), *[math.nan] * 6)
    before, under, after = aligned(changed)
    left, plateau = _mean(under[:instant]), _mean(under[-window:])
    base = _mean(before[-window:])
    return Adaptation(
        episodes=len(changed),
        unchanged=len(traces) - len(changed),
        before=base,
        drop=base - left,
        loss=base - plateau,
        steps_to_plateau=steps_to_plateau(under, left, plateau, instant),
        area_lost=float(np.sum(base - under)),
        after_effect=base - _mean(after[:instant]),
    )


def aligned(traces: Sequence[Trace]) -> tuple[Floats, Floats, Floats]:
    """Return the mean reward per step before, under and after the change, aligned at its steps.

    Each is as long as the shortest among the episodes, so that every mean has all of them.

    Args:
        traces: Episodes that lived to see the change.

    Returns:
        Before, ending at the onset; under the change, from the onset; after its end; [B], [U], [A].
    """
    length = max(max(len(trace.rewards), trace.time_limit or 0) for trace in traces)
    before, under, after = [], [], []
    for trace in traces:
        rewards = trace.rewards
        if trace.terminated:
            rewards = np.concatenate([rewards, np.zeros(length - len(rewards))])
        end = len(rewards) if trace.end is None else trace.end
        before.append(rewards[: trace.onset])
        under.append(rewards[trace.onset : end])
        after.append(rewards[end:])
    ends = [part[len(part) - min(map(len, before)) :] for part in before]
    starts = [[part[: min(map(len, parts))] for part in parts] for parts in (under, after)]
    return np.mean(ends, axis=0), np.mean(starts[0], axis=0), np.mean(starts[1], axis=0)


def steps_to_plateau(under: Floats, left: float, plateau: float, instant: int) -> float:
    """Return the steps until nine tenths of the way up to the plateau are made, or nan.

    Args:
        under: Reward per step from the onset on, [U].
        left: What is left at once.
        plateau: What is left in the end.
        instant: Steps of the running mean.
    """
    if not plateau > left or len(under) < instant:
        return math.nan
    sums = np.cumsum(np.concatenate([[0.0], under]))
    smooth = (sums[instant:] - sums[:-instant]) / instant
    reached = np.flatnonzero(smooth >= left + RECOVERED * (plateau - left))
    return float(reached[0] + instant - 1) if reached.size else math.nan


def as_line(measured: Adaptation) -> str:
    """Return the measures in words, for a terminal."""
    if not measured.episodes:
        return f"no episode lived to see the change ({measured.unchanged} ended before)"
    if math.isnan(measured.before):
        return "adaptation unknown: the change was there from the first step"
    told = [
        f"before {measured.before:.3g}/step",
        f"drop {measured.drop:.3g}",
        f"loss in the end {measured.loss:.3g}",
        "nothing regained"
        if math.isnan(measured.steps_to_plateau)
        else f"90 % of what is regained after {measured.steps_to_plateau:.0f} steps",
        f"area lost {measured.area_lost:,.0f}",
    ]
    if not math.isnan(measured.after_effect):
        told.append(f"after-effect {measured.after_effect:.3g}")
    if measured.unchanged:
        lived = measured.unchanged + measured.episodes
        told.append(f"{measured.unchanged} of {lived} episodes ended before the change")
    return ", ".join(told)


def _mean(rewards: Floats) -> float:
    return float(rewards.mean()) if rewards.size else math.nan
