import csv
import math

import numpy as np
import pytest
from PIL import Image

from agents.errors import UsageError
from analysis import curves
from analysis.compare import as_csv, as_markdown, as_text, compare, write_comparison
from analysis.groups import group_runs
from analysis.runs import Curve, find_runs, read_runs
from analysis.statistics import Estimate, stratified_bootstrap
from analysis.tables import estimate_text
from tests.analysis.run_folders import BRAINS


def table(comparison):
    return {
        (row["environment"], row["brain"]): row
        for row in csv.DictReader(as_csv(comparison.rows).splitlines())
    }


def test_a_cell_is_the_interquartile_mean_over_seeds_of_the_mean_episode_return(make_run):
    scores = [10.0, 20.0, 30.0, 40.0, 1000.0]
    runs = [make_run(f"run{seed}", seed=seed, score=score) for seed, score in enumerate(scores)]
    row = table(compare(runs))["Hopper-v5", "spiking"]
    assert float(row["deterministic_iqm"]) == pytest.approx((20 + 30 + 40) / 3)
    assert float(row["exploring_iqm"]) == pytest.approx((20 + 30 + 40) / 6)
    expected = stratified_bootstrap([scores])
    assert float(row["deterministic_low"]) == pytest.approx(expected.low)
    assert float(row["deterministic_high"]) == pytest.approx(expected.high)
    assert row["seeds"] == "5"
    assert float(row["steps_per_second"]) == 50.0


def test_brains_bodies_and_baselines_have_rows_of_their_own(make_run):
    runs = [
        make_run("a", brain="spiking"),
        make_run("b", brain="gru"),
        make_run("c", brain="none", agent="sb3_ppo"),
        make_run("d", brain="spiking", env="Ant-v5"),
        make_run("e", brain="spiking", agent="eprop"),
        make_run("f", brain="spiking", kwargs={"reset_noise_scale": 0.2}),
    ]
    assert set(table(compare(runs))) == {
        ("Hopper-v5", "spiking"),
        ("Hopper-v5", "gru"),
        ("Hopper-v5", "sb3_ppo"),
        ("Ant-v5", "spiking"),
        ("Hopper-v5", "spiking eprop"),
        ("Hopper-v5 (reset_noise_scale=0.2)", "spiking"),
    }


def test_namesakes_with_other_settings_are_told_apart_by_what_differs(make_run):
    small = {"controller": {**BRAINS["spiking"]["controller"], "hidden_size": 32}}
    reflexes = [{"reflex": {"_target_": f"brains.reflex.{name}"}} for name in ("Linear", "No")]
    plain = [make_run("a"), make_run("b", seed=1), make_run("c", changes=small)]
    assert {label for _, label in table(compare(plain))} == {
        "spiking (hidden_size=256)",
        "spiking (hidden_size=32)",
    }
    ablated = [make_run(f"r{i}", changes=change) for i, change in enumerate(reflexes)]
    assert {label for _, label in table(compare(ablated))} == {
        "spiking (reflex=Linear)",
        "spiking (reflex=No)",
    }


def test_many_differences_are_cut_short_and_still_tell_brains_apart(make_run):
    variants = [{f"key{key}": 7 * variant for key in range(9)} for variant in range(1, 3)]
    variants.append({**variants[0], "key8": 99})
    runs = [make_run(f"r{i}", changes=change) for i, change in enumerate(variants)]
    labels = {label for _, label in table(compare(runs))}
    assert len(labels) == 3
    assert max(map(len, labels)) < 60


def test_seed_folder_and_budget_make_no_other_brain(make_run):
    runs = [make_run("a", seed=0), make_run("b", seed=1), make_run("elsewhere/c", seed=2)]
    assert table(compare(runs))["Hopper-v5", "spiking"]["seeds"] == "3"


