"""Several runs beside each other: a table with honest intervals, and learning curves.

Everything comes from run folders, offline. A run's score is the mean return of its evaluated
episodes; a cell is the interquartile mean of the scores of its seeds, with a bootstrap interval
over the seeds.
"""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from agents.run_folder import write_whole
from analysis.curves import draw_curves
from analysis.runs import KINDS, Group, group_runs, read_runs
from analysis.statistics import Estimate, stratified_bootstrap

UNKNOWN = Estimate(math.nan, math.nan, math.nan)
COLUMNS = ("environment", "brain", "seeds", "steps", *KINDS, "steps/s")


class Row(NamedTuple):
    """One brain in one body.

    Attributes:
        env: The body.
        label: The brain.
        seeds: Number of runs that were evaluated, and of all.
        env_steps: Steps of the shortest and of the longest run.
        returns: Interquartile mean and interval over seeds, by kind; nan where unknown.
        steps_per_second: Of the training, median over runs.
    """

    env: str
    label: str
    seeds: tuple[int, int]
    env_steps: tuple[int, int]
    returns: dict[str, Estimate]
    steps_per_second: float


class Comparison(NamedTuple):
    """Runs beside each other.

    Attributes:
        groups: The runs.
        rows: The table.
        notes: A line about everything that is not as it should be.
    """

    groups: list[Group]
    rows: list[Row]
    notes: list[str]


def compare(folders: Iterable[Path]) -> Comparison:
    """Compare runs.

    Args:
        folders: Run folders, in any state.
    """
    runs, notes = read_runs(folders)
    groups, absent = group_runs(runs)
    return Comparison(groups, tabulate(groups), [*notes, *absent])


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Write comparison.md, comparison.csv and curves.png.

    Args:
        comparison: What was compared.
        folder: Where to.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table, numbers, curves = (
        folder / name for name in ("comparison.md", "comparison.csv", "curves.png")
    )
    write_whole(table, as_markdown(comparison))
    write_whole(numbers, as_csv(comparison.rows))
    draw_curves(comparison.groups, curves)
    return [table, numbers, curves]


def tabulate(groups: Sequence[Group]) -> list[Row]:
    """Return a row per group, in the groups' order."""
    return [_row(group) for group in groups]


def _row(group: Group) -> Row:
    returns: dict[str, Estimate] = {}
    for kind in KINDS:
        scores = group.scores(kind)
        returns[kind] = stratified_bootstrap([scores]) if scores.size else UNKNOWN
    steps = [run.env_steps for run in group.runs]
    rates = sorted(run.steps_per_second for run in group.runs if run.steps_per_second > 0)
    evaluated = sum(bool(run.episodes) for run in group.runs)
    return Row(
        env=group.env,
        label=group.label,
        seeds=(evaluated, len(group.runs)),
        env_steps=(min(steps), max(steps)),
        returns=returns,
        steps_per_second=rates[len(rates) // 2] if rates else math.nan,
    )


def as_text(comparison: Comparison) -> str:
    """Return the table for a terminal, and the notes under it."""
    cells = [COLUMNS, *(_cells(row) for row in comparison.rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    lines = [
        "  ".join(
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join([*lines, "", _legend(), *(f"note: {note}" for note in comparison.notes)])


def as_markdown(comparison: Comparison) -> str:
    """Return the table in Markdown, and the notes under it."""
    lines = [
        _markdown_line(COLUMNS),
        "|---|---|" + "---:|" * (len(COLUMNS) - 2),
        *(_markdown_line(_cells(row)) for row in comparison.rows),
        "",
        _legend(),
    ]
    notes = [f"- {note}" for note in comparison.notes]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """Return the table as CSV, at full precision; unknown numbers are blank."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    measures = [f"{kind}_{part}" for kind in KINDS for part in ("iqm", "low", "high")]
    fixed = ("environment", "brain", "seeds_evaluated", "seeds", "steps_least", "steps_most")
    writer.writerow([*fixed, *measures, "steps_per_second"])
    for row in rows:
        numbers = [number for kind in KINDS for number in row.returns[kind]]
        known = [
            "" if math.isnan(number) else number for number in (*numbers, row.steps_per_second)
        ]
        writer.writerow([row.env, row.label, *row.seeds, *row.env_steps, *known])
    return text.getvalue()


def _cells(row: Row) -> tuple[str, ...]:
    evaluated, seeds = row.seeds
    least, most = row.env_steps
    return (
        row.env,
        row.label,
        str(seeds) if evaluated == seeds else f"{evaluated} of {seeds}",
        _steps(most) if least == most else f"{_steps(least)} to {_steps(most)}",
        *(_estimate(row.returns[kind]) for kind in KINDS),
        "" if math.isnan(row.steps_per_second) else f"{row.steps_per_second:,.0f}",
    )


def _estimate(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "not evaluated"
    digits = 0 if abs(estimate.value) >= 100 else 1 if abs(estimate.value) >= 10 else 2
    value, low, high = (f"{number:,.{digits}f}" for number in estimate)
    return value if math.isnan(estimate.low) else f"{value} [{low}, {high}]"


def _steps(steps: int) -> str:
    if steps >= 1_000_000:
        return f"{steps / 1e6:.3g}M"
    return f"{steps / 1e3:.3g}k" if steps >= 1000 else str(steps)


def _legend() -> str:
    return (
        "Returns: interquartile mean over seeds of a run's mean episode return, "
        "with its 95% bootstrap interval (none for a single seed)."
    )


def _markdown_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
