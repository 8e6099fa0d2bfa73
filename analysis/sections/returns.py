"""Learning curves, and final returns with their intervals."""

from analysis.figures.forest import ROOM, Line, forest
from analysis.figures.learning_curves import steps_panel
from analysis.sections.section import Context, Section, budget, figure, panels, seeds
from analysis.statistics import Estimate, stratified_bootstrap
from analysis.tables import estimate_text


def learning(context: Context) -> Section:
    """Show returns while learning."""
    lead = (
        "Return of late training episodes, exploring. Line: interquartile mean over seeds; band: "
        "its 95 % bootstrap interval, point by point; dotted where some seeds are not there."
    )
    drawn = []
    for env, groups in context.by_body().items():
        shown = [g for g in groups if any(run.curve.env_steps.size for run in g.runs)]
        if shown:
            told = f"{seeds(shown, [len(g.runs) for g in shown])}; {budget(shown)}."
            drawn.append(figure(env, steps_panel(shown, context.colours), told))
    if not drawn:
        return Section("learning", "Learning curves", "no training episode has ended yet")
    return Section("learning", "Learning curves", lead, panels(drawn))


def final(context: Context) -> Section:
    """Show final returns of each body."""
    lead = (
        "Deterministic return after training. Point: interquartile mean over seeds of a run's mean "
        "episode return; bar: its 95 % bootstrap interval. No interval reaches beyond the "
        "worst and the best seed. Whether two brains differ is said by the probability of "
        "improvement and by the differences to the reference."
    )
    drawn = []
    for env, groups in context.by_body().items():
        scored = [(group, group.scores("deterministic")) for group in groups]
        scored = [(group, scores) for group, scores in scored if scores.size]
        if not scored:
            continue
        lines: list[Line] = []
        for group, scores in scored:
            estimate: Estimate = stratified_bootstrap([scores])
            name, style = context.colours.short(group.label, ROOM), context.colours[group.label]
            lines.append(Line(name, estimate, estimate_text(estimate), group.label, style))
        lines.sort(key=lambda line: -line.estimate.value)
        shown = [group for group, _ in scored]
        episodes = sorted({run.episodes["deterministic"].size for g in shown for run in g.whole
                           if "deterministic" in run.episodes})  # fmt: skip
        counted = "\u2013".join(map(str, sorted({episodes[0], episodes[-1]})))
        told = f"{seeds(shown, [scores.size for _, scores in scored])}, {counted} episodes each; "
        names = ", ".join(line.told for line in lines)
        picture = forest(lines, axis="deterministic return", told=f"{env}: returns of {names}")
        drawn.append(figure(env, picture, told + f"{budget(shown)}."))
    if not drawn:
        return Section("returns", "Final returns", "no run was evaluated")
    return Section("returns", "Final returns", lead, panels(drawn))
