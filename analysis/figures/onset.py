"""Reward per step around the onset of a challenge."""

from collections.abc import Sequence

import numpy as np

from agents.reward_traces import Trace
from analysis.adaptation import INSTANT, aligned
from analysis.figures.axes import Panel, extent_of
from analysis.figures.palette import Colours
from analysis.groups import Group
from analysis.runs import Floats
from analysis.statistics import interquartile_mean

BEFORE = 100
"""Most control steps that are shown before the onset."""
POINTS = 200


def onset_panel(groups: Sequence[Group], colours: Colours) -> str:
    """Return a panel of the reward around the onset; empty if no episode lived to see one.

    Args:
        groups: Runs in one body.
        colours: Of the brains.
    """
    lines = {group.label: line for group in groups if (line := mean_onset(group)) is not None}
    if not lines:
        return ""
    first = min(times[0] for times, _ in lines.values())
    last = max(times[-1] for times, _ in lines.values())
    heights = extent_of(*(values for _, values in lines.values()))
    panel = Panel(
        (first, last), heights, x_name="control steps after the onset", y_name="reward per step"
    )
    panel.mark(0.0, "onset")
    for label, (times, values) in lines.items():
        panel.line(times, values, colours[label])
        panel.name(values[-1], colours.short(label), colours[label], label)
    return panel.svg(f"{groups[0].env}: reward per step around the onset of {', '.join(lines)}")


def mean_onset(group: Group) -> tuple[Floats, Floats] | None:
    """Return steps after the onset and the interquartile mean over runs of the reward there.

    None where no episode lived to see one.
    """
    told = [
        line
        for run in group.whole
        if (line := _mean_reward(run.traces.get("deterministic", ()))) is not None
    ]
    if not told:
        return None
    before = min(onset for onset, _ in told)
    after = min(len(rewards) - onset for onset, rewards in told)
    rewards = np.stack([line[onset - before : onset + after] for onset, line in told], axis=-1)
    values = _smooth(interquartile_mean(rewards))
    times = np.arange(values.size, dtype=np.float64) - before + (INSTANT - 1) / 2
    shown = np.flatnonzero(times >= -BEFORE)
    kept = shown[:: max(1, shown.size // POINTS)]
    return times[kept], values[kept]


def _mean_reward(traces: Sequence[Trace]) -> tuple[int, Floats] | None:
    """Return the steps known before the onset, and the mean reward of all steps around it."""
    changed = [trace for trace in traces if trace.onset < len(trace.rewards)]
    if not changed:
        return None
    before, under, after = aligned(changed)
    rewards = np.concatenate([before, under, after])
    return (before.size, rewards) if rewards.size > INSTANT else None


def _smooth(values: Floats) -> Floats:
    """Return running means over as many steps as a sudden reward is averaged over."""
    return np.convolve(values, np.full(INSTANT, 1 / INSTANT), mode="valid").astype(np.float64)
