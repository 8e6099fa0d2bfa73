import numpy as np
import pytest

from agents import composition
from agents.errors import UsageError
from analysis.ablation import deltas, reference_of, unmatched
from analysis.aggregates import anchors_in, duel, shared_tasks
from analysis.compare import budgets
from analysis.groups import group_runs
from analysis.normalisation import Anchors, anchors_of, read_anchors
from analysis.runs import read_runs
from analysis.statistics import probability_of_improvement
from tests.analysis.run_folders import ONSET, lesion_run

ANCHORS = {"Hopper-v5": Anchors(0.0, 100.0), "Ant-v5": Anchors(-50.0, 50.0)}


def groups_of(folders):
    return group_runs(read_runs(folders)[0])[0]


def scores_of(shared):
    return {label: [task.tolist() for task in tasks] for label, tasks in shared.scores.items()}


def test_a_score_is_0_at_random_and_1_at_the_reference_and_linear_between():
    assert Anchors(-50.0, 150.0).normalise([-50.0, 50.0, 150.0, 350.0]).tolist() == [0, 0.5, 1, 2]


def test_an_anchor_that_was_not_measured_normalises_nothing():
    assert anchors_of({"id": "x"}) is None
    assert anchors_of({"normalisation": {"random": 1.0, "reference": None}}) is None
    assert anchors_of({"normalisation": {"random": 1.0, "reference": 1.0}}) is None


def test_every_task_names_a_random_return_and_every_reference_its_source():
    anchors = read_anchors(composition.CONFIGS / "env")
    assert {"HalfCheetah-v5", "Hopper-v5", "Walker2d-v5", "Gaze-v0", "Quadruped-v0"} <= set(anchors)
    for env, found in anchors.items():
        assert found.reference > found.random, env
        assert "envs/scripted/" in found.source or "benchmarks/results/" in found.source, env


def test_averages_are_over_the_tasks_and_brains_that_make_the_most_cells(make_run):
    folders = [
        make_run(f"{env}{brain}", env=env, brain=brain, score=score)
        for env, brain, score in (
            ("Hopper-v5", "spiking", 50.0), ("Hopper-v5", "gru", 80.0), ("Hopper-v5", "full", 9.0),
            ("Ant-v5", "spiking", 0.0), ("Ant-v5", "gru", 25.0), ("Swimmer-v5", "gru", 1.0),
        )
    ]  # fmt: skip
    groups = groups_of(folders)
    shared = shared_tasks(groups, anchors_in(groups, ANCHORS))
    assert shared.envs == ("Ant-v5", "Hopper-v5")
    assert scores_of(shared) == {"spiking": [[0.5], [0.5]], "gru": [[0.75], [0.8]]}
    told = "\n".join(shared.left_out)
    assert "Swimmer-v5: no return is recorded that counts as 1" in told
    assert "full: no evaluated run of full length in Ant-v5" in told


def test_a_body_with_other_options_has_no_anchors_and_a_run_can_bring_its_own(make_run):
    changed = make_run("a", kwargs={"reset_noise_scale": 0.2})
    assert anchors_in(groups_of([changed]), ANCHORS) == {}
    own = make_run("b", env="Mine-v0")
    config = own / "config.yaml"
    named = "  id: Mine-v0\n  normalisation: {random: 1, reference: 3, source: a friend}"
    config.write_text(config.read_text().replace("  id: Mine-v0", named))
    assert anchors_in(groups_of([own]), ANCHORS) == {"Mine-v0": Anchors(1.0, 3.0, "a friend")}


def test_brains_that_trained_for_less_are_neither_averaged_nor_matched_with_others(make_run):
    folders = [
        make_run("long"),
        make_run("long1", seed=1),
        make_run("short", brain="gru", steps=300),
    ]
    groups = groups_of(folders)
    assert list(shared_tasks(groups, anchors_in(groups, ANCHORS)).scores) == ["spiking"]
    assert duel(groups, "spiking", "gru") is None
    assert deltas(groups, "spiking") == []
    assert unmatched(groups, "spiking") == [
        "gru in Hopper-v5 trained for 300 steps, spiking for 1k"
    ]


def test_a_brain_of_another_budget_leaves_the_differences_of_the_others_as_they_are(make_run):
    folders = [
        make_run("f", brain="full", score=100.0),
        make_run("g", brain="gru", score=60.0),
        make_run("s", steps=900),
    ]
    groups = groups_of(folders)
    assert [(delta.label, delta.difference.value) for delta in deltas(groups, "full")] == [
        ("gru", pytest.approx(-40.0))
    ]
    assert len(unmatched(groups, "full")) == 1
    (said,) = budgets(groups)  # what is not matched is always said
    assert said.startswith("budgets differ in Hopper-v5: from 900 steps (spiking) to 1k (full)")


