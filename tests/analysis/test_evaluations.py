"""Evaluations that cannot be used as they are spoil no comparison, and are said."""

import json
import math

import numpy as np
import pytest

from agents.reward_traces import NAME as REWARDS
from analysis.compare import as_text, compare, write_comparison
from analysis.report import write_report
from analysis.runs import read_runs
from analysis.statistics import stratified_bootstrap
from tests.analysis.run_folders import ONSET, lesion_run


def change(path, kind, returns):
    """Replace the returns of a kind in an evaluation; None takes the kind away."""
    record = json.loads(path.read_text())
    if returns is None:
        del record[kind]
    else:
        record[kind]["returns"] = returns
    path.write_text(json.dumps(record))


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_return_that_is_not_finite_leaves_out_that_kind_of_that_run(make_run, tmp_path, broken):
    runs = [make_run(f"r{seed}", seed=seed, score=10.0 * seed) for seed in (1, 2, 3)]
    change(runs[1] / "evaluation.json", "deterministic", [broken, 7.0])
    comparison = compare(runs)
    (row,) = comparison.rows
    assert row.returns["deterministic"] == stratified_bootstrap([[10.0, 30.0]])
    assert row.returns["exploring"] == stratified_bootstrap([[5.0, 10.0, 15.0]])
    assert row.seeds == (2, 3)
    assert comparison.notes == [
        f"{runs[1]} was evaluated, but its deterministic returns are not all finite: "
        "they are left out"
    ]
    write_comparison(comparison, tmp_path / "out")
    write_report(comparison, tmp_path / "out", embed_bytes=0)


def test_of_a_lesioned_brain_a_return_that_is_not_finite_spares_the_intact_one(make_run):
    run = make_run("a", score=100.0)
    lesion_run(run, "modulator_clamped", 50.0)
    change(run / "evaluation.modulator_clamped.json", "deterministic", [math.nan])
    comparison = compare([run])
    assert [row.seeds for row in comparison.rows] == [(1, 1), (0, 1)]
    (note,) = comparison.notes
    assert note.startswith(f"{run} was evaluated with modulator_clamped, but its deterministic")


def test_rewards_that_are_not_finite_leave_out_the_adaptation_of_that_run(make_run, tmp_path):
    runs = [make_run(f"r{seed}", brain="full", seed=seed, onset=ONSET) for seed in range(2)]
    with np.load(runs[1] / REWARDS) as arrays:
        told = dict(arrays)
    told["deterministic_rewards"][3] = math.nan
    np.savez(runs[1] / REWARDS, **told)
    comparison = compare(runs)
    (whole,) = read_runs(runs[:1])[0]
    measured = {name: found.value for name, found in comparison.rows[0].measures.items()}
    assert measured == pytest.approx(whole.measures)
    assert comparison.notes == [
        f"{runs[1] / REWARDS}: deterministic rewards are not all finite: they are left out"
    ]
    write_report(comparison, tmp_path / "out", embed_bytes=0)


@pytest.mark.parametrize("returns", [None, []])
def test_a_run_without_deterministic_episodes_is_no_seed_of_them_and_is_named(make_run, returns):
    runs = [make_run(f"r{seed}", seed=seed) for seed in range(3)]
    change(runs[2] / "evaluation.json", "deterministic", returns)
    comparison = compare(runs)
    assert comparison.rows[0].seeds == (2, 3)
    assert "2 of 3" in as_text(comparison)
    assert comparison.notes == [
        f"{runs[2]} was evaluated in no deterministic episodes: it does not count in "
        "deterministic returns"
    ]
