"""A training that is killed and resumed goes on exactly as if nothing had happened."""

import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from agents.build import build_agent, make_env
from agents.checkpoint import load_tree, save_tree
from agents.progress import WALL_CLOCK_COLUMNS, read_progress
from agents.state_tree import flatten
from tests.command_line import CONFIGS, QUICK, SMALL, call, options_of, run, start, wait_until
from train import train

UPDATES = 18
STEPS = 32 * UPDATES
BRAINS = options_of("brain")
BODIES = [env for env in options_of("env") if env != "any"]
BASELINES = [agent for agent in options_of("agent") if agent != "ppo"]
CASES = {
    **{brain: ("agent=ppo", f"brain={brain}", *SMALL["ppo"]) for brain in BRAINS},
    **{agent: (f"agent={agent}", *SMALL[agent]) for agent in BASELINES},
    **{
        f"{agent} with modalities": (f"agent={agent}", "env=Reversal", *SMALL[agent])
        for agent in BASELINES
    },
    "challenges": (
        *("agent=ppo", "brain=mlp", *SMALL["ppo"], "challenge=[leg_loss,noise,mass]"),
        *("challenge/onset=drift", "challenge.onset.window=[0.0,0.2]"),
    ),
    "feedback": (
        *("agent=ppo", "brain=gru", *SMALL["ppo"], "feedback=[action,reward,alive]"),
        *("challenge=[dropout,leg_loss]", "challenge/onset=start"),
    ),
    "distractors": (
        *("agent=ppo", "brain=gru", *SMALL["ppo"], "distractors=hard", "feedback=[alive]"),
        *("challenge=dropout", "challenge/onset=start"),
    ),
}
"""Every brain and baseline joins by having a file in conf/; and bodies that break and tell it."""

WITH_MODALITIES = [
    *(
        (f"env={body}",)
        for body in ("Forager", "Gaze", "Quadruped", "Reach", "Reversal", "TMaze", "Whisker")
    ),
    ("env=InvertedPendulum-v5", "feedback=[action,reward]"),
    ("env=InvertedPendulum-v5", "distractors=medium"),
]
"""What makes an observation a Dict: the bodies of this project, and what is added to others."""

EVERY = ("checkpoint_every=96", f"total_steps={STEPS}")


