"""What a place that runs cells must offer; all else about a grid is the same everywhere."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from agents.errors import UsageError
from grids.cell import Cell
from grids.run_cell import Outcome

Job = Callable[[Cell], Outcome]


class Pool(ABC):
    """Runs a function on cells, several at a time, somewhere."""

    @abstractmethod
    def threads(self, asked: int | None) -> int | None:
        """Return how many threads a cell has.

        Args:
            asked: What the command line says; None if it says nothing.

        Returns:
            The share of a cell, or None to leave it to the cell's configuration.
        """

    @abstractmethod
    def run(self, job: Job, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Outcome]]:
        """Yield each cell with its outcome as it ends, in any order.

        Args:
            job: What to do with a cell. It may be called again for the same cell if whatever ran
                it died: it goes on from the last checkpoint. Once the cells' desk asks to stop,
                running jobs return by themselves, and those that have not begun return at once.
            cells: All of one grid.
        """

    def describe(self) -> str:
        """Return a few words on where cells run and how many at a time."""
        return "one at a time"


def load(package: str, *, launcher: str, extra: str) -> Any:
    """Import what a launcher needs, and other launchers do not.

    Args:
        package: What to import.
        launcher: The launcher's name in conf/hydra/launcher.
        extra: The project's optional dependencies that hold the package.

    Raises:
        UsageError: It is not installed; the message says how to.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        message = f"hydra/launcher={launcher} needs {error.name}: pip install -e '.[{extra}]'"
        raise UsageError(message) from error
