"""What a run costs and how it adapts, as named numbers: whatever its files tell.

Costs are taken from evaluation.json where it has them, else from the last tenth of progress.csv.
Energy is told in nanojoules per action by the name of a set of constants: in evaluation.json as
`brains.energy.report` has it, or as a plain mapping; in progress.csv as columns `energy/<name>`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from agents.reward_traces import Trace
from analysis.adaptation import adaptation

OPERATIONS = {
    "synaptic_ops_per_action": "synaptic operations/action",
    "macs_per_action": "MACs/action",
}
"""Keys of counted operations, and what tables call them."""

ENERGY = "energy"
ENERGY_UNIT = "nJ/action"
RECOVERY = {
    "before": "reward/step before",
    "drop": "drop at once",
    "loss": "loss in the end",
    "steps_to_plateau": "steps to 90 %",
    "area_lost": "area lost",
    "after_effect": "after-effect",
}
"""Measures of `analysis.adaptation`, and what tables call them."""

LATE = 0.1
"""Share of a training whose rows tell what its brain costs in the end."""


def costs(rows: Sequence[Mapping[str, str]], record: Mapping[str, Any]) -> dict[str, float]:
    """Return operations and energies per action, by the names that tables use.

    Args:
        rows: Of progress.csv.
        record: evaluation.json; empty if there is none.
    """
    late = rows[-max(1, math.ceil(LATE * len(rows))) :] if rows else []
    told = dict(_late_costs(late))
    for section in (record, record.get("exploring"), record.get("deterministic")):
        told.update(_told_costs(section if isinstance(section, Mapping) else {}))
    return {name: value for name, value in told.items() if math.isfinite(value)}


def is_energy(name: str) -> bool:
    """Return whether a measure is energy in nJ per action."""
    return name.startswith(ENERGY_UNIT)


def is_cost(name: str) -> bool:
    """Return whether a measure is a cost of acting."""
    return is_energy(name) or name in OPERATIONS.values()


def recovery(traces: Mapping[str, Sequence[Trace]]) -> dict[str, float]:
    """Return the measures of adaptation of deterministic episodes, by the names tables use."""
    told = traces.get("deterministic")
    if not told:
        return {}
    measured = adaptation(told)._asdict()
    named = {name: float(measured[key]) for key, name in RECOVERY.items()}
    return {name: value for name, value in named.items() if math.isfinite(value)}


def _late_costs(late: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, float]]:
    for column in late[0] if late else ():
        name = OPERATIONS.get(column) or _energy_name(column)
        values = [float(row.get(column) or "nan") for row in late] if name else []
        known = [value for value in values if math.isfinite(value)]
        if known and name:
            yield name, float(np.mean(known))


def _energy_name(column: str) -> str | None:
    kind, slash, constants = column.partition("/")
    return _energy(constants) if kind == ENERGY and slash else None


def _energy(constants: str) -> str:
    return f"{ENERGY_UNIT} ({constants.replace('_', ' ')})"


def _told_costs(section: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    energies = section.get(ENERGY)
    energies = energies if isinstance(energies, Mapping) else {}
    counted = energies.get("operations_per_action") or {}
    told = {f"{key}_per_action": value for key, value in counted.items()} | dict(section)
    for key, name in OPERATIONS.items():
        if isinstance(told.get(key), int | float):
            yield name, float(told[key])
    for constants, value in (energies.get("nanojoules_per_action") or energies).items():
        value = value.get("brain") if isinstance(value, Mapping) else value
        if isinstance(value, int | float):
            yield _energy(str(constants)), float(value)
