"""Averages over tasks: interquartile means, performance profiles, probabilities of improvement."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from analysis import tables
from analysis.aggregates import FINAL, Duel, Shared, duel, shared_tasks
from analysis.figures.forest import ROOM, Line, forest
from analysis.figures.profiles import profile_panel
from analysis.groups import Group
from analysis.sections.section import Context, Section, budget, details, figure, listed, panels
from analysis.statistics import stratified_bootstrap
from analysis.tables import Cell, Table, share_text, word

MOST_PAIRS = 12


def aggregates(context: Context) -> Section:
    """Show normalised scores over all tasks that the brains share."""
    shared = shared_tasks(context.groups, context.comparison.anchors)
    if not shared.scores:
        return Section(
            "tasks", "Across tasks", "no task has both anchors of normalisation and evaluated runs"
        )
    lead = (
        "Normalised scores: 0 is what random actions earn, 1 what the task's reference earns. Runs "
        "of all tasks are pooled; the bootstrap resamples runs within each task. "
        "The performance profile is the share of runs that score above each \u03c4: a curve that "
        "lies above another everywhere is better everywhere. Its names stand in the order of "
        "medians."
    )
    told = _told(context, shared)
    lines: list[Line] = []
    for label, scores in shared.scores.items():
        estimate = stratified_bootstrap(scores)
        name, style = context.colours.short(label, ROOM), context.colours[label]
        lines.append(Line(name, estimate, share_text(estimate), label, style))
    lines.sort(key=lambda line: -line.estimate.value)
    axis = "interquartile mean of normalised scores"
    pooled = forest(lines, axis=axis, told=f"{axis} of {', '.join(shared.scores)}")
    profile = profile_panel(shared.scores, context.colours)
    body = panels(
        [figure("Interquartile mean", pooled, told), figure("Performance profile", profile, told)]
    )
    out = details("Left out of the averages", listed(shared.left_out)) if shared.left_out else ""
    return Section("tasks", "Across tasks", lead, body + _anchors(context, shared) + out)


def improvement(context: Context) -> Section:
    """Show how probably one brain beats another."""
    title = "Probability of improvement"
    labels = list(dict.fromkeys(group.label for group in context.groups))
    reference = context.comparison.reference
    found = {
        pair: fight
        for pair in combinations(labels, 2)
        if (fight := duel(context.groups, *pair)) is not None
    }
    if not found:
        return Section("improvement", title, _why_none(context.groups))
    lead = (
        "P(X > Y): how probably a run of X beats a run of Y on the same task, ties half, averaged "
        "over the tasks that both did for as long, with its 95 % bootstrap interval. One half: "
        "neither is better. It says nothing about by how much."
    )
    most_shared = sorted(found, key=lambda pair: -len(found[pair].envs))
    against = [pair for pair in found if reference in pair] or most_shared
    lines = [_line(context, pair, found[pair], reference) for pair in against[:MOST_PAIRS]]
    picture = forest(
        lines, axis="P(X > Y)", middle=0.5, extent=(-0.02, 1.02),
        told=f"probability of improvement of {len(lines)} pairs of brains",
    )  # fmt: skip
    counted = sorted({count for pair in against[:MOST_PAIRS] for count in found[pair].runs})
    runs = "\u2013".join(map(str, dict.fromkeys((counted[0], counted[-1]))))
    shown = (
        f"{len(lines)} of {len(found)} pairs, all in the table; " if len(lines) < len(found) else ""
    )
    told = f"{shown}n = {runs} runs per brain over all tasks of a pair; {budget(context.groups)}."
    body = panels([figure("X > Y", picture, told)])
    return Section("improvement", title, lead, body + tables.as_html(_matrix(labels, context)))


def _why_none(groups: Sequence[Group]) -> str:
    """Return why no brain can be matched with another."""
    brains = Counter(group.env for group in groups if group.scores(FINAL).size)
    if max(brains.values(), default=0) < 2:
        return "no two brains were evaluated on the same task"
    return "no two brains that were evaluated on the same task trained for as long on it"


def _line(context: Context, pair: tuple[str, str], fight: Duel, reference: str | None) -> Line:
    one, other = pair
    probability = fight.probability
    if one == reference:  # the reference is always what the others are held against
        one, other = other, one
        value, low, high = probability
        probability = type(probability)(1 - value, 1 - high, 1 - low)
    short = context.colours.short
    return Line(
        f"{short(one)} > {short(other)}",
        probability,
        share_text(probability),
        f"{one} > {other}",
        context.colours[one],
    )


def _matrix(labels: list[str], context: Context) -> Table:
    """Return P(row > column) of all pairs."""
    rows: list[tuple[Cell, ...]] = []
    for one in labels:
        cells = [word(one)]
        for other in labels:
            fight = None if one == other else duel(context.groups, one, other)
            if fight is None:
                cells.append(Cell(""))
            else:
                tasks = f", {len(fight.envs)} task{'s' if len(fight.envs) > 1 else ''}"
                told = share_text(fight.probability) + tasks
                cells.append(Cell(told, fight.probability.value))
        rows.append(tuple(cells))
    return Table("", ("P(row > column)", *labels), rows, words=1)


def _told(context: Context, shared: Shared) -> str:
    counts = {label: sum(map(len, scores)) for label, scores in shared.scores.items()}
    runs = ", ".join(f"{label} {count}" for label, count in counts.items())
    tasks = f"{len(shared.envs)} task{'s' if len(shared.envs) > 1 else ''}"
    used = [g for g in context.groups if g.env in shared.envs and g.label in shared.scores]
    return f"{tasks} ({', '.join(shared.envs)}); runs: {runs}; {budget(used)}."


def _anchors(context: Context, shared: Shared) -> str:
    anchors = context.comparison.anchors
    rows = [
        (
            word(env),
            Cell(f"{anchors[env].random:,.6g}", anchors[env].random),
            Cell(f"{anchors[env].reference:,.6g}", anchors[env].reference),
            word(anchors[env].source or "as the task's configuration says"),
        )
        for env in shared.envs
    ]
    table = Table("", ("environment", "random = 0", "reference = 1", "the reference is"), rows, 1)
    return details("What counts as 0 and as 1", tables.as_html(table))
