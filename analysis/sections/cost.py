"""What returns cost: energy and operations per action, and time."""

import math

from analysis import tables
from analysis.compare import Row, further_tables
from analysis.figures.learning_curves import time_panel
from analysis.figures.tradeoff import Priced, affordable, tradeoff_panel
from analysis.measures import is_cost, is_energy
from analysis.sections.section import Context, Section, budget, figure, panels, seeds
from analysis.statistics import Estimate

UNKNOWN = Estimate(math.nan, math.nan, math.nan)


def energy(context: Context) -> Section:
    """Show returns against each cost that is known; operations only where energies are not."""
    rows = context.comparison.rows
    names = list(dict.fromkeys(name for row in rows for name in row.measures if is_cost(name)))
    title = "Return against energy"
    if not names:
        return Section("energy", title, "no run counts operations or energy")
    energies = [name for name in names if is_energy(name)]
    drawn = [
        picture
        for name in energies or names
        for env in context.by_body()
        if (picture := _tradeoff(context, [row for row in rows if row.env == env], name, env))
    ]
    missing = sorted({row.label for row in rows if not any(map(is_cost, row.measures))})
    lead = "Up and to the left is better. Operations are counted while the brain acts. "
    if energies:
        lead += (
            "Energy is operations times published constants: an estimate for an ideal chip, not a "
            "measurement. Which brain is cheaper can depend on the set of constants."
        )
    else:
        lead += "A synaptic operation and a multiply-accumulate do not cost the same energy."
    if missing:
        lead += f" Without counts, and so not shown: {', '.join(missing)}."
    table = next(t for t in further_tables(rows) if any(map(is_cost, t.head)))
    return Section("energy", title, lead, panels(drawn) + tables.as_html(table))


def time(context: Context) -> Section:
    """Show learning curves against the time that training took."""
    title = "Return against wall-clock"
    drawn = []
    for env, groups in context.by_body().items():
        timed = [
            group for group in groups if any(run.curve.wall_seconds.size for run in group.runs)
        ]
        picture = time_panel(timed, context.colours) if timed else ""
        if picture:
            told = f"{seeds(timed, [len(g.runs) for g in timed])}; {budget(timed)}."
            drawn.append(figure(env, picture, told))
    if not drawn:
        return Section("time", title, "no run knows how long it took")
    lead = (
        "The learning curves again, over the time that training took, as far as all seeds of a "
        "brain have come. Only runs from one machine with as many threads and nothing beside them "
        "can be compared here."
    )
    return Section("time", title, lead, panels(drawn))


def _tradeoff(context: Context, rows: list[Row], name: str, env: str) -> str:
    priced = affordable(
        [
            Priced(row.label, row.returns["deterministic"], row.measures.get(name, UNKNOWN).value)
            for row in rows
        ]
    )
    if not priced:
        return ""
    labels = [brain.label for brain in priced]
    groups = [group for group in context.groups if group.env == env and group.label in labels]
    told = f"{seeds(groups, [g.scores('deterministic').size for g in groups])}; {budget(groups)}."
    return figure(env, tradeoff_panel(priced, context.colours, cost=name, env=env), told)
