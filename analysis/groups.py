"""Runs put together into what is compared: one brain in one body, several seeds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from agents.config_check import differing_keys
from analysis.differences import in_brief
from analysis.runs import Floats, Run

WHOLE = 0.95
"""Share of the steps of a group's longest run from which on a run counts as having finished."""


class Group(NamedTuple):
    """Runs of one brain in one body that differ in their seed alone.

    Attributes:
        env: The body.
        label: Name of the brain, with the settings that tell it from its namesakes.
        runs: In the order of their seeds.
    """

    env: str
    label: str
    runs: tuple[Run, ...]

    @property
    def budget(self) -> int:
        """Steps of the longest run."""
        return max(run.env_steps for run in self.runs)

    @property
    def whole(self) -> tuple[Run, ...]:
        """The runs that got as far as the longest: only they tell what the budget brings."""
        return tuple(run for run in self.runs if run.env_steps >= WHOLE * self.budget)

    def as_long_as(self, other: "Group") -> bool:
        """Return whether both trained for as long, so that their returns may be compared."""
        shorter, longer = sorted((self.budget, other.budget))
        return shorter >= WHOLE * longer

    def scores(self, kind: str) -> Floats:
        """Return the mean return of each evaluated whole run, [runs]."""
        return np.array([run.episodes[kind].mean() for run in self.whole if kind in run.episodes])

    def measured(self, name: str) -> Floats:
        """Return a measure of each whole run that has it, [runs]."""
        return np.array([run.measures[name] for run in self.whole if name in run.measures])


def group_runs(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """Put runs that differ in their seed alone into groups, ordered by body and brain.

    Returns:
        The groups, and a line about every body in which a brain lacks seeds that others have.
    """
    labels = _labels(runs)
    cells: dict[tuple[str, str], list[Run]] = {}
    for run, label in zip(runs, labels, strict=True):
        cells.setdefault((run.env, label), []).append(run)
    groups = [
        Group(env, label, tuple(sorted(members, key=lambda run: run.seed)))
        for (env, label), members in sorted(cells.items())
    ]
    notes: list[str] = []
    for group in groups:
        notes += [
            f"{run.name} stopped at {run.env_steps:,} of the {group.budget:,} steps of its "
            f"companions: it does not count in the final numbers of {group.label} in {group.env}"
            for run in group.runs
            if run.env_steps < WHOLE * group.budget
        ]
    notes += _conditions(groups)
    notes += _uneven_seeds(groups)
    return groups, notes


def _uneven_seeds(groups: Sequence[Group]) -> list[str]:
    """Return a line about brains that lack seeds which others have in their body, or repeat one."""
    notes: list[str] = []
    for env in dict.fromkeys(group.env for group in groups):
        here = [group for group in groups if group.env == env]
        counts = {group.label: Counter(run.seed for run in group.runs) for group in here}
        seeds = {seed for count in counts.values() for seed in count}
        lacking: dict[str, list[str]] = {}
        for label, count in counts.items():
            missing = ", ".join(str(seed) for seed in sorted(seeds - count.keys()))
            if missing:
                lacking.setdefault(missing, []).append(label)
        for missing, labels in lacking.items():
            have = "have" if len(labels) > 1 else "has"
            notes.append(f"{'; '.join(labels)} in {env} {have} no run with seed {missing}")
        notes += [
            f"{label} in {env} has {times} runs with seed {seed}"
            for label, count in counts.items()
            for seed, times in count.items()
            if times > 1
        ]
    return notes


def _conditions(groups: Sequence[Group]) -> list[str]:
    """Return a line about every body in which runs were evaluated in different ways."""
    notes: list[str] = []
    for env in dict.fromkeys(group.env for group in groups):
        runs = [run for group in groups if group.env == env for run in group.runs]
        ways = sorted({run.tested for run in runs if run.tested is not None})
        if len(ways) > 1:
            told = ", ".join(f"{episodes} episodes from seed {seed}" for episodes, seed in ways)
            notes.append(f"runs in {env} were not evaluated alike: {told}")
    return notes


def _labels(runs: Sequence[Run]) -> list[str]:
    """Return a label per run: its brain, and where namesakes differ, in what."""
    namesakes: dict[str, list[Run]] = {}
    for run in runs:
        namesakes.setdefault(run.brain, []).append(run)
    told: dict[str, list[str]] = {}
    for brain, members in namesakes.items():
        first = members[0].settings
        keys = {key for run in members for key in differing_keys(first, run.settings)}
        told[brain] = sorted(keys)
    return [_label(run, told[run.brain]) for run in runs]


def _label(run: Run, keys: Sequence[str]) -> str:
    parts = in_brief([_told(run.settings, key) for key in keys])
    intact = f"{run.brain} ({', '.join(parts)})" if parts else run.brain
    return f"{intact}, {' and '.join(run.lesions)}" if run.lesions else intact


def _told(settings: Mapping[str, Any], key: str) -> str:
    value: Any = settings
    for name in key.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return f"{key.rpartition('.')[2]} unset"
        value = value[name]
    if key.endswith("._target_"):
        return f"{key.split('.')[-2]}={str(value).rpartition('.')[2]}"
    return f"{key.rpartition('.')[2]}={value}"
