"""Returns under challenges of growing severity, beside those of the body that nothing befalls."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SHADES = {"easy": "#9ecae1", "medium": "#4292c6", "hard": "#084594"}
_SPREAD = 0.26  # of the bars of a challenge about its line


def draw_severities(
    returns: Mapping[tuple[str, str], Sequence[float]],
    unbroken: Sequence[float],
    *,
    title: str,
    path: Path,
) -> None:
    """Draw a bar per challenge and severity, darker the harder.

    Args:
        returns: Of episodes, by challenge and severity.
        unbroken: Of episodes in which nothing went wrong.
        title: Of the figure.
        path: The PNG file to write.
    """
    challenges = list(dict.fromkeys(challenge for challenge, _ in returns))
    figure = Figure((7.0, 1.4 + 0.42 * len(challenges)), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    middle, spread = np.mean(unbroken), np.std(unbroken)
    panel.axvline(float(middle), color="#333333", lw=1.2)
    panel.axvspan(float(middle - spread), float(middle + spread), color="#dddddd", zorder=0)
    offsets = np.linspace(-_SPREAD, _SPREAD, len(SHADES))
    for (severity, shade), offset in zip(SHADES.items(), offsets, strict=True):
        there = [name for name in challenges if (name, severity) in returns]
        panel.barh(
            [challenges.index(name) + offset for name in there],
            [float(np.mean(returns[name, severity])) for name in there],
            height=0.24,
            xerr=[float(np.std(returns[name, severity])) for name in there],
            color=shade,
            error_kw={"lw": 0.8, "ecolor": "#555555"},
            label=severity,
        )
    panel.set_yticks(range(len(challenges)), [name.replace("_", " ") for name in challenges])
    panel.invert_yaxis()
    panel.set_xlabel("return (mean ± standard deviation over episodes; line: nothing befalls it)")
    panel.set_title(title, loc="left", fontsize=10)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, loc="best")
    aside = path.with_name(f".{path.stem}.writing.png")
    figure.savefig(aside)
    aside.replace(path)
