"""What a study found: a table, how much each key matters, and command lines to paste."""

import csv
import io
import shlex
import warnings
from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from agents.after_training import quoted, this_python
from agents.run_folder import write_whole
from search.study import Study

ORDER = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.FAIL)
NAMES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.RUNNING: "running",
    TrialState.FAIL: "failed",
}


def tell_result(study: Study) -> None:
    """Print what was found, and write all trials into trials.csv."""
    trials = ranked(study)
    table = write_table(study, trials)
    counts = {name: sum(each.state == state for each in trials) for state, name in NAMES.items()}
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    print(f"\n{len(trials)} trials: {said}")
    print("\n".join(table_lines(study, trials[: study.plan.settings["shown"]])))
    if len(trials) > study.plan.settings["shown"]:
        print(f"  ... all {len(trials)} in {table}")
    for line in importance_lines(study):
        print(line)
    best = study.best()
    if best is None:
        print("no trial is complete: each one's log.txt in its folder says why")
        return
    python, options = this_python(), best_options(study, best)
    runs = quoted(study.plan.trial_folder(best.number)) + "/seed_*"
    print(f"\nBest: trial {best.number}, return {best.value:,.1f}")
    print(f"  {options}")
    print("Next (the best of many looks better than it is: confirm it with other seeds):")
    first = max(study.plan.settings["seeds"]) + 1
    seeds = ",".join(str(first + at) for at in range(5))
    print(f"  confirm   {python} train.py -m {options} seed={seeds}")
    print(f"  look      {python} evaluate.py runs='{runs}' video=true", flush=True)


def ranked(study: Study) -> list[FrozenTrial]:
    """Return the trials that have begun, the best first, then those that tell less."""
    begun = [trial for trial in study.trials() if trial.state in ORDER]
    return sorted(begun, key=lambda trial: (ORDER.index(trial.state), -(trial.value or 0.0)))


def best_options(study: Study, best: FrozenTrial) -> str:
    """Return the overrides of the best trial, as they are pasted behind train.py."""
    tried = [f"{key}={text}" for key, text in study.texts(best).items()]
    return shlex.join([*study.plan.asked, *tried])


def table_lines(study: Study, trials: Sequence[FrozenTrial]) -> list[str]:
    """Return a table of trials; keys are cut to what tells them apart."""
    keys = list(study.plan.space)
    heading = ["trial", "", "return", *(short(key, keys) for key in keys)]
    rows = [heading, *(_row(study, trial, keys) for trial in trials)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def short(key: str, keys: Sequence[str]) -> str:
    """Return the shortest end of a dotted key that no other one has."""
    names = key.split(".")
    ends = [".".join(names[at:]) for at in reversed(range(len(names)))]
    return next(end for end in ends if sum(f".{other}".endswith(f".{end}") for other in keys) == 1)


def write_table(study: Study, trials: Sequence[FrozenTrial]) -> Path:
    """Write all trials with whole keys into trials.csv, and return it."""
    path, keys = study.plan.folder / "trials.csv", list(study.plan.space)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "return", *keys, "note"])
    for trial in trials:
        texts = study.texts(trial)
        # Optuna's value of a pruned trial is its last report, which is no evaluation.
        value = "" if trial.state != TrialState.COMPLETE else repr(trial.value)
        tried = [texts.get(key, "") for key in keys]
        note = trial.user_attrs.get("note", "")
        writer.writerow([trial.number, NAMES[trial.state], value, *tried, note])
    write_whole(path, text.getvalue())
    return path


def importance_lines(study: Study) -> list[str]:
    """Return how much each key mattered, once enough trials are complete to say."""
    complete = [trial for trial in study.trials(TrialState.COMPLETE) if trial.params]
    if len(complete) < study.plan.settings["importance_from"] or len(study.plan.space) < 2:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        found = get_param_importances(study.optuna, evaluator=PedAnovaImportanceEvaluator())
    heading = f"\nHow much each mattered to be among the best (PED-ANOVA, {len(complete)} trials):"
    return [heading, *(f"  {share:5.0%}  {key}" for key, share in found.items())]


def _row(study: Study, trial: FrozenTrial, keys: Sequence[str]) -> list[str]:
    texts = study.texts(trial)
    value = f"{trial.value:,.1f}" if trial.state == TrialState.COMPLETE else ""
    state = NAMES[trial.state]
    return [str(trial.number), state, value, *(texts.get(key, "") for key in keys)]
