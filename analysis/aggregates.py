"""Averages over tasks: of normalised scores only, and of brains that did all of the tasks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from analysis.groups import WHOLE, Group
from analysis.normalisation import Anchors
from analysis.runs import Floats
from analysis.statistics import Estimate, probability_of_improvement

FINAL = "deterministic"
"""Kind of episodes whose returns are compared."""


class Shared(NamedTuple):
    """Brains that can be averaged over the same tasks.

    Attributes:
        envs: The tasks.
        scores: Normalised scores of the runs by brain, one array per task in the same order.
        left_out: Why each other brain or task is not there.
    """

    envs: tuple[str, ...]
    scores: dict[str, list[Floats]]
    left_out: list[str]


def anchors_in(groups: Iterable[Group], by_task: Mapping[str, Anchors]) -> dict[str, Anchors]:
    """Return the anchors of the bodies of groups, by `Group.env`.

    Args:
        groups: The runs.
        by_task: Anchors by the id of a task; for others those that their runs name count.
    """
    anchors: dict[str, Anchors] = {}
    for group in groups:
        for run in group.runs:
            found = by_task.get(run.task or "") or run.anchors
            if run.task is not None and found is not None:
                anchors.setdefault(group.env, found)
    return anchors


def shared_tasks(groups: Sequence[Group], anchors: Mapping[str, Anchors]) -> Shared:
    """Choose tasks and brains for averages: the most cells such that every brain did every task.

    A cell counts if its runs were evaluated and trained for as long as the longest on that task.

    Args:
        groups: The runs.
        anchors: By `Group.env`.
    """
    longest = {
        env: max(g.budget for g in groups if g.env == env) for env in {g.env for g in groups}
    }
    usable = {
        (group.label, group.env): group
        for group in groups
        if group.env in anchors
        and group.scores(FINAL).size
        and group.budget >= WHOLE * longest[group.env]
    }
    labels = list(dict.fromkeys(group.label for group in groups))
    done = {label: frozenset(env for name, env in usable if name == label) for label in labels}
    candidates = {one & other for one in done.values() for other in done.values()} - {frozenset()}
    chosen = max(
        candidates,
        key=lambda tasks: (len(tasks) * _complete(tasks, done), len(tasks), sorted(tasks)),
        default=frozenset(),
    )
    envs = tuple(sorted(chosen))
    scores = {
        label: [anchors[env].normalise(usable[label, env].scores(FINAL)) for env in envs]
        for label in labels
        if envs and chosen <= done[label]
    }
    return Shared(envs, scores, _left_out(groups, anchors, envs, scores, usable))


class Duel(NamedTuple):
    """One brain against another, on the tasks that both did for as long.

    Attributes:
        probability: That a run of the one beats a run of the other.
        envs: The tasks.
        runs: Runs of the one and of the other, on all tasks.
    """

    probability: Estimate
    envs: tuple[str, ...]
    runs: tuple[int, int]


def duel(groups: Sequence[Group], one: str, other: str) -> Duel | None:
    """Return how probably one brain beats another; None if no task allows it.

    It needs no normalisation: only the order of returns within a task counts.

    Args:
        groups: The runs.
        one: Label of a brain.
        other: Label of its rival.
    """
    cells = {(group.label, group.env): group for group in groups if group.scores(FINAL).size}
    envs = [
        env
        for label, env in cells
        if label == one and (other, env) in cells
        if cells[one, env].as_long_as(cells[other, env])
    ]
    if not envs:
        return None
    ours, theirs = ([cells[name, env].scores(FINAL) for env in envs] for name in (one, other))
    runs = sum(map(len, ours)), sum(map(len, theirs))
    return Duel(probability_of_improvement(ours, theirs), tuple(envs), runs)


def _complete(tasks: frozenset[str], done: Mapping[str, frozenset[str]]) -> int:
    return sum(tasks <= own for own in done.values())


def _left_out(
    groups: Sequence[Group],
    anchors: Mapping[str, Anchors],
    envs: Sequence[str],
    scores: Mapping[str, object],
    usable: Mapping[tuple[str, str], Group],
) -> list[str]:
    """Return why tasks and brains are not in the averages."""
    told: list[str] = []
    for env in dict.fromkeys(group.env for group in groups):
        if env not in anchors:
            told.append(
                f"{env}: no return is recorded that counts as 1, or its options are changed"
            )
        elif env not in envs:
            told.append(f"{env}: too few of the brains did it")
    for label in dict.fromkeys(group.label for group in groups):
        if label not in scores:
            missing = [env for env in envs if (label, env) not in usable]
            where = ", ".join(missing) or "any task with anchors"
            told.append(f"{label}: no evaluated run of full length in {where}")
    return told
