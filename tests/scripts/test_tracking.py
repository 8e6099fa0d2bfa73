"""Trackers mirror a training, and never stop it."""

from agents import trackers
from agents.progress import read_progress
from tests.command_line import TINY
from tests.command_line import train as run_train


def test_a_tracker_that_fails_is_left_out_and_training_goes_on(command, monkeypatch, tmp_path):
    def broken(*_):
        raise ConnectionError("no route")

    monkeypatch.setattr(trackers.TensorBoardTracker, "log", broken)
    code, _, err = command(*TINY, "tracker=tensorboard", "total_steps=64", "run_dir=r")
    assert (code, err) == (0, "tracker tensorboard failed and is left out: no route\n")
    assert len(read_progress(tmp_path / "r" / "progress.csv")) == 2


def test_wandb_without_a_key_stays_offline_and_never_asks(tmp_path):
    offline = {"WANDB_API_KEY": "", "HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc")}
    options = (*TINY[1:], "num_threads=1", "film=false", "tracker=wandb", "total_steps=64")
    finished = run_train(*options, "tracker=wandb", "run_dir=r", cwd=tmp_path, env=offline)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert "Enter your choice" not in finished.stdout
    (folder,) = (tmp_path / "r" / "wandb").glob("offline-run-*")
    assert list(folder.glob("*.wandb"))


def test_wandb_online_without_a_key_is_a_mistake_before_training(command, monkeypatch, tmp_path):
    monkeypatch.setattr(trackers, "has_wandb_key", lambda: False)
    code, _, err = command(*TINY, "tracker=wandb", "tracker.wandb.mode=online", "run_dir=r")
    assert (code, err.count("\n")) == (2, 1)
    assert "set WANDB_API_KEY" in err
