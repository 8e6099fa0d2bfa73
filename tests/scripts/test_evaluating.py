"""`evaluate.py` on runs that are there, that are not, and that are half there."""

import errno
import shutil

import pytest

import evaluate
from tests.command_line import TINY


def test_evaluation_writes_returns_and_compares_runs(command, tmp_path):
    grid = ("-m", *TINY, "env=InvertedPendulum-v5", "seed=0,1", "total_steps=32")
    assert command(*grid)[0] == 0
    options = ("episodes=2", "num_threads=1", "output=out")
    code, out, err = command("runs=runs/grid/*", *options, job=evaluate.evaluate)
    assert code == 0, err
    assert len(list(tmp_path.glob("runs/grid/*/evaluation.json"))) == 2
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"comparison.md", "comparison.csv", "curves.png", "report.html"}
    assert "deterministic" in out


def test_what_is_no_run_or_has_no_checkpoint_is_passed_over_and_said(command, tmp_path):
    assert command(*TINY, "env=InvertedPendulum-v5", "total_steps=32", "run_dir=runs/a")[0] == 0
    (tmp_path / "runs" / "notes").mkdir()
    shutil.copytree(tmp_path / "runs" / "a", tmp_path / "runs" / "early")
    shutil.rmtree(tmp_path / "runs" / "early" / "checkpoints")
    options = ("runs=runs/**", "episodes=1", "num_threads=1", "output=out")
    code, out, err = command(*options, job=evaluate.evaluate)
    assert (code, err) == (0, "")
    assert "runs/early  passed over: " in out
    page = (tmp_path / "out" / "report.html").read_text()
    for said in ("runs/notes is no run: it has no config.yaml", "runs/early was not evaluated"):
        assert f"note: {said}" in out
        assert said in page
    code, out, err = command(*options, "reference=mpl", job=evaluate.evaluate)
    assert (code, err.strip()) == (2, "unknown reference 'mpl'; did you mean 'mlp'?")
    assert out == ""  # said before anything is evaluated


def test_a_run_is_evaluated_under_its_own_challenge_another_or_none(command, tmp_path):
    own = ("challenge=leg_loss", "challenge.onset.window=[0.1,0.2]")
    assert command(*TINY, *own, "total_steps=32", "run_dir=r")[0] == 0
    options = ("runs=r", "episodes=2", "num_threads=1")

    def evaluated(*overrides):
        code, out, err = command(*options, *overrides, job=evaluate.evaluate)
        assert code == 0, err
        return out

    for nothing in ((), ("challenge=null",)):
        out = evaluated(*nothing)
        assert "r  under leg_loss (medium, train)" in out
        assert "before" in out and "area lost" in out
    assert "leg_loss (hard, test)" in evaluated("challenge.severity=hard", "challenge.split=test")
    assert "mass (medium)" in evaluated("challenge=mass", "challenge/onset=removed")
    assert "after-effect" in evaluated("challenge=mass", "challenge/onset=removed")
    out = evaluated("challenge=none")
    assert "under" not in out and "area lost" not in out
    assert not (tmp_path / "r" / "evaluation_rewards.npz").exists()


NO_EVALUATION = {
    "": "runs is missing: set runs=...",
    "runs=nowhere": "nowhere names no run: a run's folder has a config.yaml",
    "runs=": "runs= is empty (an unset variable?): name a run's folder",
    "runs=x episods=3": "unknown key 'episods'; did you mean 'episodes'?",
    "runs=x port=-1": "port must be at least 0 and at most 65535, got -1",
    "runs=x output=": "output= is empty (an unset variable?)",
    "runs=x env=Hopper-v5": "evaluate.py has no option 'env': every run keeps what it was trained",
    "runs=x total_steps=5": "evaluate.py has no option 'total_steps': every run keeps what it was",
    "runs=x brain/reflex=none": "evaluate.py has no option 'brain/reflex': every run keeps what",
}


@pytest.mark.parametrize("mistake", NO_EVALUATION)
def test_evaluating_what_is_not_there_is_told_in_one_line(mistake, command):
    code, _, err = command(*mistake.split(), job=evaluate.evaluate)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(NO_EVALUATION[mistake])


def test_an_option_that_would_do_nothing_to_one_run_is_told_before_it_is_evaluated(command):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    options = ("runs=r", "num_threads=1")
    for override, told in (
        ("episodes=0", "episodes=0 asks for nothing: add video=true, telemetry=true or live=true"),
        ("reference=foo", "unknown reference 'foo'; did you mean 'mlp'?"),
        ("reference=mlp", "reference=... is for comparing several runs: name more, or none"),
        ("checkpoint=step_000000999", "r has no checkpoint 'step_000000999'; the nearest is "
                                      "checkpoint=step_000000032"),
        ("checkpoint=30", "r has no checkpoint '30'; the nearest is checkpoint=step_000000032"),
    ):  # fmt: skip
        code, out, err = command(*options, override, job=evaluate.evaluate)
        assert (code, out, err) == (2, "", f"{told}\n")


@pytest.mark.parametrize("challenge", ["none", "mass"])
def test_a_full_disk_ends_an_evaluation_in_one_line_and_leaves_nothing(
    challenge, command, monkeypatch, tmp_path
):
    from agents import run_folder

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert command(*TINY, "env=InvertedPendulum-v5", "total_steps=32", "run_dir=r")[0] == 0
    before = set((tmp_path / "r").rglob("*"))
    monkeypatch.setattr(run_folder, "sync_to_disk", full)
    options = ("runs=r", "episodes=1", "num_threads=1", f"challenge={challenge}")
    code, _, err = command(*options, job=evaluate.evaluate)
    assert (code, err) == (1, "the disk is full: make room\n")
    assert set((tmp_path / "r").rglob("*")) == before
