"""A grid skips what is finished, goes on with what is not, and says what failed."""

import os
import shutil
import signal
import sys

import pytest

from agents.progress import read_progress
from grids.run_cell import first_error
from tests.command_line import call, start
from tests.grids.small_grids import (
    CELL,
    RunningGrid,
    alone,
    cell_folders,
    processes_of,
    record,
    wait_until_ended,
)
from train import train


@pytest.fixture(scope="module")
def joblib_grid(tmp_path_factory):
    """Return the folder, and what was said, of a grid of two cells."""
    folder = tmp_path_factory.mktemp("grid")
    return folder, call(train, "-m", *CELL, "hydra/launcher=joblib", "seed=0,1", cwd=folder)


def test_cells_side_by_side_record_what_each_records_alone(joblib_grid):
    folder, answer = joblib_grid
    assert answer.code == 0, answer.err
    assert [record(cell) for cell in cell_folders(folder)] == alone(0, 1)


def test_without_a_terminal_every_event_is_a_line(joblib_grid):
    _, answer = joblib_grid
    words = [line.split()[0] for line in answer.out.splitlines() if line]
    assert words == ["2", "started", "started", "finished", "finished", "2", "Next:", "table"]
    assert "\r" not in answer.out
    assert "[2/2 done  0 running  0 failed  0 left" in answer.out
    assert "2 cells: 2 finished, 0 failed" in answer.out


def test_the_same_command_skips_finished_cells_and_resumes_others(joblib_grid, tmp_path):
    shutil.copytree(joblib_grid[0] / "runs", tmp_path / "runs")
    cells = cell_folders(tmp_path)
    complete = record(cells[1])
    shutil.rmtree(cells[1] / "checkpoints" / f"step_{32 * 120:09}")
    before = {path: path.stat().st_mtime_ns for path in cells[0].rglob("*")}
    code, out, err = call(train, "-m", *CELL, "hydra/launcher=serial", "seed=0,1", cwd=tmp_path)
    assert code == 0, err
    assert out.count("was already finished") == 1
    assert "resumed " in out
    assert {path: path.stat().st_mtime_ns for path in cells[0].rglob("*")} == before
    assert record(cells[1]) == complete


def test_a_cell_with_a_larger_budget_goes_on_in_its_folder(joblib_grid, tmp_path):
    shutil.copytree(joblib_grid[0] / "runs", tmp_path / "runs")
    more = (*CELL, f"total_steps={32 * 122}", "seed=0")
    assert call(train, "-m", *more, cwd=tmp_path).code == 0
    assert [len(record(cell)) for cell in cell_folders(tmp_path)] == [122, 120]


def test_a_failed_cell_is_retried_listed_and_leaves_the_others_alone(tmp_path):
    grid = (*CELL, "total_steps=64", "agent.value_coefficient=nan,0.25")
    code, out, err = call(train, "-m", *grid, "hydra/launcher=serial", cwd=tmp_path)
    assert code == 1
    assert err == "some cells of the grid failed (see above); the same command retries them\n"
    assert out.count("\nfailed ") == 2
    assert out.count("it is tried again") == 1
    assert out.count("\nfinished ") == 1
    listed = out[out.index("2 cells: 1 finished, 1 failed") :]
    assert "value_coefficient-nan_num_envs-2_seed0: " in listed
    assert "gradient norm became nan in update 1, at 32 steps" in listed
    assert "/log.txt" in listed


