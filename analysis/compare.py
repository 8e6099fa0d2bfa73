"""Several runs beside each other: tables with honest intervals, learning curves, a page.

Everything comes from run folders, offline. A run's score is the mean return of its evaluated
episodes; a cell is the interquartile mean of the scores of its seeds, with a bootstrap interval
over the seeds.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from agents.evaluation import KINDS
from agents.run_folder import write_whole
from analysis import tables
from analysis.ablation import reference_of
from analysis.aggregates import FINAL, anchors_in
from analysis.curves import draw_curves
from analysis.groups import WHOLE, Group, group_runs
from analysis.measures import RECOVERY, is_cost
from analysis.normalisation import Anchors
from analysis.runs import Run, read_runs
from analysis.statistics import Estimate, stratified_bootstrap
from analysis.tables import Cell, Table, estimate_cell, steps_text, word

UNKNOWN = Estimate(math.nan, math.nan, math.nan)
NORMALISED = "normalised"


class Row(NamedTuple):
    """One brain in one body.

    Attributes:
        env: The body.
        label: The brain.
        seeds: Number of runs that count in the deterministic returns, and of all.
        env_steps: Steps of the shortest and of the longest run.
        returns: Interquartile mean and interval over seeds, by kind; nan where unknown.
        steps_per_second: Of the training, median over runs.
        hours: Length of the training, median over the runs that count; nan where unknown.
        normalised: Deterministic return as a share of the way from random to reference; nan where
            an anchor is missing.
        measures: Costs and adaptation that some run tells, by name, as `returns`.
    """

    env: str
    label: str
    seeds: tuple[int, int]
    env_steps: tuple[int, int]
    returns: dict[str, Estimate]
    steps_per_second: float
    hours: float
    normalised: Estimate
    measures: dict[str, Estimate]


class Comparison(NamedTuple):
    """Runs beside each other.

    Attributes:
        groups: The runs.
        rows: The table, a row per group.
        notes: A line about everything that is not as it should be.
        anchors: Of the bodies that have both, by `Group.env`.
        reference: Label of the brain that the others are held against; None if there is none.
    """

    groups: list[Group]
    rows: list[Row]
    notes: list[str]
    anchors: dict[str, Anchors]
    reference: str | None


def compare(
    folders: Iterable[Path],
    *,
    notes: Sequence[str] = (),
    anchors: Mapping[str, Anchors] | None = None,
    reference: str | None = None,
) -> Comparison:
    """Compare the runs in folders.

    Args:
        folders: Run folders, in any state.
        notes: What is already known to be amiss.
        anchors: Normalisation by the id of a task; what runs name themselves counts without.
        reference: Label or name of the brain that the others are held against; None for `full`.
    """
    runs, found = read_runs(folders)
    return compare_runs(runs, [*notes, *found], anchors=anchors, reference=reference)


def compare_runs(
    runs: Sequence[Run],
    notes: Sequence[str] = (),
    *,
    anchors: Mapping[str, Anchors] | None = None,
    reference: str | None = None,
) -> Comparison:
    """Compare runs, wherever they were read from.

    Args:
        runs: At least none.
        notes: What is already known to be amiss.
        anchors: As in `compare`.
        reference: As in `compare`.

    Raises:
        UsageError: No brain is called as `reference` says.
    """
    groups, absent = group_runs(runs)
    held_against, doubt = reference_of(groups, reference)
    found = anchors_in(groups, anchors or {})
    said = [*notes, *absent, *budgets(groups), *doubt]
    return Comparison(groups, tabulate(groups, found), said, found, held_against)


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


def tabulate(groups: Sequence[Group], anchors: Mapping[str, Anchors] | None = None) -> list[Row]:
    """Return a row per group, in the groups' order."""
    return [_row(group, (anchors or {}).get(group.env)) for group in groups]


def budgets(groups: Sequence[Group]) -> list[str]:
    """Return a line about every body in which brains trained for different lengths."""
    notes: list[str] = []
    for env in dict.fromkeys(group.env for group in groups):
        spent = {group.label: group.budget for group in groups if group.env == env}
        least, most = min(spent, key=spent.__getitem__), max(spent, key=spent.__getitem__)
        if spent[least] < WHOLE * spent[most]:
            notes.append(
                f"budgets differ in {env}: from {steps_text(spent[least])} steps ({least}) to "
                f"{steps_text(spent[most])} ({most}); final returns are not at equal experience"
            )
    return notes


