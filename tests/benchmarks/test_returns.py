import csv
import importlib.util
import json
import shutil
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from agents.run_folder import RunFolder
from benchmarks import cells

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("returns", ROOT / "benchmarks" / "returns.py")
returns = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(returns)

TRAIN = """
import json, os, pathlib, sys
told = dict(argument.split("=", 1) for argument in sys.argv[1:])
print("threads", os.environ["OMP_NUM_THREADS"])
if told.get("brain") == "mlp":
    sys.exit("the mlp is ill")
run = pathlib.Path(told.get("resume") or told["run_dir"])
steps = int(told["total_steps"]) if "resume" in told or told["seed"] == "0" else 50
config = {"env": {"id": told.get("env"), "kwargs": {}}, "brain": {}, "agent": {"_target_": "a.B"},
    "seed": int(told.get("seed", 0)), "total_steps": int(told["total_steps"])}
run.mkdir(parents=True, exist_ok=True)
(run / "config.yaml").write_text(json.dumps(config))
(run / "progress.csv").write_text(
    "env_steps,steps_per_second,episode_return_mean\\n"
    + "".join(f"{step},10.0,{step / 10}\\n" for step in range(1, steps + 1)))
(run / "steps").write_text(str(steps))
"""
EVALUATE = """
import json, pathlib, sys
told = dict(argument.split("=", 1) for argument in sys.argv[1:])
run = pathlib.Path(told["runs"])
steps = len((run / "progress.csv").read_text().splitlines()) - 1
episodes = {"returns": [steps, steps + 2.0], "lengths": [3, 4]}
(run / "evaluation.json").write_text(json.dumps(
    {"format": 1, "env_steps": steps, "deterministic": episodes, "exploring": episodes}))
"""


class FolderOfStandIn(RunFolder):
    """Knows how far the stand-in of train.py got."""

    def steps_done(self):
        told = self.path / "steps"
        return int(told.read_text()) if told.exists() else 0


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def grid(tmp_path, monkeypatch):
    """Return a function that runs a small grid with stand-ins for the two scripts."""
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "evaluate.py").write_text(EVALUATE)
    monkeypatch.setattr(cells, "ROOT", tmp_path)
    monkeypatch.setattr(cells, "RunFolder", FolderOfStandIn)

    def run(variants, seeds=1):
        arguments = Namespace(
            tasks=["Hopper-v5"],
            variants=variants,
            first_seed=0,
            seeds=seeds,
            steps=300,
            runs=tmp_path / "runs",
        )
        return cells.Grid(jobs=2, episodes=2).run(returns.cells_of(arguments))

    return run


@pytest.fixture
def aggregate(tmp_path, monkeypatch):
    """Return a function that collects what the grid left, as the command line does."""

    def run(*options):
        places = ("--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results"))
        monkeypatch.setattr(
            sys, "argv", ["returns.py", "--tasks", "Hopper-v5", *places, "--aggregate", *options]
        )
        return returns.main()

    return run


def logs(tmp_path):
    return {path.stem: path.read_text() for path in (tmp_path / "runs").rglob("*.log")}


def test_cells_run_on_one_thread_and_finished_ones_are_not_trained_again(grid, tmp_path):
    for _ in range(2):
        assert grid(["gru", "spiking"]) == []
    for log in logs(tmp_path).values():
        assert "threads 1" in log
        assert log.count("$ python train.py") == 1
        assert log.count("$ python evaluate.py") == 2  # which itself sees that nothing changed


def test_an_interrupted_cell_goes_on_from_its_folder(grid, tmp_path):
    grid(["gru"], seeds=2)
    grid(["gru"], seeds=2)
    log = logs(tmp_path)["gru_seed1"]
    assert f"train.py resume={tmp_path}/runs/Hopper-v5/gru_seed1 total_steps=300" in log


def test_a_failed_cell_is_told_with_its_last_line_and_stops_no_other(grid, tmp_path, capsys):
    (failure,) = grid(["mlp", "gru"])
    assert failure == "Hopper-v5 mlp seed 0: train.py ended with 1: the mlp is ill"
    assert (tmp_path / "runs" / "Hopper-v5" / "gru_seed0" / "evaluation.json").exists()
    assert "finished  Hopper-v5 gru seed 0: deterministic 301" in capsys.readouterr().out


