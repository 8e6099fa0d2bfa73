"""What follows a training is made, or it is said how to make it."""

import signal
import time

import gymnasium
import pytest
from gymnasium import spaces

from agents.evaluation import read_record
from agents.results import missing_results
from agents.run_folder import RunFolder
from tests.command_line import QUICK, SMALL, TINY, start
from tests.grids.small_grids import processes_of

SHORT = (*TINY, "env=InvertedPendulum-v5", "total_steps=32")
EVALUATED = (*SHORT, "evaluation_episodes=2")


@pytest.fixture
def evaluating(tmp_path):
    """Yield a training in the folder `runs/ends` whose evaluation has just begun."""
    process = start("train.py", *EVALUATED, "run_dir=runs/ends", cwd=tmp_path)
    while "evaluating the result ..." not in (line := process.stdout.readline()):
        assert line, process.communicate()
    wait_for(lambda: len(processes_of(tmp_path / "runs" / "ends")) == 2)
    yield process
    process.kill()
    process.communicate()


def wait_for(happened):
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_in_the_evaluation_says_what_is_missing_and_resuming_makes_it(
    number, evaluating, command, tmp_path
):
    evaluating.send_signal(number)
    out, err = evaluating.communicate(timeout=60)
    assert evaluating.returncode == 128 + number
    assert err == "\nstopping without the evaluation (again: stop at once)\n"
    assert out.startswith("the training is complete; the evaluation, which it lacks: ")
    assert out.endswith("train.py resume=runs/ends\n") and out.count("\n") == 1
    assert not processes_of(tmp_path / "runs" / "ends")
    assert not (tmp_path / "runs" / "ends" / "evaluation.json").exists()
    code, out, err = command("resume=runs/ends")
    assert (code, err) == (0, "")
    assert "evaluating the result ..." in out and "runs/ends was already finished" in out
    assert len(read_record(tmp_path / "runs" / "ends")["deterministic"]["returns"]) == 2
    code, out, _ = command("resume=runs/ends")
    assert code == 0 and "evaluating" not in out


def test_an_evaluation_does_not_outlive_a_training_that_is_killed(evaluating, tmp_path):
    evaluating.kill()
    evaluating.communicate(timeout=60)
    wait_for(lambda: not processes_of(tmp_path / "runs" / "ends"))


def test_a_stop_in_the_last_update_makes_nothing_more_and_says_what_is_missing(
    command, monkeypatch, tmp_path
):
    from agents.callbacks import RunCallback

    ended = RunCallback._on_training_end

    def stopped(self):
        ended(self)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(RunCallback, "_on_training_end", stopped)
    code, out, _ = command(*EVALUATED, "run_dir=run")
    assert code == 128 + signal.SIGTERM
    assert "evaluating" not in out
    assert "the training is complete; the evaluation, which it lacks: " in out
    code, out, _ = command(*SHORT, "run_dir=bare")  # nothing is to follow, so it is whole
    assert code == 0 and "bare finished" in out


def test_a_finished_run_lacks_what_was_made_of_an_earlier_step(command, tmp_path):
    assert command(*EVALUATED, "run_dir=run").code == 0
    folder = RunFolder(tmp_path / "run")
    config = folder.read_config()
    assert not missing_results(folder, config)
    config.film = True
    assert missing_results(folder, config) == (0, True)
    film = folder.path / "videos" / "step_000000032.mp4"
    film.parent.mkdir()
    film.touch()
    assert not missing_results(folder, config)
    resumed = command("resume=run", "total_steps=64", "evaluation_episodes=0")
    assert resumed.code == 0, resumed.err
    assert missing_results(folder, config) == (2, True)


def test_a_cell_that_lacks_its_evaluation_is_not_finished(command, tmp_path):
    grid = ("-m", *SHORT, "seed=0")
    assert command(*grid).code == 0
    (cell,) = (path.parent for path in tmp_path.glob("runs/grid/*/config.yaml"))
    code, out, err = command(*grid, "evaluation_episodes=1")
    assert code == 0, out + err
    assert "was already finished" not in out
    assert len(read_record(cell)["exploring"]["returns"]) == 1
    code, out, _ = command(*grid, "evaluation_episodes=1")
    assert code == 0 and "was already finished" in out


def test_a_cell_whose_evaluation_fails_fails_with_what_went_wrong(command, tmp_path):
    grid = ("-m", *SHORT, "seed=0")
    assert command(*grid).code == 0
    (cell,) = (path.parent for path in tmp_path.glob("runs/grid/*/config.yaml"))
    (cell / ".evaluation.json.writing").mkdir()  # so that none can be written
    again = ("evaluation_episodes=1", "hydra.launcher.retries=0")
    code, out, _ = command(*grid, *again)
    assert code == 1
    assert "1 cells: 0 finished, 1 failed" in out
    assert "no evaluation, but the training is complete: " in out


class Unsavable(gymnasium.Env):
    """Has an attribute that no checkpoint can hold, and asks for a stop in its third update."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Box(-1, 1, (1,))

    def __init__(self):
        self.thoughts = (number for number in range(10))
        self.steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        self.steps += 1
        if self.steps == 40:
            signal.raise_signal(signal.SIGINT)
        senses = self.observation_space.sample()
        return senses, float(senses[0]), False, self.steps % 10 == 0, {}


def test_a_stopped_run_whose_body_cannot_be_saved_is_not_said_to_go_on(command):
    gymnasium.register("Unsavable-v0", entry_point=Unsavable, disable_env_checker=True)
    body = ("env=any", "env.id=Unsavable-v0", "num_envs=1", "agent.n_steps=16")
    try:
        code, out, err = command(*TINY, *body, "run_dir=run", "total_steps=1000")
        assert code == 128 + signal.SIGINT, err
        reason = err.partition("checkpoints hold the agent, but not its body: ")[2].split("\n")[0]
        assert "Unsavable.thoughts" in reason
        assert f"this run cannot be resumed: {reason}; evaluate it: " in out
        assert "resume=run" not in out
        code, _, err = command("resume=run")
        assert (code, err) == (2, f"run cannot be resumed: {reason}\n")
        code, out, err = command(*TINY, *body, "run_dir=short", "total_steps=16")
        assert code == 0, err
        assert "short finished" in out and "train longer" not in out
    finally:
        del gymnasium.registry["Unsavable-v0"]


def test_what_is_told_to_do_next_is_something_else(command):
    options = (*QUICK, *SMALL["ppo"], "env=Hopper-v5", "brain=gru", "total_steps=16")
    code, out, err = command(*options, "run_dir=run")
    assert code == 0, err
    assert "run finished: after 32 steps" in out, "the rollout goes beyond"
    assert "train.py resume=run total_steps=64\n" in out
    assert "train.py env=HalfCheetah-v5\n" in out and "train.py brain=spiking\n" in out
