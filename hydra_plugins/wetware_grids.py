"""Hydra's way into our grids.

Hydra finds launchers in `hydra_plugins` only, and imports this file at every start: it is kept
light.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class GridLauncher(Launcher):
    """Runs the cells of `train.py -m` in a pool.

    Args:
        pool: Class of the pool, a name below `grids.pools`.
        retries: How often a failed cell is tried again.
        options: The pool's own.
    """

    def __init__(self, *, pool: str, retries: int, **options: Any) -> None:
        self._pool = {"_target_": pool, **options}
        self._retries = retries

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra knows."""
        del task_function  # every cell is a process of train.py
        self._context, self._config = hydra_context, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the cells, and return when all have ended.

        Raises:
            CellFailed: Some failed; their lines are printed.
        """
        from grids.launch import launch

        del initial_job_idx
        loader = self._context.config_loader
        configs = [loader.load_sweep_config(self._config, list(each)) for each in job_overrides]
        launch(configs, self._pool, retries=self._retries)
        return [
            JobReturn(overrides=list(each), status=JobStatus.COMPLETED) for each in job_overrides
        ]
