"""A grid: skips what is finished, runs what is left, tries failed cells again, and lists them."""

from collections.abc import Sequence
from typing import NamedTuple

from agents.after_training import this_python
from agents.errors import StopTraining
from grids.cell import Cell
from grids.pools.pool import Pool
from grids.run_cell import run_cell
from grids.view import GridView


class Failure(NamedTuple):
    """A cell that failed for good, and the first line of why."""

    cell: Cell
    error: str


def run_grid(
    cells: Sequence[Cell], pool: Pool, *, retries: int, where: str, view: GridView
) -> list[Failure]:
    """Run what is left of a grid.

    Args:
        cells: All cells, with one desk.
        pool: Where they run.
        retries: How often a failed cell is tried again, after all others.
        where: The grid's folder, for messages.
        view: Told about everything.

    Returns:
        The cells that failed for good.

    Raises:
        StopTraining: Ctrl-C or SIGTERM; every running cell has written its checkpoint.
    """
    desk = cells[0].desk
    desk.set_up()
    finished = [cell for cell in cells if cell.finished]
    for cell in finished:
        view.skipped(cell)
    left = [cell for cell in cells if cell not in finished]
    failures: list[Failure] = []
    with desk.stops_by_signal() as signals:
        try:
            if left:
                threads = left[0].threads
                share = f", {threads} thread{'s' * (threads > 1)} each" if threads else ""
                view.say(f"{len(left)} cells to train in {where}, {pool.describe()}{share}")
                with view:
                    failures = _run_and_retry(left, pool, retries, view)
        finally:
            desk.clear()
    if signals.received is not None:
        view.say("go on with: the same command")
        raise StopTraining(signals.received)
    _list(cells, failures, where, view)
    return failures


def _run_and_retry(
    cells: Sequence[Cell], pool: Pool, retries: int, view: GridView
) -> list[Failure]:
    """Run cells, and those that fail again after all others; return those that still fail."""
    left = list(cells)
    failures: list[Failure] = []
    for turn in range(retries + 1):
        failures = []
        for cell, outcome in pool.run(run_cell, left):
            view.ended(cell, outcome, retry=turn < retries)
            if outcome.status == "failed":
                failures.append(Failure(cell, outcome.error))
        left = [failure.cell for failure in failures]
        if not left or cells[0].desk.stop_asked:
            break
        if turn < retries:
            view.retrying(left)
    return failures


def _list(cells: Sequence[Cell], failures: Sequence[Failure], where: str, view: GridView) -> None:
    """Say how the grid ended and what to do next."""
    view.say(f"\n{len(cells)} cells: {len(cells) - len(failures)} finished, {len(failures)} failed")
    for cell, error in failures:
        view.say(f"  {cell.name}: {error}\n    {cell.folder / 'log.txt'}")
    view.say(f"Next:\n  table and curves   {this_python()} evaluate.py runs='{where}/*'")
