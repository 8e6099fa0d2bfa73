import csv
import importlib.util
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from agents.build import build_agent, make_env
from agents.composition import CONFIGS
from agents.evaluation import Conditions
from agents.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("challenges", ROOT / "benchmarks" / "challenges.py")
challenges = importlib.util.module_from_spec(SPEC)
sys.modules["challenges"] = challenges
SPEC.loader.exec_module(challenges)

NAMES = ("leg_loss", "velocity_masking", "fatigue")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    agent = OmegaConf.load(CONFIGS / "agent" / "sb3_ppo.yaml").agent
    config = OmegaConf.create(
        {
            "env": {"id": "Reacher-v5", "kwargs": {}},
            "brain": {},
            "agent": agent,
            "seed": 3,
            "num_envs": 2,
            "num_threads": 1,
            "stagger": False,
            "device": "cpu",
        }
    )
    run = RunFolder(tmp_path_factory.mktemp("run"))
    run.begin(config)
    model = build_agent(config, make_env(config))
    run.save_checkpoint(model.training_state(), env_steps=0, wall_seconds=1.0)
    return run.path


def bench_of(run_folder, output, **options):
    options = {"onset": "middle", "split": "all", **options}
    return challenges.Bench(
        run_folder, output, conditions=Conditions(2, 7, num_envs=2), num_threads=1, **options
    )


def test_every_cell_is_measured_once_and_told_in_tables_and_a_figure(run_folder, tmp_path, capsys):
    cells = challenges.cells_of(NAMES, ("easy", "hard"))
    notes = challenges.run(bench_of(run_folder, tmp_path), cells)
    assert [note.partition(" ")[0] for note in notes] == ["fatigue"]
    assert "needs a body with muscles" in notes[0]
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    assert len(kept) == 5
    assert len(capsys.readouterr().out.splitlines()) == 5
    challenges.run(bench_of(run_folder, tmp_path), cells)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()} == kept
    challenges.run(bench_of(run_folder, tmp_path, onset="removed"), cells)
    changed = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    assert [path.stem for path in kept if changed[path] == kept[path]] == ["none"]

    paths = challenges.tabulate(tmp_path, cells, notes)
    assert all(path.is_file() for path in paths)
    with (tmp_path / "challenges.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["challenge"], row["severity"]) for row in rows] == [
        ("none", ""),
        ("leg_loss", "easy"),
        ("leg_loss", "hard"),
        ("velocity_masking", "easy"),
        ("velocity_masking", "hard"),
    ]
    assert all(row["after_effect"] for row in rows[1:])
    with (tmp_path / "episodes.csv").open() as file:
        episodes = list(csv.DictReader(file))
    assert len(episodes) == 2 * len(rows)
    assert {row["variant"] for row in episodes if row["challenge"] == "leg_loss"} == {"arm"}
    told = (tmp_path / "challenges.md").read_text()
    assert "Reacher-v5, checkpoint step_000000000, 2 deterministic episodes" in told
    assert "fatigue is left out" in told


def test_without_the_whole_body_there_is_nothing_to_compare_with(run_folder, tmp_path):
    with pytest.raises(challenges.UsageError, match="no finished cell"):
        challenges.tabulate(tmp_path, challenges.cells_of(NAMES, ("easy",)), [])
