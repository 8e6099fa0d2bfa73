"""Performance profiles: how many runs score above each threshold."""

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.figures.axes import Panel
from analysis.figures.palette import Colours
from analysis.runs import Floats
from analysis.statistics import performance_profile

POINTS = 101


def profile_panel(scores: Mapping[str, Sequence[Floats]], colours: Colours) -> str:
    """Return a panel with the performance profile of each brain.

    Args:
        scores: Normalised scores of runs by brain, one array per task.
        colours: Of the brains.
    """
    pooled = np.concatenate([task for tasks in scores.values() for task in tasks])
    low, high = min(0.0, float(pooled.min())), max(1.0, float(pooled.max()))
    thresholds = np.linspace(low, high + 0.02 * (high - low), POINTS)
    panel = Panel(
        (thresholds[0], thresholds[-1]),
        (0.0, 1.0),
        x_name="normalised score \u03c4 (0 random, 1 reference)",
        y_name="share of runs with a score above \u03c4",
    )
    bands = {label: performance_profile(tasks, thresholds) for label, tasks in scores.items()}
    for label, band in bands.items():
        panel.band(thresholds, band.low, band.high, colours[label])
    for label, band in bands.items():
        panel.line(thresholds, band.value, colours[label])
        # A name stands where its brain has half of its runs: at the right all are at 0.
        halves = thresholds[band.value >= 0.5]
        crossing = float(halves[-1]) if halves.size else low
        panel.name((crossing - low) / (high - low), colours.short(label), colours[label], label)
    return panel.svg(f"performance profiles of {', '.join(scores)}")
