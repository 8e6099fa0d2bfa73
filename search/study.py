"""A study's folder: Optuna's journal, what is searched, and which trial is whose.

A trial belongs to the process that holds the lock of its folder. Optuna calls it running until it
is told the result, so that a running trial without an owner is one whose process died: whoever
finds it goes on with it.
"""

import warnings
from contextlib import AbstractContextManager
from typing import Any

import optuna
from omegaconf import OmegaConf
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.trial import Trial, TrialState

from agents.config_check import differing_keys
from agents.errors import UsageError
from agents.run_folder import RunFolder, write_whole
from brains.factory import factory_from_config
from search.journal import alone, open_journal
from search.plan import Plan

TRUSTED = ("optuna.",)
IDENTITY = "study.yaml"


class Study:
    """A study as one process sees it.

    Attributes:
        plan: What is searched.
        optuna: Optuna's own view.
    """

    def __init__(self, plan: Plan) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.plan = plan
        self._make(plan.settings["sampler"], seed=0)  # a wrong option is told before anything is
        pruner = self._make(plan.settings["pruner"])
        plan.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._require_same()
            self.optuna = optuna.create_study(
                storage=JournalStorage(open_journal(plan.folder / "journal.log")),
                study_name=plan.folder.name,
                direction="maximize",
                pruner=pruner,
                load_if_exists=True,
            )

    def next_trial(self) -> "OwnTrial | None":
        """Return a trial for this process: one that was left, or a new one; None if all are taken.

        The lock makes sure that there are never more trials than were asked for, and that no
        process takes a new trial for one that was left.
        """
        with self._alone():
            for left in self.trials(TrialState.RUNNING):
                lock = self._own(left.number)
                if lock is not None:
                    self._draw_from(left.number)  # what it had not been given when it was left
                    trial = Trial(self.optuna, left._trial_id)
                    return OwnTrial(trial, self._suggest(trial), lock, begun=False)
            begun = [each for each in self.trials() if each.state != TrialState.WAITING]
            if len(begun) >= self.plan.settings["trials"]:
                return None
            if not self.trials() and self.plan.settings["begin_with_usual"]:
                self.optuna.enqueue_trial(self.plan.usual())
            self._draw_from(len(begun))
            trial = self.optuna.ask()
            lock = self._own(trial.number)
            assert lock is not None  # nobody else knows of it
            return OwnTrial(trial, self._suggest(trial), lock, begun=True)

    def trials(self, *states: TrialState) -> list[optuna.trial.FrozenTrial]:
        """Return the trials, of some states or of all."""
        return self.optuna.get_trials(deepcopy=False, states=states or None)

    def texts(self, trial: optuna.trial.FrozenTrial) -> dict[str, str]:
        """Return what a trial tries, by key, as it is written on a command line."""
        space = self.plan.space
        return {key: space[key].text(trial.params[key]) for key in space if key in trial.params}

    def best(self) -> optuna.trial.FrozenTrial | None:
        """Return the complete trial with the largest value, if there is one."""
        complete = self.trials(TrialState.COMPLETE)
        return max(complete, key=lambda trial: trial.value or 0.0) if complete else None

    def _draw_from(self, number: int) -> None:
        """Let the sampler that is asked for draw what the trial of a number tries.

        A sampler that began anew with the same seed would draw the same numbers again.
        """
        seed = self.plan.settings["sampler_seed"] + number
        self.optuna.sampler = self._make(self.plan.settings["sampler"], seed=seed)

    def _suggest(self, trial: Trial) -> dict[str, str]:
        return {key: each.suggest(trial, key) for key, each in self.plan.space.items()}

    def _own(self, number: int) -> RunFolder | None:
        """Return a trial's folder, locked; None if another process works there."""
        folder = RunFolder(self.plan.trial_folder(number))
        try:
            folder.lock()
        except UsageError:
            if folder.is_locked():
                return None
            raise
        return folder

    def _alone(self) -> AbstractContextManager[None]:
        """Keep other processes from asking for trials meanwhile."""
        return alone(self.plan.folder / ".lock")

    def _require_same(self) -> None:
        """Raise a UsageError if the folder holds a study of something else."""
        path, identity = self.plan.folder / IDENTITY, self.plan.identity()
        if not path.exists():
            write_whole(path, OmegaConf.to_yaml(identity))
            return
        there: Any = OmegaConf.to_container(OmegaConf.load(path))
        for key in differing_keys(identity, there):
            raise UsageError(
                f"{self.plan.folder} holds a study with another {key.partition('.')[2]}: "
                "move it away, or search.folder=... puts this one elsewhere"
            )

    @staticmethod
    def _make(description: dict[str, Any], **extra: Any) -> Any:
        """Make a sampler or a pruner as conf/search describes it."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                return factory_from_config(description, trusted=TRUSTED)(**extra)
        except (ValueError, TypeError) as error:
            kind = str(description.get("_target_")).rpartition(".")[2]
            raise UsageError(f"search: {kind}: {' '.join(str(error).split())}") from error


class OwnTrial:
    """A trial that this process has to itself.

    Attributes:
        trial: Optuna's view of it.
        number: Its number in the study.
        texts: What it tries, by key, as it is written on a command line.
        begun: Whether it begins; False if it goes on.
    """

    def __init__(
        self, trial: Trial, texts: dict[str, str], lock: RunFolder, *, begun: bool
    ) -> None:
        self.trial = trial
        self.number = trial.number
        self.texts = texts
        self.begun = begun
        self._lock = lock

    def release(self) -> None:
        """Let others have it; if its result was not told, they go on with it."""
        self._lock.unlock()
