"""A run folder says what the run was, and nothing that goes wrong later takes it away."""

import shutil
import signal

import pytest
from omegaconf import OmegaConf

import evaluate
from agents.progress import read_progress
from tests.command_line import TINY, start
from tests.command_line import train as run_train


def test_a_run_folder_holds_what_the_run_was(command, tmp_path):
    code, out, err = command(*TINY, "total_steps=64", "tracker=tensorboard")
    assert code == 0, err
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name == "HalfCheetah-v5_mlp_ppo_agent.n_epochs-1_agent.n_minibatches-1_" + (
        "agent.n_steps-16_num_envs-2_seed0"
    )
    found = {path.name for path in folder.iterdir()}
    assert found >= {"config.yaml", "command.txt", "versions.json", "progress.csv", "checkpoints"}
    assert list((folder / "tensorboard").glob("events.*"))
    assert (folder / "checkpoints" / "latest").resolve().name == "step_000000064"
    assert [row["env_steps"] for row in read_progress(folder / "progress.csv")] == ["32", "64"]
    assert "train.py" in (folder / "command.txt").read_text()
    assert f"resume=runs/{folder.name}" in out


def test_a_run_is_never_overwritten(command, tmp_path):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*")}
    code, _, err = command(*TINY, "total_steps=32", "run_dir=r")
    assert (code, err) == (2, "r holds a run: resume=r goes on with it, "
                              "or choose another run_dir\n")  # fmt: skip
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*")} == before
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").touch()
    code, _, err = command(*TINY, "run_dir=photos")
    assert (code, err) == (2, "photos holds other files: choose another run_dir\n")


def test_a_resumed_run_changes_nothing_but_its_budget(command):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    code, _, err = command("resume=r", "agent.gamma=0.9")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("a resumed run cannot change agent.gamma, only total_steps")
    code, out, err = command("resume=r", "total_steps=64", "film=false")
    assert (code, err) == (0, "")
    assert "64/64 steps" in out


def test_a_run_whose_checkpoints_are_gone_is_not_begun_again_over_its_record(command, tmp_path):
    options = (*TINY, "total_steps=96", "checkpoint_every=64")
    assert command(*options, "run_dir=r")[0] == 0
    shutil.copytree(tmp_path / "r", tmp_path / "emptied", symlinks=True)
    shutil.rmtree(tmp_path / "r" / "checkpoints")
    for folder in (tmp_path / "emptied" / "checkpoints").glob("step_*"):
        shutil.rmtree(folder)
    for name in ("r", "emptied"):
        before = (tmp_path / name / "progress.csv").read_bytes()
        code, out, err = command(f"resume={name}", "total_steps=960", "checkpoint_every=1000")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"{name} has trained 96 steps, but no checkpoint is left in")
        assert "another run_dir=" in err
        assert (tmp_path / name / "progress.csv").read_bytes() == before


def test_a_run_that_ended_before_its_first_checkpoint_begins_again_and_says_so(command, tmp_path):
    assert command(*TINY, "total_steps=96", "run_dir=r")[0] == 0
    whole = (tmp_path / "r" / "progress.csv").read_text().splitlines(keepends=True)
    (tmp_path / "r" / "progress.csv").write_text("".join(whole[:-1]))
    shutil.rmtree(tmp_path / "r" / "checkpoints")
    (tmp_path / "r" / "checkpoints").mkdir()
    code, _, err = command("resume=r")
    assert (code, err) == (0, "r has no checkpoint yet: it begins again at its first step\n")
    assert [row["env_steps"] for row in read_progress(tmp_path / "r" / "progress.csv")] == [
        *("32", "64", "96")
    ]


def test_a_run_whose_checkpoints_are_all_damaged_is_told_how_to_begin_anew(command, tmp_path):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    for tensors in (tmp_path / "r" / "checkpoints").glob("step_*/*.safetensors"):
        tensors.write_bytes(b"")
    code, _, err = command("resume=r", "total_steps=64")
    assert code == 1
    last = err.splitlines()[-1]
    assert last.startswith("every checkpoint in r/checkpoints is damaged | there is nothing to go")
    assert "another run_dir=" in last and "no checkpoint was written yet" not in err
    assert len(read_progress(tmp_path / "r" / "progress.csv")) == 1


