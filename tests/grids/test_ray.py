"""A grid on a real Ray cluster of two machines with one core each, both on this one."""

import os
import signal
import warnings

import pytest

from grids.pools.ray_pool import what_is_missing
from tests.command_line import call
from tests.grids.small_grids import CELL, RunningGrid, alone, cell_folders, record
from train import train

ray = pytest.importorskip("ray", reason="the extra is missing: pip install -e '.[ray]'")


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        machine = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000}
        cluster = Cluster(initialize_head=True, head_node_args=machine)
        cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
        yield cluster
        cluster.shutdown()


def test_a_cell_whose_worker_is_killed_goes_on_elsewhere_and_nothing_is_lost(cluster, tmp_path):
    options = ("hydra/launcher=ray", f"hydra.launcher.address={cluster.address}", "seed=0,1")
    grid = RunningGrid(*options, cwd=tmp_path)
    first, second = grid.wait_until_running(2)
    assert first["pid"] != second["pid"]
    os.kill(first["pid"], signal.SIGKILL)
    code, out, err = grid.end()
    assert code == 0, out + err
    assert "2 cells: 2 finished, 0 failed" in out
    assert [record(cell) for cell in cell_folders(tmp_path)] == alone(0, 1)
    commands = [
        len((cell / "command.txt").read_text().splitlines()) for cell in cell_folders(tmp_path)
    ]
    assert sorted(commands) == [1, 2]


def test_a_machine_that_does_not_see_the_runs_is_named_before_the_first_cell(tmp_path):
    sign = tmp_path / "runs" / "grid" / ".grid" / "now" / "shared"
    sign.parent.mkdir(parents=True)
    (tmp_path / "train.py").touch()
    everything = (sign, "word", tmp_path, tmp_path)
    missing = f"does not see {tmp_path}/runs/grid: put the grid on storage that all machines share"
    assert what_is_missing(*everything).startswith(missing)
    sign.write_text("another grid's")
    assert what_is_missing(*everything).startswith(missing)
    sign.write_text("word")
    assert what_is_missing(*everything) == ""
    assert "has no /nowhere/train.py" in what_is_missing(
        sign, "word", tmp_path, tmp_path / "/nowhere"
    )
    assert "has no folder /nowhere" in what_is_missing(
        sign, "word", tmp_path / "/nowhere", tmp_path
    )


def test_a_cluster_that_does_not_answer_is_told_in_one_line(tmp_path):
    options = ("hydra/launcher=ray", "hydra.launcher.address=127.0.0.1:1", "seed=0,1")
    code, _, err = call(train, "-m", *CELL, *options, cwd=tmp_path)
    assert (code, err) == (2, "no Ray cluster at 127.0.0.1:1: Connection refused\n")
    assert not cell_folders(tmp_path)
