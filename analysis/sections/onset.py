"""How brains get over a challenge."""

from analysis import tables
from analysis.adaptation import INSTANT, RECOVERED, WINDOW
from analysis.compare import further_tables
from analysis.figures.onset import onset_panel
from analysis.measures import RECOVERY
from analysis.sections.section import Context, Section, budget, figure, panels, seeds


def adaptation(context: Context) -> Section:
    """Show the reward around a challenge's onset, and what is lost and regained."""
    title = "Adaptation around the onset"
    drawn = []
    for env, groups in context.by_body().items():
        shown = [g for g in groups if any(run.traces for run in g.whole)]
        picture = onset_panel(shown, context.colours) if shown else ""
        if picture:
            counts = [sum(bool(run.traces) for run in group.whole) for group in shown]
            told = f"{seeds(shown, counts)}; {budget(shown)}; deterministic episodes."
            drawn.append(figure(env, picture, told))
    found = [t for t in further_tables(context.comparison.rows) if {*RECOVERY.values()} & {*t.head}]
    if not drawn and not found:
        return Section("adaptation", title, "no run was evaluated under a challenge with an onset")
    lead = (
        "Reward per step, averaged over episodes that are aligned at the onset: interquartile "
        f"mean over seeds, running mean over {INSTANT} steps. In the table: before, over "
        f"{WINDOW} steps; "
        f"drop, over the first {INSTANT}; loss, over the last {WINDOW}; steps until "
        f"{100 * RECOVERED:.0f} % of what is regained are; area lost, all reward that the change "
        "has cost; each an interquartile mean over the seeds that have it."
    )
    return Section("adaptation", title, lead, panels(drawn) + "".join(map(tables.as_html, found)))
