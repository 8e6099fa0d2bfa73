"""From composed configurations to a grid that runs."""

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from agents import cli
from agents.config_check import check_config
from agents.errors import CellFailed, UsageError
from agents.training_run import require_same, require_sound
from brains.factory import factory_from_config
from grids.cell import Cell, asked_threads, override_key
from grids.desk import Desk
from grids.grid import run_grid
from grids.pools.pool import Pool
from grids.view import GridView

TRUSTED = ("grids.pools.",)
NOT_IN_A_GRID = {
    "run_dir": "cells are named by what they compute; hydra.sweep.dir=... puts them elsewhere",
    "resume": "the same command goes on with a grid",
}


def launch(configs: Sequence[DictConfig], pool: Mapping[str, Any], *, retries: int) -> None:
    """Check every cell before the first one begins, then run the grid.

    Args:
        configs: One per cell, as Hydra composes it, with its own settings under `hydra`.
        pool: The pool's class as `_target_`, and its options.
        retries: How often a failed cell is tried again.

    Raises:
        UsageError: Something is asked for that does not fit; nothing was begun.
        CellFailed: Some cells failed; their lines are printed.
        StopTraining: The user wants to stop; running cells have written their checkpoints.
    """
    where = str(configs[0].hydra.sweep.dir)
    made = make_pool(pool, retries)
    desk = Desk(Path.cwd() / where / ".grid" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    cells = [_cell(config, made, desk) for config in configs]
    shared = [
        folder for folder, times in Counter(cell.folder for cell in cells).items() if times > 1
    ]
    if shared:
        raise UsageError(
            f"several cells would train in {shared[0]}: they compute the same, or differ only in "
            "what does not enter the folder's name, such as total_steps"
        )
    if run_grid(cells, made, retries=retries, where=where, view=GridView(cells)):
        raise CellFailed


def make_pool(description: Mapping[str, Any], retries: int) -> Pool:
    """Make the pool that conf/hydra/launcher and the command line describe.

    Raises:
        UsageError: A value is of the wrong type, or a package is missing; the message says which.
    """
    described = OmegaConf.create({"hydra": {"launcher": {**description, "retries": retries}}})
    checked: Any = OmegaConf.to_container(check_config(described, described).hydra.launcher)
    if checked.pop("retries") < 0:
        raise UsageError(f"hydra.launcher.retries must be at least 0, got {retries}")
    return factory_from_config(checked, trusted=TRUSTED)()


def _cell(composed: DictConfig, pool: Pool, desk: Desk) -> Cell:
    """Return the cell that a configuration describes."""
    overrides = list(composed.hydra.overrides.task)
    for key, reason in NOT_IN_A_GRID.items():
        if key in map(override_key, overrides):
            raise UsageError(f"leave {key}=... out of a grid: {reason}")
    config = cli.checked(composed, composed.hydra)
    require_sound(config)
    asked = asked_threads(overrides)
    folder = Path(str(composed.hydra.sweep.dir)) / cli.name_of(config, composed.hydra)
    cell = Cell(
        overrides=tuple(overrides),
        folder=folder,
        total_steps=config.total_steps,
        evaluation_episodes=config.evaluation_episodes,
        threads=pool.threads(asked),
        cwd=Path.cwd(),
        desk=desk,
    )
    require_same(cell.run, config, free=() if asked else ("num_threads",))
    return cell
