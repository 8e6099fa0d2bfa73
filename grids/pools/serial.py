"""One cell after another on this machine, each with all the threads that it asks for."""

from collections.abc import Iterator, Sequence

from grids.cell import Cell
from grids.pools.pool import Job, Pool
from grids.run_cell import Outcome


class SerialPool(Pool):
    """Runs one cell at a time."""

    def threads(self, asked: int | None) -> int | None:
        """Leave the number of threads to the cell's configuration."""
        return asked

    def run(self, job: Job, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Outcome]]:
        """Yield each cell with its outcome, in the order of the grid."""
        for cell in cells:
            yield cell, job(cell)
