"""A grid through submitit, by its executors for this machine."""

import os
import signal

import pytest

from agents.progress import read_progress
from tests.command_line import call
from tests.grids.small_grids import CELL, RunningGrid, alone, cell_folders, record
from train import train

submitit = pytest.importorskip("submitit", reason="the extra is missing: pip install -e '.[slurm]'")


def test_a_job_that_is_preempted_saves_is_queued_again_and_loses_nothing(tmp_path):
    grid = RunningGrid("hydra/launcher=submitit_local", "seed=0", cwd=tmp_path)
    (job,) = grid.wait_until_running(1)
    os.kill(job["pid"], signal.SIGUSR2)  # Slurm's warning, which submitit listens to
    code, out, err = grid.end()
    assert code == 0, out + err
    assert "1 cells: 1 finished, 0 failed" in out
    (cell,) = cell_folders(tmp_path)
    assert [record(cell)] == alone(0)
    assert len((cell / "command.txt").read_text().splitlines()) == 2


def test_ctrl_c_saves_running_jobs_and_takes_the_others_off_the_queue(tmp_path):
    grid = RunningGrid("hydra/launcher=submitit_local", "seed=0,1", cwd=tmp_path)
    grid.wait_until_running(2)
    code, out, err = grid.end(signal_number=signal.SIGINT)
    assert code == 130, out + err
    for cell in cell_folders(tmp_path):
        last = read_progress(cell / "progress.csv")[-1]["env_steps"]
        assert (cell / "checkpoints" / "latest").resolve().name == f"step_{int(last):09}"


# submitit's debug executor leaves its log files open, and has itself collected with them.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_the_debug_executor_and_a_wrong_parameter(tmp_path):
    grid = ("-m", *CELL, "seed=0", "total_steps=32", "hydra/launcher=submitit_local")
    wrong = "+hydra.launcher.parameters.slurm_partitoin=x"
    code, _, err = call(train, *grid, wrong, cwd=tmp_path)
    assert (code, err.count("\n")) == (2, 1), err
    assert err.startswith("hydra.launcher: ") and "slurm_partitoin" in err
    code, out, err = call(train, *grid, "hydra.launcher.cluster=debug", cwd=tmp_path)
    assert code == 0, out + err
