"""What a brain loses when something is changed: differences to the full one, body by body."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from agents.config_check import unknown
from analysis.aggregates import FINAL
from analysis.groups import Group
from analysis.statistics import (
    Estimate,
    difference,
    interquartile_mean,
    probability_of_improvement,
)
from analysis.tables import steps_text

FULL = "full"
LEFT_OUT = "none"
"""The option of a config group that leaves a part out."""


class Delta(NamedTuple):
    """A brain against the reference in one body.

    Attributes:
        env: The body.
        label: The brain.
        difference: Of the interquartile means of returns, this brain's minus the reference's.
        relative: The same as a share of the reference's size; nan where that is 0.
        improvement: Probability that a run of this brain beats one of the reference.
        runs: Evaluated runs of this brain and of the reference.
    """

    env: str
    label: str
    difference: Estimate
    relative: Estimate
    improvement: Estimate
    runs: tuple[int, int]


def reference_of(groups: Sequence[Group], asked: str | None) -> tuple[str | None, list[str]]:
    """Return the label of the brain that the others are held against, and a line of doubt.

    Args:
        groups: The runs.
        asked: A label, words of it that no other label has, or a brain's name; None for the full
            brain, or else for the only brain that was lesioned. Of several namesakes the one with
            the fewest parts left out is meant; a lesion leaves a part out.

    Raises:
        UsageError: No brain is called so.
    """
    labels = list(dict.fromkeys(group.label for group in groups))
    brains = {group.label: group.runs[0].brain for group in groups}
    if asked in labels:
        return asked, []
    name = asked or FULL
    namesakes = [label for label in labels if brains[label] == name]
    if not namesakes:
        alike = [label for label in labels if _words(name) <= _words(label)]
        if asked is not None and len(alike) == 1:
            return alike[0], []
        if asked is not None and labels:
            raise unknown("reference", asked, [*labels, *brains.values()])
        lesioned = _whole_of_lesioned(groups)
        return (lesioned[0] if len(lesioned) == 1 else None), []
    missing = {label: _left_out(groups, label) for label in namesakes}
    least = min(missing.values())
    fullest = [label for label in namesakes if missing[label] == least]
    if len(fullest) == 1:
        return fullest[0], []
    listed = ", ".join(map(repr, fullest))
    return None, [
        f"several brains are called {name}: name the reference by words that only it has, "
        f"of {listed}"
    ]


def deltas(groups: Sequence[Group], reference: str) -> list[Delta]:
    """Return the differences to the reference, of brains that trained for as long as it did.

    Args:
        groups: The runs.
        reference: Label of the brain that the others are held against.
    """
    found: list[Delta] = []
    for group, rival in _pairs(groups, reference):
        if not group.as_long_as(rival):
            continue
        own, base = group.scores(FINAL), rival.scores(FINAL)
        gap = difference(own, base)
        size = abs(float(interquartile_mean(base)))
        share = Estimate(*(part / size if size else float("nan") for part in gap))
        found.append(
            Delta(
                env=group.env,
                label=group.label,
                difference=gap,
                relative=share,
                improvement=probability_of_improvement([own], [base]),
                runs=(own.size, base.size),
            )
        )
    return found


def unmatched(groups: Sequence[Group], reference: str) -> list[str]:
    """Return a line about every brain that is not held against the reference, and why.

    Args:
        groups: The runs.
        reference: Label of the brain that the others are held against.
    """
    return [
        f"{group.label} in {group.env} trained for {steps_text(group.budget)} steps, "
        f"{reference} for {steps_text(rival.budget)}"
        for group, rival in _pairs(groups, reference)
        if not group.as_long_as(rival)
    ]


def _pairs(groups: Sequence[Group], reference: str) -> list[tuple[Group, Group]]:
    """Return each brain with the reference in the same body, where both were evaluated."""
    evaluated = [group for group in groups if group.scores(FINAL).size]
    bases = {group.env: group for group in evaluated if group.label == reference}
    return [
        (group, bases[group.env])
        for group in evaluated
        if group.label != reference and group.env in bases
    ]


def _words(label: str) -> set[str]:
    return set(re.findall(r"[\w.+-]+", label))


def _whole_of_lesioned(groups: Sequence[Group]) -> list[str]:
    """Return the labels of intact brains of which there are lesioned evaluations too."""
    hurt = {(run.env, run.name) for group in groups for run in group.runs if run.lesions}
    whole = [
        group.label
        for group in groups
        if any(not run.lesions and (run.env, run.name) in hurt for run in group.runs)
    ]
    return list(dict.fromkeys(whole))


def _left_out(groups: Sequence[Group], label: str) -> int:
    run = next(group.runs[0] for group in groups if group.label == label)
    missing = [name for name, part in run.parts.items() if part == LEFT_OUT]
    return sum(name.startswith("brain/") for name in missing) + len(run.lesions)
