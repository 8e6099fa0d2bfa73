"""A study loses no trial when it is killed, ends those that are behind, and tells what it found."""

import csv
import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("optuna", reason="the search extra is not installed")

from optuna.trial import TrialState, create_trial

from agents.errors import DISK_FULL
from agents.progress import read_progress
from grids.run_cell import Outcome
from search import trial
from search.plan import read_plan
from search.result import short
from search.study import Study
from search.workers import work
from tests.command_line import QUICK, ROOT, SMALL, wait_until

WORDS = (
    *("search=ppo_rates", "env=InvertedPendulum-v5", "brain=mlp", f"total_steps={32 * 100}"),
    *(*QUICK, *SMALL["ppo"], "checkpoint_every=320", "evaluation_episodes=2"),
    *("search.folder=study", "search.pruner.n_startup_trials=1", "search.trials=1"),
)


def start(*words, cwd):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-m", "search", *WORDS, *words]
    return subprocess.Popen(command, cwd=cwd, env=environment, **pipes)


def finish(*words, cwd):
    process = start(*words, cwd=cwd)
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    return out


def study_in(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return Study(read_plan(WORDS))


def table(folder):
    with (folder / "study" / "trials.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Return the folder of a study that was killed in its trial, and what it then said."""
    folder = tmp_path_factory.mktemp("search")
    process = start(cwd=folder)
    wait_until(process, folder / "study" / "trial_000" / "seed_0", rows=12)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return folder, finish(cwd=folder)


def test_a_killed_study_goes_on_with_the_trial_that_it_was_at(killed):
    folder, out = killed
    assert "trial 0   resumed" in out
    assert "trial 0   finished" in out
    assert "1 trials: 1 complete" in out
    run = folder / "study" / "trial_000" / "seed_0"
    commands = (run / "command.txt").read_text().splitlines()
    assert len(commands) == 2
    assert f"resume={run.relative_to(folder)}" in commands[1]
    steps = [int(row["env_steps"]) for row in read_progress(run / "progress.csv")]
    assert steps == [32 * update for update in range(1, 101)]
    (row,) = table(folder)
    assert row["state"] == "complete"
    assert float(row["return"]) > 0


def test_what_was_found_can_be_pasted(killed):
    _, out = killed
    line = next(line for line in out.splitlines() if line.startswith("  confirm "))
    assert "train.py -m " in line
    assert "brain.learning.rate=" in line
    assert "seed=1,2,3,4,5" in line
    assert "search" not in line.partition("train.py")[2]


def test_every_report_reached_the_study_once(killed, monkeypatch):
    folder, _ = killed
    (trial,) = study_in(folder, monkeypatch).trials(TrialState.COMPLETE)
    reported = sorted(trial.intermediate_values)
    assert reported == list(range(reported[0], 21))
    assert reported[0] <= 5


def test_a_trial_that_is_behind_the_others_is_ended_and_marked(killed, monkeypatch):
    folder, _ = killed
    study = study_in(folder, monkeypatch)
    (own,) = study.trials(TrialState.COMPLETE)
    for _ in range(2):  # trials that are far ahead
        ahead = {share: 1e6 for share in range(1, 21)}
        known = {"params": own.params, "distributions": own.distributions}
        study.optuna.add_trial(create_trial(value=1e6, intermediate_values=ahead, **known))
    out = finish("search.trials=4", cwd=folder)
    assert "trial 3   pruned" in out
    assert "4 trials: 3 complete, 1 pruned" in out
    last = table(folder)[-1]
    assert (last["trial"], last["state"], last["return"]) == ("3", "pruned", "")
    rows = read_progress(folder / "study" / "trial_003" / "seed_0" / "progress.csv")
    assert 100 // 4 < len(rows) < 100


def test_a_trial_belongs_to_one_process_and_a_left_one_to_whoever_comes(killed, monkeypatch):
    study = study_in(killed[0], monkeypatch)
    study.plan.settings["trials"] = 2 + len(study.trials())
    first, second = study.next_trial(), study.next_trial()
    assert second.number == first.number + 1
    assert study.next_trial() is None
    first.release()
    again = Study(study.plan).next_trial()
    assert (again.number, again.texts, again.begun) == (first.number, first.texts, False)
    for own in (again, second):
        study.optuna.tell(own.number, state=TrialState.FAIL)
        own.release()


def test_a_study_of_something_else_is_not_gone_on_with(killed):
    process = start("agent.gamma=0.9", cwd=killed[0])
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "study holds a study with another agent.gamma: move it away" in err
    assert err.count("\n") == 1


def test_keys_are_cut_to_what_tells_them_apart():
    keys = ["a.gain.bound", "a.attention.bound", "a.rate"]
    assert [short(key, keys) for key in keys] == ["gain.bound", "attention.bound", "rate"]


def test_a_trial_that_was_left_before_it_had_its_values_is_given_those_it_would_have_had(
    tmp_path, monkeypatch
):
    words = (*WORDS, "search/sampler=random", "search.begin_with_usual=false")
    monkeypatch.chdir(tmp_path)
    told = []
    for folder, dies in (("whole", False), ("left", True)):
        plan = read_plan((*words, f"search.folder={folder}"))
        if dies:
            Study(plan).optuna.ask()
        own = Study(plan).next_trial()
        assert own is not None and own.begun is not dies
        told.append(own.texts)
        own.release()
    assert told[0] == told[1]


def test_a_full_disk_ends_a_study_and_no_trial_is_given_up_for_it(tmp_path, monkeypatch):
    study = study_in(tmp_path, monkeypatch)
    full = Outcome("failed", f"checkpoint x was not written: {DISK_FULL} (0 MiB free): make room")
    monkeypatch.setattr(trial, "run_cell", lambda *_: full)
    with pytest.raises(OSError, match="the disk is full"):
        work(study)
    monkeypatch.undo()
    study = study_in(tmp_path, monkeypatch)
    again = study.next_trial()
    assert (again.number, again.begun) == (0, False)
    again.release()


@pytest.mark.parametrize(("times", "state"), [(1, "stopped"), (2, "failed")])
def test_a_training_that_is_killed_is_tried_once_more(times, state, tmp_path, monkeypatch):
    study = study_in(tmp_path, monkeypatch)
    killed = Outcome("failed", "ended by SIGKILL; the last it said: nothing", killed=True)
    outcomes = iter([*[killed] * times, Outcome("stopped")])
    monkeypatch.setattr(trial, "run_cell", lambda *_: next(outcomes))
    own = study.next_trial()
    ending = trial.run_trial(own, study.plan)
    own.release()
    assert ending.state == {"stopped": TrialState.PRUNED, "failed": TrialState.FAIL}[state]
