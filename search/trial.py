"""One trial: a training per seed, shown to the pruner as it goes, then evaluated."""

import errno
import os
from functools import partial
from statistics import fmean
from typing import NamedTuple

import torch
from optuna.trial import TrialState

from agents.errors import CheckpointError, RunError, StopTraining, UsageError
from agents.evaluation import Conditions, evaluate_run
from agents.progress import read_progress
from grids.cell import Cell
from grids.desk import Desk
from grids.run_cell import run_cell
from search.plan import Plan
from search.study import OwnTrial

EVALUATION_SEED = 1000
"""Seed of the episodes that trials are compared by, as in conf/evaluate.yaml."""


class Ending(NamedTuple):
    """How a trial ended.

    Attributes:
        state: Complete, pruned or failed, as Optuna calls it.
        value: Mean return over the seeds, of a complete one.
        note: What went wrong, or at which share of its steps it was pruned.
    """

    state: TrialState
    value: float | None = None
    note: str = ""


class Watch:
    """Shows a trial's returns to the pruner, and ends the training that it gives up.

    A training is looked at where it passes equal shares of its steps, so that trials whose rollouts
    differ in length can be held against each other; shares count on from seed to seed.

    Attributes:
        pruned: Whether the pruner gave the trial up.
    """

    def __init__(self, own: OwnTrial, plan: Plan) -> None:
        self.pruned = False
        self._trial = own.trial
        self._plan = plan
        self._size = -1
        self._last = max(self._known(), default=0)

    def look(self, cell: Cell, *, before: int, may_end: bool = True) -> None:
        """Report what is new.

        Args:
            cell: The training that runs.
            before: Shares of the trainings that came before it.
            may_end: Whether the training may be ended.
        """
        path = cell.run.progress.path
        size = path.stat().st_size if path.exists() else 0
        if size == self._size or self.pruned:
            return
        self._size = size
        reports, total = self._plan.settings["reports"], cell.total_steps
        for row in read_progress(path):
            passed = before + min(int(row["env_steps"]) * reports // total, reports)
            if passed <= self._last or not row["episode_return_mean"]:
                continue
            for share in range(self._last + 1, passed + 1):
                self._trial.report(float(row["episode_return_mean"]), share)
                self._last = share
            if may_end and self._trial.should_prune():
                self.pruned = True
                cell.desk.ask_to_stop()
                return

    @property
    def share(self) -> float:
        """The part of the trial's steps that was looked at."""
        return self._last / (self._plan.settings["reports"] * len(self._plan.settings["seeds"]))

    def _known(self) -> list[int]:
        """Return the shares that were reported before the trial was interrupted."""
        trials = self._trial.study.get_trials(deepcopy=False)
        return list(trials[self._trial.number].intermediate_values)


def run_trial(own: OwnTrial, plan: Plan) -> Ending:
    """Do what is left of a trial.

    Args:
        own: The trial; what it has trained before is not trained again.
        plan: The search.

    Raises:
        StopTraining: Ctrl-C or SIGTERM; the training has written its checkpoint.
        OSError: The disk is full, which says nothing about what the trial tries.
    """
    desk = Desk(plan.folder / ".desks" / f"trial_{own.number:03}-{os.getpid()}")
    desk.set_up()
    watch, values = Watch(own, plan), []
    try:
        with desk.stops_by_signal() as signals:
            for at, seed in enumerate(plan.settings["seeds"]):
                cell = plan.cell(own.number, seed, own.texts, desk)
                before = at * plan.settings["reports"]
                look = partial(watch.look, cell, before=before)
                outcome = run_cell(cell, look)
                if outcome.killed:  # not for what it tries; it goes on from its checkpoint
                    outcome = run_cell(cell, look)
                watch.look(cell, before=before, may_end=False)
                if signals.received is not None:
                    raise StopTraining(signals.received)
                if outcome.status == "stopped":
                    return Ending(TrialState.PRUNED, note=f"{watch.share:.0%} of its steps")
                if outcome.no_room:
                    raise OSError(errno.ENOSPC, outcome.error)
                if outcome.status == "failed":
                    return Ending(TrialState.FAIL, note=outcome.error)
                values.append(_value(cell, plan))
                if signals.received is not None:
                    raise StopTraining(signals.received)
    except (CheckpointError, RunError, UsageError) as error:
        return Ending(TrialState.FAIL, note=str(error))
    finally:
        desk.clear()
    return Ending(TrialState.COMPLETE, fmean(values))


def _value(cell: Cell, plan: Plan) -> float:
    """Return the mean return of a finished training, from its record if it has one."""
    episodes = plan.training["evaluation_episodes"]
    torch.set_num_threads(plan.training["num_threads"])
    record = evaluate_run(
        cell.run.path,
        Conditions(episodes, EVALUATION_SEED, num_envs=episodes),
        num_threads=plan.training["num_threads"],
        device=plan.training["device"],
    )
    return fmean(record[plan.settings["objective"]]["returns"])
