"""Tables as a terminal, a Markdown file, a CSV file and a page show them."""

import csv
import html
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

from analysis.statistics import Estimate

LABELS = 2
"""Leading columns that hold words: body and brain."""


class Cell(NamedTuple):
    """What a reader sees, and what a column is sorted by; None sorts last."""

    text: str
    value: float | str | None = None


class Table(NamedTuple):
    """Rows of cells under a head.

    Attributes:
        title: What it tells; empty for the main one.
        head: Names of the columns.
        rows: As many cells each.
        words: Leading columns that hold words.
    """

    title: str
    head: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    words: int = LABELS


def word(text: str) -> Cell:
    """Return a cell of words."""
    return Cell(text, text)


def estimate_cell(estimate: Estimate, unknown: str = "", *, digits: int | None = None) -> Cell:
    """Return a cell with a value and its interval, or what stands where there is none."""
    if math.isnan(estimate.value):
        return Cell(unknown)
    return Cell(estimate_text(estimate, digits=digits), estimate.value)


def estimate_text(estimate: Estimate, *, sign: bool = False, digits: int | None = None) -> str:
    """Return a value with its interval, all with as many digits.

    Args:
        estimate: The value, and its interval if it has one.
        sign: Whether to write + too.
        digits: After the point; None for as many as the greatest of the three asks for.
    """
    scale = max(abs(number) for number in estimate if math.isfinite(number))
    value, low, high = (number_text(number, scale, sign=sign, digits=digits) for number in estimate)
    return value if math.isnan(estimate.low) else f"{value} [{low}, {high}]"


def share_text(estimate: Estimate) -> str:
    """Return a probability or a normalised score, with its interval."""
    return estimate_text(estimate, digits=2)


def number_text(
    number: float, scale: float, *, sign: bool = False, digits: int | None = None
) -> str:
    """Return a number with three digits or so.

    Args:
        number: The number.
        scale: A number of the size that decides about the digits.
        sign: Whether to write + too.
        digits: After the point, whatever the size.
    """
    size = abs(scale)
    if digits is None:
        digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or size == 0 else 4
    text = f"{number:{'+' if sign else ''},.{digits}f}"
    return text.replace("-", "\u2212") if sign else text


def steps_text(steps: float) -> str:
    """Return a number of steps in a word: 50k, 1M."""
    if steps >= 1_000_000:
        return f"{steps / 1e6:.3g}M"
    return f"{steps / 1e3:.3g}k" if steps >= 1000 else f"{steps:.0f}"


def as_text(table: Table) -> str:
    """Return a table for a terminal."""
    lines = [table.head, *(tuple(cell.text for cell in row) for row in table.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.head))]
    told = [
        "  ".join(
            text.ljust(width) if column < table.words else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    told.insert(1, "-" * max(map(len, told)))
    return "\n".join([*([table.title] if table.title else []), *told])


def as_markdown(table: Table) -> str:
    """Return a table in Markdown."""
    lines = [
        _markdown_line(table.head),
        "|" + "---|" * table.words + "---:|" * (len(table.head) - table.words),
        *(_markdown_line([cell.text for cell in row]) for row in table.rows),
    ]
    return "\n".join([*([f"**{table.title}**", ""] if table.title else []), *lines])


def as_html(table: Table, *, caption: str = "") -> str:
    """Return a table for a page, sortable by a click on a column's name."""
    heads = "".join(
        f'<th scope="col"{"" if index < table.words else " class=n"} aria-sort="none">'
        f"<button>{html.escape(name)}</button></th>"
        for index, name in enumerate(table.head)
    )
    rows = "".join(f"<tr>{_html_cells(row, table.words)}</tr>" for row in table.rows)
    told = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll" tabindex="0"><table class="sortable">{told}'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def write_csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return lines of CSV at full precision; numbers that are nan are blank."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow(["" if isinstance(x, float) and math.isnan(x) else x for x in row])
    return text.getvalue()


def _html_cells(row: Sequence[Cell], words: int) -> str:
    cells = []
    for index, cell in enumerate(row):
        key = "" if cell.value is None else f' data-key="{html.escape(str(cell.value))}"'
        kind = "" if index < words else " class=n"
        cells.append(f"<td{kind}{key}>{html.escape(cell.text)}</td>")
    return "".join(cells)


def _markdown_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
