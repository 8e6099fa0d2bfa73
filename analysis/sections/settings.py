"""In what the brains' configurations differ."""

from collections.abc import Mapping
from typing import Any

from agents.config_check import differing_keys
from analysis import tables
from analysis.sections.section import Context, Section, details
from analysis.tables import Cell, Table, word

ABSENT = "\u2013"
OPEN = 12
"""Most rows that are shown without being asked for."""


def settings(context: Context) -> Section:
    """Show every setting that is not the same for all brains."""
    title = "Configurations that differ"
    told: dict[str, Mapping[str, Any]] = {}
    for group in context.groups:
        for run in group.runs:
            if run.settings:
                told.setdefault(group.label, run.settings)
    if not told:
        return Section("settings", title, "the runs' configurations are not at hand")
    first = next(iter(told.values()))
    keys = sorted({key for own in told.values() for key in differing_keys(first, own)})
    keys = [key for key in keys if not any(other.startswith(f"{key}.") for other in keys)]
    if not keys:
        return Section("settings", title, "there is no difference but seed, body and budget")
    rows = [(word(key), *(_cell(told[label], key) for label in told)) for key in keys]
    table = tables.as_html(Table("", ("setting", *told), rows, words=len(told) + 1))
    lead = (
        "Settings that are not the same for all brains, as their config.yaml has them; "
        f"{ABSENT} where a brain has no such setting. Seed, body, budget and place are left out."
    )
    body = table if len(keys) <= OPEN else details(f"{len(keys)} settings", table)
    return Section("settings", title, lead, body)


def _cell(own: Mapping[str, Any], key: str) -> Cell:
    value: Any = own
    for name in key.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return Cell(ABSENT)
        value = value[name]
    return word(str(value))