def test_raw_numbers_alone_give_the_same_table_again(grid, aggregate, tmp_path, capsys):
    grid(["gru", "spiking"])
    results = tmp_path / "results"
    assert aggregate() == 0
    first = {path.name: path.read_bytes() for path in results.iterdir()}
    made = {"comparison.md", "comparison.csv", "curves.png", "report.html"}
    assert set(first) == made | {"curves.csv", "episodes.csv", "costs.csv", "versions.json"}
    for name in made:
        (results / name).unlink()
    returns.report([], results)
    for name in ("comparison.csv", "report.html"):
        assert (results / name).read_bytes() == first[name]
    assert "Hopper-v5" in capsys.readouterr().out


def test_curves_are_thinned_to_two_hundred_rows_with_both_ends(grid, aggregate, tmp_path):
    grid(["gru"])
    aggregate()
    rows = rows_of(tmp_path / "results" / "curves.csv")
    assert len(rows) == 200
    assert (rows[0]["env_steps"], rows[-1]["env_steps"]) == ("1", "300")
    assert rows[-1]["episode_return_mean"] == "30.0"


def test_every_evaluated_episode_is_kept(grid, aggregate, tmp_path):
    grid(["gru"])
    aggregate()
    rows = rows_of(tmp_path / "results" / "episodes.csv")
    assert [(row["kind"], row["return"], row["length"]) for row in rows] == [
        ("deterministic", "300", "3"),
        ("deterministic", "302.0", "4"),
        ("exploring", "300", "3"),
        ("exploring", "302.0", "4"),
    ]


def test_what_another_machine_recorded_is_kept_unless_the_cell_was_measured_again(
    grid, aggregate, tmp_path
):
    results, recorded = tmp_path / "results", {}
    for variants in (["gru", "spiking"], ["spiking", "spiking-256"]):
        grid(variants)
        aggregate("--keep")
        recorded.update({row["brain"]: None for row in rows_of(results / "episodes.csv")})
        shutil.rmtree(tmp_path / "runs")
    rows = rows_of(results / "episodes.csv")
    assert list(recorded) == ["gru", "spiking", "spiking-256"]
    assert {name: sum(row["brain"] == name for row in rows) for name in recorded} == {
        name: 4 for name in recorded
    }


def test_only_the_cells_asked_for_are_collected_and_kept_ones_stay(grid, aggregate, tmp_path):
    def recorded():
        rows = rows_of(tmp_path / "results" / "episodes.csv")
        return sorted({(row["brain"], row["seed"]) for row in rows})

    grid(["gru", "spiking"], seeds=2)
    assert aggregate("--variants", "gru", "--seeds", "1") == 0
    assert recorded() == [("gru", "0")]
    assert aggregate("--variants", "spiking", "--seeds", "2", "--keep") == 0
    assert recorded() == [("gru", "0"), ("spiking", "0"), ("spiking", "1")]
    assert aggregate("--variants", "spiking", "--seeds", "1") == 0
    assert recorded() == [("spiking", "0")]


def test_cells_of_which_none_was_trained_are_told_and_what_was_recorded_stays(
    grid, aggregate, tmp_path, capsys
):
    grid(["gru"])
    aggregate()
    before = (tmp_path / "results" / "episodes.csv").read_bytes()
    capsys.readouterr()
    assert aggregate("--variants", "mlp", "--seeds", "2") == 1
    told = f"none of the 2 cells asked for was trained in {tmp_path}/runs: train them"
    assert capsys.readouterr().err.startswith(told)
    assert (tmp_path / "results" / "episodes.csv").read_bytes() == before


def test_the_grid_trains_with_options_that_the_configuration_knows():
    from agents.composition import reference_config

    for variant in returns.VARIANTS.values():
        config = reference_config("train", list(variant.options))
        assert OmegaConf.select(config, "agent._target_") is not None
    assert json.dumps(list(returns.VARIANTS))  # names of folders: plain text
