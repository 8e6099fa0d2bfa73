"""What changes when something is left out: differences to the reference brain."""

from analysis import tables
from analysis.ablation import Delta, deltas, unmatched
from analysis.figures.forest import ROOM, Line, forest
from analysis.sections.section import Context, Section, budget, details, figure, listed, panels
from analysis.tables import Cell, Table, estimate_cell, estimate_text, word


def ablation(context: Context) -> Section:
    """Show differences of final returns to the reference."""
    reference = context.comparison.reference
    if reference is None:
        reason = "no group's brain is 'full': name another one to compare with, such as "
        labels = sorted({group.label for group in context.groups}) or ["gru"]
        return Section(
            "ablation", "Differences to the full brain", f"{reason}reference={labels[0]}"
        )
    title = f"Differences to {reference}"
    found, left_out = deltas(context.groups, reference), unmatched(context.groups, reference)
    if not found:
        reason = "no other brain was evaluated in the same bodies"
        if left_out:
            reason = f"no other brain trained for as long: {'; '.join(left_out)}"
        return Section("ablation", title, reason)
    lead = (
        f"Interquartile mean of deterministic returns minus that of {reference}, in the same "
        "body after as many steps; both sides are resampled. Where the interval holds 0, no "
        "difference is shown."
    )
    drawn = [
        _picture(context, env, [delta for delta in found if delta.env == env], reference)
        for env in dict.fromkeys(delta.env for delta in found)
    ]
    head = ("environment", "brain", "difference", "share", f"P(better than {reference})", "runs")
    table = Table("", head, [_row(delta) for delta in found])
    out = details("Trained for another length", listed(left_out)) if left_out else ""
    return Section("ablation", title, lead, panels(drawn) + tables.as_html(table) + out)


def _picture(context: Context, env: str, found: list[Delta], reference: str) -> str:
    lines = [
        Line(
            context.colours.short(delta.label, ROOM),
            delta.difference,
            estimate_text(delta.difference, sign=True),
            delta.label,
            context.colours[delta.label],
        )
        for delta in sorted(found, key=lambda delta: -delta.difference.value)
    ]
    axis = f"difference of return to {reference}"
    drawn = {reference, *(delta.label for delta in found)}
    groups = [group for group in context.groups if group.env == env and group.label in drawn]
    runs = ", ".join(f"{delta.label} {delta.runs[0]}" for delta in found)
    told = f"n: {reference} {found[0].runs[1]}, {runs}; {budget(groups)}."
    return figure(env, forest(lines, axis=axis, told=f"{env}: {axis}", middle=0.0), told)


def _row(delta: Delta) -> tuple[Cell, ...]:
    share = f"{100 * delta.relative.value:+.0f} %".replace("-", "\u2212")
    return (
        word(delta.env),
        word(delta.label),
        Cell(estimate_text(delta.difference, sign=True), delta.difference.value),
        Cell(share, delta.relative.value),
        estimate_cell(delta.improvement, digits=2),
        Cell(f"{delta.runs[0]} against {delta.runs[1]}", delta.runs[0]),
    )
