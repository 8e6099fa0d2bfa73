"""Runs the scripts as users do, small and quick."""

import contextlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from agents import cli

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / "conf"

QUICK = ("num_threads=1", "tracker=none", "film=false", "evaluation_episodes=0")
"""What every small training has in common."""

SMALL_PPO = ("num_envs=2", "agent.n_steps=16", "agent.n_epochs=1")
SMALL = {
    "ppo": (*SMALL_PPO, "agent.n_minibatches=1"),
    "sb3_ppo": (*SMALL_PPO, "agent.batch_size=32"),
    "sb3_recurrent_ppo": (*SMALL_PPO, "agent.batch_size=32"),
    "sb3_sac": (
        "agent.row_every=32",
        "agent.train_freq=4",
        "agent.batch_size=16",
        "agent.buffer_size=200",
    ),
}
"""Overrides that make an update of each agent take 32 steps and little time."""

TINY = (*QUICK, "brain=mlp", *SMALL["ppo"], "checkpoint_every=1000")
"""A training of a small brain whose updates take 32 steps."""


def options_of(group: str) -> list[str]:
    """Return the options of a config group, but for the one that stands for nothing."""
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml") if path.stem != "none")


def start(script: str, *overrides: str, cwd: Path, **options) -> subprocess.Popen[str]:
    """Start train.py or evaluate.py in a folder."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **options.pop("env", {})}
    command = [sys.executable, str(ROOT / script), *overrides]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=cwd, env=environment, **pipes, **options)


def run(script: str, *overrides: str, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    """Run train.py or evaluate.py in a folder to its end."""
    process = start(script, *overrides, cwd=cwd, **options)
    stdout, stderr = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


class Answer(NamedTuple):
    """What a script printed and how it ended."""

    code: int
    out: str
    err: str


def call(job, *overrides: str, cwd: Path) -> Answer:
    """Run a script's job in this process, which saves the start of another."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.chdir(cwd)
        patch.delenv("HYDRA_FULL_ERROR", raising=False)
        patch.setattr(sys, "argv", [f"{job.__name__}.py", *overrides])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.run(job, config_name=job.__name__)
    return Answer(end.value.code, out.getvalue(), err.getvalue())


def train(*overrides: str, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    """Run a small training to its end."""
    return run("train.py", *QUICK, *overrides, cwd=cwd, **options)


def wait_until(process: subprocess.Popen[str], path: Path, rows: int) -> None:
    """Wait until a running training has recorded some updates and written a checkpoint."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        written = (path / "progress.csv").exists() and (path / "checkpoints" / "latest").exists()
        if written and (path / "progress.csv").read_text().count("\n") > rows:
            return
        if process.poll() is not None:
            raise AssertionError(f"it ended before it could be stopped: {process.communicate()}")
        time.sleep(0.002)
    raise AssertionError("it did not get going")