@pytest.mark.parametrize(
    ("damage", "note"),
    [
        (lambda run: (run / "config.yaml").write_text("{"), "left out, it is no whole run"),
        (lambda run: (run / "config.yaml").write_text("a: 1"), "left out, it is no whole run"),
        (lambda run: (run / "config.yaml").unlink(), "left out, it is no whole run"),
        (lambda run: (run / "progress.csv").write_text("env_steps\nx"), "is unfinished: 0 of"),
        (lambda run: (run / "progress.csv").unlink(), "is unfinished: 0 of 1,000 steps"),
        (lambda run: (run / "evaluation.json").write_text("{"), "was not evaluated"),
        (lambda run: (run / "evaluation.json").unlink(), "was not evaluated"),
        (lambda run: (run / "evaluation.json").write_text('{"format": 1}'), "no whole run"),
    ],
)
def test_a_damaged_run_is_said_in_a_line_and_spoils_no_other(make_run, tmp_path, damage, note):
    runs = [make_run("good", seed=0, score=10.0), make_run("bad", seed=1, score=20.0)]
    damage(runs[1])
    comparison = compare(runs)
    said = [line for line in comparison.notes if note in line]
    assert len(said) == 1
    assert "bad" in said[0]
    assert "\n" not in said[0]
    assert any("good" in run.name for group in comparison.groups for run in group.runs)
    for text in (as_text(comparison), as_markdown(comparison)):
        assert said[0] in text
    write_comparison(comparison, tmp_path / "out")


def test_runs_of_different_length_missing_seeds_and_old_evaluations_are_said(make_run):
    comparison = compare(
        [
            make_run("a0", seed=0),
            make_run("a1", seed=1, steps=400),
            make_run("b0", brain="gru", seed=0, evaluated_at=500),
        ]
    )
    notes = "\n".join(comparison.notes)
    assert "a1 is unfinished: 400 of 1,000 steps" in notes
    assert "b0 was evaluated at step 500, not at its end" in notes
    assert "gru in Hopper-v5 has no run with seed 1" in notes
    rows = table(comparison)
    assert (
        rows["Hopper-v5", "spiking"]["steps_least"],
        rows["Hopper-v5", "spiking"]["steps_most"],
    ) == (
        "400",
        "1000",
    )
    assert "400 to 1k" in as_text(comparison)


def test_brains_that_lack_the_same_seeds_of_their_body_share_a_line(make_run):
    runs = [make_run(f"a{seed}", seed=seed) for seed in (0, 1, 2)]
    runs += [make_run(f"{brain}0", brain=brain, seed=0) for brain in ("gru", "full")]
    runs += [make_run("other", brain="full", env="Ant-v5", seed=0)]
    (said,) = [note for note in compare(runs).notes if "no run" in note]
    assert said == "full; gru in Hopper-v5 have no run with seed 1, 2"


def test_runs_of_a_body_that_were_not_evaluated_alike_are_said(make_run):
    alike = [make_run("a"), make_run("b", brain="gru"), make_run("c", env="Ant-v5", tested=(9, 7))]
    assert not any("alike" in note for note in compare(alike).notes)
    (said,) = [
        n for n in compare([*alike, make_run("d", seed=1, tested=(4, 7))]).notes if "alike" in n
    ]
    assert said == (
        "runs in Hopper-v5 were not evaluated alike: "
        "2 episodes from seed 1000, 4 episodes from seed 7"
    )


def test_an_interval_is_told_with_the_digits_of_its_greatest_end():
    assert estimate_text(Estimate(0.0851, -0.0615, 0.2318)) == "0.09 [-0.06, 0.23]"
    assert estimate_text(Estimate(5253.2, 4931.0, 5652.4)) == "5,253 [4,931, 5,652]"
    assert estimate_text(Estimate(-540.0, -880.0, 17.0), sign=True) == "\u2212540 [\u2212880, +17]"
    assert estimate_text(Estimate(0.04, math.nan, math.nan), digits=2) == "0.04"


def test_the_same_seed_twice_is_said(make_run):
    comparison = compare([make_run("a"), make_run("b")])
    assert comparison.notes == ["spiking in Hopper-v5 has 2 runs with seed 0"]


def test_a_single_seed_has_no_interval_and_an_unevaluated_run_no_return(make_run):
    text = as_text(compare([make_run("a", score=123.0)]))
    assert "123" in text
    assert "[" not in text.splitlines()[2]
    comparison = compare([make_run("b", evaluated=False)])
    assert "not evaluated" in as_text(comparison)
    assert table(comparison)["Hopper-v5", "spiking"]["deterministic_iqm"] == ""