def record(path: Path) -> list[dict[str, str]]:
    """Return progress.csv without what depends on the clock."""
    rows = read_progress(path / "progress.csv")
    return [
        {name: value for name, value in row.items() if name not in WALL_CLOCK_COLUMNS}
        for row in rows
    ]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Return a function that gives the record of a case that was left alone."""
    folder = tmp_path_factory.mktemp("uninterrupted")

    def get(name: str) -> list[dict[str, str]]:
        if not (folder / name).exists():
            options = (*QUICK, *EVERY, *CASES[name], f"run_dir={name}")
            answer = call(train, *options, cwd=folder)
            assert answer.code == 0, answer.err
        return record(folder / name)

    return get


@pytest.mark.parametrize("body", BODIES)
def test_every_body_goes_on_bit_for_bit_from_a_checkpoint(body, tmp_path):
    assert_goes_on_bit_for_bit(f"env={body}", "brain=mlp", *SMALL["ppo"], folder=tmp_path)


@pytest.mark.parametrize("agent", BASELINES)
@pytest.mark.parametrize("told", WITH_MODALITIES)
def test_a_baseline_with_modalities_goes_on_bit_for_bit_from_a_checkpoint(told, agent, tmp_path):
    assert_goes_on_bit_for_bit(*told, f"agent={agent}", *SMALL[agent], folder=tmp_path)


def test_the_bodies_that_sense_in_modalities_are_all_among_those_of_the_baselines():
    several = []
    for body in BODIES:
        env = make_env(composed(f"env={body}", "brain=mlp"))
        if isinstance(env.observation_space, spaces.Dict):
            several.append((f"env={body}",))
        env.close()
    assert several == [told for told in WITH_MODALITIES if len(told) == 1]
    assert len(several) == 7


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("train", [*overrides, "num_threads=1"])


def assert_goes_on_bit_for_bit(*overrides: str, folder: Path) -> None:
    """Train a learner beyond a checkpoint, another one from it, and hold them together."""
    config = composed(*overrides)

    def live(learner, updates):
        rows = []
        for _ in range(updates):
            learner.learn(32, reset_num_timesteps=False)
            rows.append(learner.progress_row())
        return [{k: v for k, v in row.items() if k not in WALL_CLOCK_COLUMNS} for row in rows]

    def begin():
        return build_agent(config, make_env(config))

    first, second = begin(), begin()
    live(first, updates=4)
    save_tree(folder / "step", first.training_state(), metadata={})
    # The one to be compared with goes on at once: learners share the libraries' generators.
    expected = live(first, updates=4)
    assert all(row["value_loss"] is not None for row in expected), "it did not learn"
    _, arrays = flatten(first.training_state())
    second.load_training_state(load_tree(folder / "step")[0])
    assert live(second, updates=4) == expected
    _, others = flatten(second.training_state())
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array.numpy(), others[name].numpy(), err_msg=name)
    for learner in (first, second):
        learner.get_env().close()


def stop(process: subprocess.Popen[str], *signals: signal.Signals) -> str:
    for number in signals:
        process.send_signal(number)
    return "".join(process.communicate(timeout=120))


@pytest.mark.parametrize("name", CASES)
def test_a_killed_run_resumes_as_if_it_had_never_stopped(name, uninterrupted, tmp_path):
    process = start("train.py", *QUICK, *EVERY, *CASES[name], "run_dir=killed", cwd=tmp_path)
    wait_until(process, tmp_path / "killed", rows=5)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    kept = len(record(tmp_path / "killed"))
    resumed = run("train.py", "resume=killed", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    expected = uninterrupted(name)
    assert kept < len(expected) == len(record(tmp_path / "killed"))
    assert record(tmp_path / "killed") == expected


def test_a_run_killed_in_every_other_update_resumes_each_time(uninterrupted, tmp_path):
    """A checkpoint follows every update, so that some kills fall into the writing of one."""
    name = "mlp"
    options = (*QUICK, "checkpoint_every=1", f"total_steps={STEPS}", *CASES[name])
    process = start("train.py", *options, "run_dir=killed", cwd=tmp_path)
    for rows in (3, 8, 13):
        wait_until(process, tmp_path / "killed", rows)
        process.kill()
        process.communicate()
        process = start("train.py", "resume=killed", cwd=tmp_path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert record(tmp_path / "killed") == uninterrupted(name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_a_checkpoint_and_says_how_to_go_on(number, uninterrupted, tmp_path):
    name = "mlp"
    options = ("checkpoint_every=64", f"total_steps={STEPS}", *CASES[name])
    process = start("train.py", *QUICK, *options, "run_dir=stopped", cwd=tmp_path)
    wait_until(process, tmp_path / "stopped", rows=4)
    said = stop(process, number)
    assert process.returncode == 128 + number
    assert "train.py resume=stopped" in said
    assert "Traceback" not in said
    rows = record(tmp_path / "stopped")
    _, metadata = load_tree(tmp_path / "stopped" / "checkpoints" / "latest")
    assert metadata["env_steps"] == int(rows[-1]["env_steps"])
    resumed = run("train.py", "resume=stopped", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert record(tmp_path / "stopped") == uninterrupted(name)


def test_a_second_signal_stops_at_once_and_leaves_the_last_checkpoint(tmp_path):
    slow = ("agent.n_epochs=400", "agent.n_steps=64", "num_envs=8", "total_steps=100_000")
    options = (*CASES["mlp"], *slow, "checkpoint_every=1")
    process = start("train.py", *QUICK, *options, "run_dir=stopped", cwd=tmp_path)
    wait_until(process, tmp_path / "stopped", rows=1)
    process.send_signal(signal.SIGINT)
    assert "stopping after this update" in process.stderr.readline() + process.stderr.readline()
    said = stop(process, signal.SIGINT)
    assert process.returncode == 128 + signal.SIGINT
    assert "stopped at once" in said
    assert load_tree(tmp_path / "stopped" / "checkpoints" / "latest")[1]["env_steps"] > 0


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(uninterrupted, tmp_path):
    options = (*QUICK, *EVERY, *CASES["mlp"], "run_dir=run")
    assert call(train, *options, cwd=tmp_path).code == 0
    newest = sorted((tmp_path / "run" / "checkpoints").glob("step_*"))[-1]
    (newest / "state.json").write_text("{")
    resumed = call(train, "resume=run", cwd=tmp_path)
    assert resumed.code == 0, resumed.err
    assert f"{newest.name}/state.json is damaged" in resumed.err
    assert record(tmp_path / "run") == uninterrupted("mlp")


def test_a_finished_run_goes_on_when_it_gets_more_steps(tmp_path):
    options = (*QUICK, *CASES["mlp"], "total_steps=96", "run_dir=run")
    assert call(train, *options, cwd=tmp_path).code == 0
    again = call(train, "resume=run", cwd=tmp_path)
    assert (again.code, len(record(tmp_path / "run"))) == (0, 3)
    assert "already finished" in again.out
    more = call(train, "resume=run", "total_steps=160", cwd=tmp_path)
    assert (more.code, len(record(tmp_path / "run"))) == (0, 5), more.err