def _row(group: Group, anchors: Anchors | None) -> Row:
    returns: dict[str, Estimate] = {}
    for kind in KINDS:
        scores = group.scores(kind)
        returns[kind] = stratified_bootstrap([scores]) if scores.size else UNKNOWN
    steps = [run.env_steps for run in group.runs]
    rates = sorted(run.steps_per_second for run in group.runs if run.steps_per_second > 0)
    spent = sorted(
        float(run.curve.wall_seconds[-1]) / 3600
        for run in group.whole
        if run.curve.wall_seconds.size
    )
    names = dict.fromkeys(name for run in group.whole for name in run.measures)
    final = group.scores(FINAL)
    normalised = UNKNOWN
    if anchors is not None and final.size:
        normalised = stratified_bootstrap([anchors.normalise(final)])
    return Row(
        env=group.env,
        label=group.label,
        seeds=(final.size, len(group.runs)),
        env_steps=(min(steps), max(steps)),
        returns=returns,
        steps_per_second=rates[len(rates) // 2] if rates else math.nan,
        hours=spent[len(spent) // 2] if spent else math.nan,
        normalised=normalised,
        measures={name: stratified_bootstrap([group.measured(name)]) for name in names},
    )


def main_table(rows: Sequence[Row]) -> Table:
    """Return the returns, and normalised ones where a body has anchors."""
    normalised = any(math.isfinite(row.normalised.value) for row in rows)
    timed = any(math.isfinite(row.hours) for row in rows)
    lines: list[tuple[Cell, ...]] = []
    for row in rows:
        evaluated, seeds = row.seeds
        least, most = row.env_steps
        lines.append(
            (
                word(row.env),
                word(row.label),
                Cell(str(seeds) if evaluated == seeds else f"{evaluated} of {seeds}", evaluated),
                Cell(steps_text(most) if least == most
                     else f"{steps_text(least)} to {steps_text(most)}", most),
                *(estimate_cell(row.returns[kind], "not evaluated") for kind in KINDS),
                *([estimate_cell(row.normalised, digits=2)] if normalised else []),
                _number(row.steps_per_second, f"{row.steps_per_second:,.0f}"),
                *([_number(row.hours, _duration(row.hours))] if timed else []),
            )
        )  # fmt: skip
    head = ("environment", "brain", "seeds", "steps", *KINDS)
    more = (*([NORMALISED] if normalised else []), "steps/s", *(["training"] if timed else []))
    return Table("", (*head, *more), lines)


def further_tables(rows: Sequence[Row]) -> list[Table]:
    """Return tables of costs and of adaptation, where any run tells of them."""
    names = list(dict.fromkeys(name for row in rows for name in row.measures))
    found = [
        ("Costs per action", [name for name in names if is_cost(name)]),
        ("Adaptation around the onset", [n for n in RECOVERY.values() if n in names]),
    ]
    return [_measure_table(title, chosen, rows) for title, chosen in found if chosen]


def _measure_table(title: str, names: Sequence[str], rows: Sequence[Row]) -> Table:
    lines = [
        (word(row.env), word(row.label), *(_measure(row, name) for name in names))
        for row in rows
        if any(name in row.measures for name in names)
    ]
    return Table(title, ("environment", "brain", *names), lines)


def as_text(comparison: Comparison) -> str:
    """Return the tables for a terminal, and the notes under them."""
    shown = [main_table(comparison.rows), *further_tables(comparison.rows)]
    notes = [f"note: {note}" for note in comparison.notes]
    return "\n".join(["\n\n".join(map(tables.as_text, shown)), "", legend(), *notes])


def as_markdown(comparison: Comparison) -> str:
    """Return the tables in Markdown, and the notes under them."""
    shown = [main_table(comparison.rows), *further_tables(comparison.rows)]
    notes = [f"- {note}" for note in comparison.notes]
    lines = ["\n\n".join(map(tables.as_markdown, shown)), "", legend()]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """Return everything as CSV, at full precision; unknown numbers are blank."""
    names = list(dict.fromkeys(name for row in rows for name in row.measures))
    parts = ("iqm", "low", "high")
    told = (*KINDS, NORMALISED, *map(column_name, names))
    estimated = [f"{name}_{part}" for name in told for part in parts]
    fixed = ("environment", "brain", "seeds_evaluated", "seeds", "steps_least", "steps_most")
    lines = [
        [
            row.env, row.label, *row.seeds, *row.env_steps,
            *(number for kind in KINDS for number in row.returns[kind]),
            *row.normalised,
            *(number for name in names for number in row.measures.get(name, UNKNOWN)),
            row.steps_per_second, row.hours,
        ]
        for row in rows
    ]  # fmt: skip
    return tables.write_csv([*fixed, *estimated, "steps_per_second", "hours"], lines)


def column_name(measure: str) -> str:
    """Return what a measure is called in a CSV file: synaptic_operations_per_action."""
    return re.sub(r"\W+", "_", measure.replace("/", "_per_")).strip("_").lower()


def legend() -> str:
    """Return what the numbers of the main table are."""
    return (
        "Returns: interquartile mean over seeds of a run's mean episode return, "
        "with its 95% bootstrap interval (none for a single seed)."
    )


def _measure(row: Row, name: str) -> Cell:
    return estimate_cell(row.measures.get(name, UNKNOWN))


def _number(value: float, text: str) -> Cell:
    return Cell("") if math.isnan(value) else Cell(text, value)


def _duration(hours: float) -> str:
    if math.isnan(hours):
        return ""
    if hours < 1 / 30:
        return f"{hours * 3600:.0f} s"
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:.1f} h"
