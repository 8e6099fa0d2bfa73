"""report.html: everything that a comparison shows, in one page that needs nothing beside it."""

import html
from collections.abc import Sequence
from pathlib import Path

from agents.run_folder import write_whole
from analysis import tables
from analysis.compare import Comparison, legend, main_table
from analysis.figures.palette import Colours
from analysis.page import page
from analysis.sections.ablations import ablation
from analysis.sections.across_tasks import aggregates, improvement
from analysis.sections.cost import energy, time
from analysis.sections.films import films
from analysis.sections.onset import adaptation
from analysis.sections.returns import final, learning
from analysis.sections.section import Context, Section, budget, listed
from analysis.sections.settings import settings

NAME = "report.html"
SECTIONS = (
    learning, final, aggregates, improvement, energy, time, adaptation, ablation, settings, films,
)  # fmt: skip
"""What the page shows, in this order; a section without anything to show says why."""
FEW_SEEDS = 5


def write_report(comparison: Comparison, folder: Path, *, embed_bytes: int) -> Path:
    """Write report.html.

    Args:
        comparison: What was compared.
        folder: Where to; links to films are relative to it.
        embed_bytes: Most bytes of films that the page holds itself.

    Returns:
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    colours = Colours([group.label for group in comparison.groups])
    context = Context(comparison, colours, folder.absolute(), embed_bytes)
    found = [_overview(comparison, colours), *(make(context) for make in SECTIONS)]
    shown = [section for section in found if section.body]
    absent = [section for section in found if not section.body]
    if absent:
        body = listed(f"{section.title}: {section.lead}" for section in absent)
        shown.append(Section("absent", "Not shown", "What these runs do not tell.", body))
    write_whole(folder / NAME, page("Comparison of brains", shown, colours))
    return folder / NAME


def _overview(comparison: Comparison, colours: Colours) -> Section:
    """Show the table, and what is not as it should be."""
    groups = comparison.groups
    if not groups:
        return Section(
            "table", "Returns", "", "<p>There is no run to compare.</p>" + _amiss(comparison)
        )
    runs = sum(len(group.runs) for group in groups)
    brains = {group.label for group in groups}
    bodies = {group.env for group in groups}
    lead = (
        f"{runs} runs of {len(brains)} brain{'s' * (len(brains) > 1)} in {len(bodies)} "
        f"bod{'ies' if len(bodies) > 1 else 'y'}, {budget(groups)} each. {legend()} "
        "A click on a column's name sorts by it."
    )
    seeds = min(len(group.scores("deterministic")) for group in groups)
    if seeds < FEW_SEEDS:
        lead += (
            f" Some brain has {seeds} evaluated seed{'s' * (seeds != 1)} only: an interval from "
            f"fewer than {FEW_SEEDS} is too narrow to be trusted."
        )
    table = tables.as_html(main_table(comparison.rows))
    body = _key(colours, sorted(brains)) + table + _amiss(comparison)
    return Section("table", "Returns", lead, body)


def _key(colours: Colours, labels: Sequence[str]) -> str:
    """Return the brains in their colours, with their short names where they have one."""
    entries = []
    for label in labels:
        short = colours.short(label)
        told = html.escape(label) if short == label else html.escape(f"{short} = {label}")
        entries.append(f'<li class="{colours[label]}"><span class="tag">{told}</span></li>')
    return f'<ul class="key">{"".join(entries)}</ul>'


def _amiss(comparison: Comparison) -> str:
    if not comparison.notes:
        return ""
    count = len(comparison.notes)
    heading = html.escape(f"{count} note{'s' * (count > 1)} on these runs")
    opened = " open" if count <= 8 else ""
    return (
        f'<details class="notes"{opened}><summary>{heading}</summary>'
        f"{listed(comparison.notes)}</details>"
    )
