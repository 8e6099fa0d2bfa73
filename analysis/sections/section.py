"""What a section of the report is made of."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from analysis.compare import Comparison
from analysis.figures.palette import Colours
from analysis.groups import Group
from analysis.tables import steps_text


class Context(NamedTuple):
    """What sections are made from.

    Attributes:
        comparison: The runs.
        colours: Of the brains.
        folder: Where the page will stand; links are relative to it.
        embed_bytes: Most bytes of films that the page holds itself.
    """

    comparison: Comparison
    colours: Colours
    folder: Path
    embed_bytes: int

    @property
    def groups(self) -> list[Group]:
        """The runs."""
        return self.comparison.groups

    def by_body(self) -> dict[str, list[Group]]:
        """Return the groups of each body."""
        bodies: dict[str, list[Group]] = {}
        for group in self.groups:
            bodies.setdefault(group.env, []).append(group)
        return bodies


class Section(NamedTuple):
    """A part of the page.

    Attributes:
        name: Its anchor.
        title: Its heading.
        lead: What it shows, and what may be concluded; without a body, why it is not there.
        body: HTML; empty if the runs have nothing to show.
    """

    name: str
    title: str
    lead: str
    body: str = ""


def figure(title: str, picture: str, told: str) -> str:
    """Return a picture with a title above, and what must be known to quote it below."""
    return (
        f'<figure class="panel"><h3>{html.escape(title)}</h3>{picture}'
        f"<figcaption>{html.escape(told)}</figcaption></figure>"
    )


def panels(figures: Iterable[str]) -> str:
    """Return figures side by side, as many as there is room for."""
    return f'<div class="panels">{"".join(figures)}</div>'


def details(summary: str, body: str) -> str:
    """Return a part of the page that is folded away."""
    return f"<details><summary>{html.escape(summary)}</summary>{body}</details>"


def listed(lines: Iterable[str]) -> str:
    """Return a list of lines."""
    return f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in lines)}</ul>"


def seeds(groups: Sequence[Group], counts: Sequence[int]) -> str:
    """Return how many runs each brain has, in few words: `n = 3` if all have as many."""
    if len(set(counts)) == 1:
        return f"n = {counts[0]} per brain"
    told = ", ".join(f"{g.label} {count}" for g, count in zip(groups, counts, strict=True))
    return f"n: {told}"


def budget(groups: Sequence[Group]) -> str:
    """Return what groups were trained for."""
    spent = sorted({group.budget for group in groups})
    if spent[0] >= 0.95 * spent[-1]:
        return f"{steps_text(spent[-1])} control steps"
    return f"{steps_text(spent[0])} to {steps_text(spent[-1])} control steps"