def test_nothing_but_broken_runs_gives_an_empty_table_and_the_reasons(tmp_path):
    comparison = compare([tmp_path])
    assert comparison.rows == []
    assert len(comparison.notes) == 1
    write_comparison(comparison, tmp_path / "out")


def test_the_files_are_written_whole_and_the_picture_shows_a_panel_per_body(make_run, tmp_path):
    runs = [
        make_run(f"{env}{brain}{seed}", env=env, brain=brain, seed=seed, score=100.0 + 50 * seed)
        for env in ("Hopper-v5", "Ant-v5")
        for brain in ("spiking", "gru")
        for seed in range(3)
    ]
    files = write_comparison(compare(runs), tmp_path / "out")
    assert [file.name for file in files] == ["comparison.md", "comparison.csv", "curves.png"]
    assert sorted((tmp_path / "out").iterdir()) == sorted(files)
    picture = np.asarray(Image.open(files[-1]).convert("RGB"))
    assert picture.shape[1] > 1.5 * picture.shape[0]
    colours = {tuple(pixel) for pixel in picture.reshape(-1, 3)[::7].tolist()}
    for brain in ("spiking", "gru"):
        wanted = curves.OWN_COLOURS[brain].lstrip("#")
        assert tuple(bytes.fromhex(wanted)) in colours


def test_markdown_has_as_many_cells_in_every_line(make_run):
    comparison = compare([make_run("a"), make_run("b", brain="gru", kwargs={"x": "a|b"})])
    lines = [line for line in as_markdown(comparison).splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert {line.replace("\\|", "").count("|") for line in lines} == {9}


def test_a_curve_is_told_over_the_runs_that_got_so_far():
    values = curves.align(
        [
            Curve(np.array([0.0, 10.0]), np.array([0.0, 10.0])),
            Curve(np.array([5.0, 20.0]), np.array([100.0, 100.0])),
        ],
        np.array([0.0, 5.0, 10.0, 20.0]),
    )
    assert np.isnan(values).tolist() == [
        [False, True],
        [False, False],
        [False, False],
        [True, False],
    ]
    band = curves.band_of(values)
    assert band.value.tolist() == [0.0, 52.5, 55.0, 100.0]
    assert math.isnan(band.low[0])
    assert (band.low[1], band.high[1]) == (5.0, 100.0)


def test_a_point_that_no_run_reaches_has_no_value():
    band = curves.band_of(np.array([[np.nan, np.nan], [1.0, 3.0]]))
    assert math.isnan(band.value[0])
    assert band.value[1] == 2.0


def test_a_brain_has_the_same_colour_whatever_it_is_compared_with():
    assert (
        curves.colours_of(["spiking", "x"])["spiking"] == curves.colours_of(["spiking"])["spiking"]
    )
    many = curves.colours_of(["spiking", "mlp", "gru", "mine", "yours"])
    assert len(set(many.values())) == 5


def test_returns_that_are_blank_while_no_episode_ended_are_not_drawn(make_run):
    (run,), _ = read_runs([make_run("a", blank_until=300)])
    assert run.curve.env_steps[0] == 400.0
    assert run.env_steps == 1000
    assert np.isfinite(run.curve.returns).all()


def test_runs_are_found_by_folder_parent_and_glob_each_once(make_run, tmp_path):
    made = sorted([make_run("grid/a"), make_run("grid/b")])
    assert find_runs(str(made[0])) == [made[0]]
    assert find_runs(f"{tmp_path}/runs/grid") == made
    assert find_runs(f"{tmp_path}/runs/**") == made
    assert find_runs([str(made[1]), f"{tmp_path}/runs/grid/*"]) == [made[1], made[0]]
    with pytest.raises(UsageError, match="names no run"):
        find_runs([str(made[0]), f"{tmp_path}/nowhere*"])


def test_groups_hold_their_runs_in_the_order_of_seeds(make_run):
    runs, _ = read_runs([make_run("a", seed=2), make_run("b", seed=0), make_run("c", seed=1)])
    (group,), _ = group_runs(runs)
    assert [run.seed for run in group.runs] == [0, 1, 2]