def test_a_run_that_stopped_early_does_not_count_in_the_final_scores_and_is_named(make_run):
    folders = [make_run("a", score=10.0), make_run("b", seed=1, score=30.0, steps=500)]
    (group,), notes = group_runs(read_runs(folders)[0])
    assert group.scores("deterministic").tolist() == [10.0]
    assert any("b stopped at 500 of the 1,000 steps of its companions" in note for note in notes)


def test_a_duel_is_the_probability_of_improvement_over_the_tasks_of_both(make_run):
    scores = {"spiking": ([1.0, 5.0], [3.0, 9.0]), "gru": ([2.0, 4.0], [1.0, 2.0])}
    folders = [
        make_run(f"{brain}{env}{seed}", brain=brain, env=env, seed=seed, score=score)
        for brain, tasks in scores.items()
        for env, runs in zip(("Ant-v5", "Hopper-v5"), tasks, strict=True)
        for seed, score in enumerate(runs)
    ]
    fight = duel(groups_of(folders), "spiking", "gru")
    assert fight.probability == probability_of_improvement(scores["spiking"], scores["gru"])
    assert fight.runs == (4, 4)


def test_the_reference_is_the_full_brain_with_the_fewest_parts_left_out(make_run):
    whole = {"brain/plasticity": "hebbian", "brain/world_model": "predictive"}
    folders = [
        make_run(
            "whole", brain="full", parts=whole, changes={"plasticity": {"_target_": "b.Hebb"}}
        ),
        make_run(
            "less",
            brain="full",
            parts={**whole, "brain/plasticity": "none"},
            changes={"plasticity": {"_target_": "b.NoPlasticity"}},
        ),
        make_run("gru", brain="gru"),
    ]
    groups = groups_of(folders)
    assert reference_of(groups, None) == ("full (plasticity=Hebb)", [])
    assert reference_of(groups, "gru") == ("gru", [])
    assert reference_of(groups, "full NoPlasticity") == ("full (plasticity=NoPlasticity)", [])
    with pytest.raises(UsageError, match="unknown reference 'gry'; did you mean 'gru'"):
        reference_of(groups, "gry")


def test_without_a_full_brain_there_is_no_reference_and_two_alike_are_told(make_run):
    assert reference_of(groups_of([make_run("a")]), None) == (None, [])
    sizes = [make_run(f"s{i}", brain="full", changes={"size": i}) for i in range(2)]
    label, doubt = reference_of(groups_of(sizes), None)
    assert label is None
    assert "several brains are called full" in doubt[0]


@pytest.mark.parametrize("brain", ["full", "spiking"])
def test_a_lesion_leaves_a_part_out_of_the_intact_brain(make_run, brain):
    folders = [make_run(f"{seed}", brain=brain, seed=seed, score=100.0) for seed in range(3)]
    for folder in folders:
        lesion_run(folder, "fast_weights_zeroed", 80.0)
    groups = groups_of(folders)
    assert reference_of(groups, None) == (brain, [])
    (delta,) = deltas(groups, brain)
    assert delta.label == f"{brain}, fast_weights_zeroed"
    assert delta.difference.value == pytest.approx(-20.0)


def test_of_several_lesioned_brains_none_is_the_reference_unasked(make_run):
    folders = [make_run(brain, brain=brain) for brain in ("gru", "spiking")]
    for folder in folders:
        lesion_run(folder, "modulator_clamped", 80.0)
    assert reference_of(groups_of(folders), None) == (None, [])
    assert reference_of(groups_of(folders), "gru") == ("gru", [])


def test_a_lesioned_brain_tells_how_it_got_over_the_onset(make_run):
    folder = make_run("a", onset=ONSET)
    lesion_run(folder, "fast_weights_frozen", 50.0, onset=ONSET)
    intact, frozen = groups_of([folder])
    assert frozen.measured("reward/step before") == pytest.approx(
        0.5 * intact.measured("reward/step before"), rel=0.05
    )


def test_an_ablation_is_the_difference_of_interquartile_means_in_the_same_body(make_run):
    folders = [
        *(make_run(f"f{s}", brain="full", seed=s, score=100.0 + s) for s in range(3)),
        *(make_run(f"g{s}", brain="gru", seed=s, score=50.0 + s) for s in range(3)),
        make_run("elsewhere", brain="gru", env="Ant-v5"),
    ]
    (delta,) = deltas(groups_of(folders), "full")
    assert (delta.env, delta.label, delta.runs) == ("Hopper-v5", "gru", (3, 3))
    assert delta.difference.value == pytest.approx(-50.0)
    assert delta.relative.value == pytest.approx(-50.0 / 101.0)
    assert delta.difference.low < -50.0 < delta.difference.high
    assert delta.improvement.value == 0.0
    assert np.isfinite(delta.improvement.low)