@pytest.mark.parametrize("key", ["brain.critic.sees_memory", "brain.action_gain", "seed", "film"])
def test_a_run_of_an_older_version_is_told_which_key_it_lacks(key, command, tmp_path):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    config = OmegaConf.load(tmp_path / "r" / "config.yaml")
    above, _, last = key.rpartition(".")
    del (OmegaConf.select(config, above) if above else config)[last]
    OmegaConf.save(config, tmp_path / "r" / "config.yaml")
    told = f"r/config.yaml lacks {key}, which this version needs: add it there"
    code, out, err = command("resume=r", "total_steps=64")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(told) and "r/versions.json names its commit" in err
    assert len(read_progress(tmp_path / "r" / "progress.csv")) == 1
    if "." in key:
        code, _, err = command("runs=r", "episodes=1", "num_threads=1", job=evaluate.evaluate)
        assert (code, err.count("\n")) == (2, 1)
        assert told in err


def test_two_processes_never_train_in_one_folder(command, tmp_path):
    process = start("train.py", *TINY, "total_steps=100_000_000", "run_dir=r", cwd=tmp_path)
    while not (tmp_path / "r" / "config.yaml").exists():
        assert process.poll() is None
    code, _, err = command("resume=r")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("another process is training in r")


def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_the_checkpoint(command, tmp_path):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    config = tmp_path / "r" / "config.yaml"
    config.write_text(
        config.read_text().replace("value_coefficient: 0.5", "value_coefficient: .nan")
    )
    code, _, err = command("resume=r", "total_steps=96")
    assert (code, err.count("\n")) == (1, 1), err
    assert "nan" in err
    assert "the checkpoint at step 32 is intact, but going on from it would end here again" in err
    assert "resume" not in err


def test_physics_that_is_not_finite_stops_the_run(command, monkeypatch):
    from envs import PhysicsError
    from envs.sb3 import EngineVecEnv

    def broken(self):
        raise PhysicsError("HalfCheetah-v5: row 1 became non-finite at its step 3")

    monkeypatch.setattr(EngineVecEnv, "step_wait", broken)
    code, _, err = command(*TINY, "run_dir=r")
    assert (code, err.count("\n")) == (1, 1)
    assert "row 1 became non-finite at its step 3" in err
    assert "no checkpoint was written yet" in err


def test_a_full_disk_stops_the_run_in_one_line(command, monkeypatch):
    from agents.progress import ProgressFile

    def full(self, row):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ProgressFile, "append", full)
    code, _, err = command(*TINY, "run_dir=r")
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("the disk is full: make room")


def test_without_a_renderer_training_is_complete_and_the_message_says_what_mends_it(tmp_path):
    options = (*TINY, "total_steps=32", "film=true", "run_dir=r")
    finished = run_train(*options, cwd=tmp_path, env={"MUJOCO_GL": "disabled"})
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.count("\n") == 1
    assert finished.stderr.startswith("no film, but the training is complete: ")
    assert "make doctor" in finished.stderr
    assert "checkpoint     r/checkpoints/latest" in finished.stdout


def test_a_device_that_is_not_here_stops_a_resumed_run_and_an_evaluation_and_spoils_nothing(
    command, tmp_path
):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    config = tmp_path / "r" / "config.yaml"
    config.write_text(config.read_text().replace("device: cpu", "device: cuda:99"))
    before = {path: path.read_bytes() for path in (tmp_path / "r").rglob("*") if path.is_file()}
    code, out, err = command("resume=r", "total_steps=64")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("r cannot be resumed: device=cuda:99 cannot be used here (")
    assert "write device: cpu into its config.yaml" in err
    assert command("device=cuda:99", "run_dir=new").code == 2
    assert not (tmp_path / "new").exists()
    code, out, err = command("runs='[r,r]'", "device=cuda:99", job=evaluate.evaluate)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("device=cuda:99 cannot be used here (")
    assert "use device=cpu, and see what `make doctor` says" in err
    after = {path: path.read_bytes() for path in (tmp_path / "r").rglob("*") if path.is_file()}
    assert after == before
    assert command("runs=r", "episodes=1", "num_threads=1", job=evaluate.evaluate).code == 0
    config.write_text(config.read_text().replace("device: cuda:99", "device: cpu"))
    assert command("resume=r", "total_steps=64").code == 0


def test_a_record_that_is_gone_is_missed_when_its_run_goes_on(command, tmp_path):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    (tmp_path / "r" / "progress.csv").unlink()
    code, _, err = command("resume=r", "total_steps=64")
    assert (code, err) == (0, "r/progress.csv is gone: it will tell of what comes after 32 steps "
                              "alone\n")  # fmt: skip
    assert [row["env_steps"] for row in read_progress(tmp_path / "r" / "progress.csv")] == ["64"]