def test_a_killed_cell_is_retried_and_nothing_is_lost(tmp_path):
    grid = RunningGrid("hydra/launcher=joblib", "seed=0,1", cwd=tmp_path)
    grid.wait_until_running(2, rows=20)
    behind = min(cell_folders(tmp_path), key=lambda folder: len(record(folder)))
    killed = min(processes_of(behind))  # what it has just forked goes by the same words
    os.kill(killed, signal.SIGKILL)
    code, out, err = grid.end()
    assert code == 0, out + err
    assert "ended by SIGKILL" in out
    assert "2 cells: 2 finished, 0 failed" in out
    assert [record(cell) for cell in cell_folders(tmp_path)] == alone(0, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_every_running_cell_and_the_same_command_goes_on(number, tmp_path):
    grid = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1,2")
    running = RunningGrid(*grid, cwd=tmp_path)
    running.wait_until_running(2)
    code, out, err = running.end(signal_number=number)
    assert code == 128 + number, out + err
    assert "go on with: the same command" in out
    assert "Traceback" not in out + err
    assert out.count("stopped ") == 3
    cells = cell_folders(tmp_path)
    assert len(cells) == 2
    for cell in cells:
        last = read_progress(cell / "progress.csv")[-1]["env_steps"]
        assert (cell / "checkpoints" / "latest").resolve().name == f"step_{int(last):09}"
        assert not processes_of(cell)
    if number == signal.SIGINT:
        assert call(train, "-m", *CELL, *grid[:1], "seed=0,1", cwd=tmp_path).code == 0
        assert [record(cell) for cell in cells] == alone(0, 1)


@pytest.mark.parametrize(("launcher", "running"), [("serial", 1), ("joblib", 2)])
def test_cells_end_with_a_grid_that_is_killed_but_save_what_they_have(launcher, running, tmp_path):
    options = ("hydra.launcher.n_jobs=2",) if launcher == "joblib" else ()
    grid = RunningGrid(f"hydra/launcher={launcher}", *options, "seed=0,1", cwd=tmp_path)
    grid.wait_until_running(running)
    code, *_ = grid.end(signal_number=signal.SIGKILL)
    assert code == -signal.SIGKILL
    for cell in cell_folders(tmp_path):
        wait_until_ended(cell)
        last = read_progress(cell / "progress.csv")[-1]["env_steps"]
        assert (cell / "checkpoints" / "latest").resolve().name == f"step_{int(last):09}"
    if launcher == "joblib":
        return
    code, out, err = call(train, "-m", *CELL, "seed=0", cwd=tmp_path)
    assert code == 0, out + err
    assert [record(cell) for cell in cell_folders(tmp_path)] == alone(0)


def test_two_grids_with_the_same_cells_run_each_once(tmp_path):
    command = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1")
    first = RunningGrid(*command, cwd=tmp_path)
    first.wait_until_running(2)
    second = start("train.py", "-m", *CELL, *command, cwd=tmp_path)
    for out, err in (first.end()[1:], second.communicate(timeout=180)):
        assert "2 cells: 2 finished, 0 failed" in out, out + err
    for cell in cell_folders(tmp_path):
        assert (cell / "command.txt").read_text().count("train.py") == 1
    assert [record(cell) for cell in cell_folders(tmp_path)] == alone(0, 1)


MISTAKES = {
    ("total_steps=64,128",): "several cells would train in runs/grid/InvertedPendulum-v5_mlp_ppo",
    ("brain=mlp,mlp",): "several cells would train in runs/grid/InvertedPendulum-v5_mlp_ppo",
    ("seed=0,1", "run_dir=r"): "leave run_dir=... out of a grid: cells are named by what they",
    ("resume=a,b",): "leave resume=... out of a grid: the same command goes on with a grid",
    ("brain=mlp,gruu",): "unknown brain 'gruu'; did you mean 'gru'?",
    ("seed=0,-1",): "seed must be at least 0, got -1",
    ("seed=0,x",): "seed must be a whole number, got 'x'",
    ("seed=0,1", "hydra/launcher=jobib"): "unknown hydra/launcher 'jobib'; did you mean 'joblib'?",
    ("seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=two"): (
        "hydra.launcher.n_jobs must be a whole number or null, got 'two'"
    ),
    ("seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0"): (
        "hydra.launcher.n_jobs must not be 0"
    ),
    ("seed=0,1", "hydra.launcher.retries=-1"): "hydra.launcher.retries must be at least 0, got -1",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_stops_a_grid_in_one_line_before_its_first_cell(mistake, tmp_path):
    code, out, err = call(train, "-m", *CELL, *mistake, cwd=tmp_path)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith(MISTAKES[mistake])
    assert not list(tmp_path.rglob("config.yaml"))
    assert not list(tmp_path.rglob(".grid/*"))


MISSING = {
    "joblib": ("joblib", "hydra/launcher=joblib needs joblib: pip install -e '.[grid]'"),
    "ray": ("ray", "hydra/launcher=ray needs ray: pip install -e '.[ray]'"),
    "submitit_local": ("submitit", "hydra/launcher=submitit_local needs submitit: pip install"),
    "submitit_slurm": ("submitit", "hydra/launcher=submitit_slurm needs submitit: pip install"),
}


@pytest.mark.parametrize("launcher", MISSING)
def test_a_missing_package_is_told_in_one_line_that_installs_it(launcher, tmp_path, monkeypatch):
    package, message = MISSING[launcher]
    monkeypatch.setitem(sys.modules, package, None)
    code, out, err = call(
        train, "-m", *CELL, "seed=0,1", f"hydra/launcher={launcher}", cwd=tmp_path
    )
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith(message)


def test_a_cell_holding_another_computation_is_never_overwritten(joblib_grid, tmp_path):
    shutil.copytree(joblib_grid[0] / "runs", tmp_path / "runs")
    (cell, _) = cell_folders(tmp_path)
    config = cell / "config.yaml"
    config.write_text(config.read_text().replace("gamma: 0.99", "gamma: 0.9"))
    code, _, err = call(train, "-m", *CELL, "seed=0,1", cwd=tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert "holds a run with another agent.gamma" in err


def test_the_first_line_of_what_went_wrong_is_the_one_that_is_listed():
    trace = "Traceback (most recent call last):\n  File x\nKeyError: 'a'\n\nDuring\nTraceback x\n"
    assert first_error(f"training in x\n{trace}ValueError: b\n", 1) == "KeyError: 'a'"
    assert first_error("training in x\n  the disk is full: make room\n", 1) == (
        "the disk is full: make room"
    )
    assert first_error("", 1) == "it said nothing"
    assert first_error("32/64 steps\n", -11) == "ended by SIGSEGV; the last it said: 32/64 steps"
