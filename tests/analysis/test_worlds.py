"""Runs whose challenges or distractors differ in anything are in rows of their own."""

import pytest
from omegaconf import OmegaConf

from agents import cli
from analysis.compare import compare
from analysis.recorded import collect_folders, read_results

LEG = ("challenge=leg_loss", "challenge.split=all")
BROKEN = "Hopper-v5, trained under leg_loss (medium, all)"
HALF = "Hopper-v5, 50% of the senses irrelevant"


def world(*changes):
    """Return what train.py writes about challenges and distractors with these options."""
    config = OmegaConf.to_container(cli.composed("train", ["env=Hopper-v5", *changes])[0])
    return {key: config[key] for key in ("challenge", "distractors")}


def parts(*changes):
    """Return the challenges that a run with these options has, by name."""
    return world(*changes)["challenge"]["parts"]


def rows(folders):
    """Return the number of runs in each row, by the words for its body."""
    return {row.env: row.seeds[1] for row in compare(folders).rows}


def test_seeds_of_one_world_are_pooled_and_those_from_before_distractors_too(make_run):
    seeds = [make_run(f"{seed}", seed=seed, **world(*LEG)) for seed in range(3)]
    assert rows(seeds) == {BROKEN: 3}
    whole = [make_run("old"), make_run("new", seed=1, **world())]
    assert rows(whole) == {"Hopper-v5": 2}


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("challenge/onset=start", "challenge/onset=drift", ("onset=start", "onset=drift")),
        (
            "challenge/onset=middle",
            "challenge.onset.window=[0.1,0.2]",
            ("onset=middle", "onset=(window [0.1, 0.2], ramp 0)"),
        ),
        (
            "challenge.parts.leg_loss.levels.medium.strength=0.5",
            "challenge.parts.leg_loss.held_out=[0]",
            (
                "held_out=[-1], levels.medium.strength=0.5",
                "held_out=[0], levels.medium.strength=0",
            ),
        ),
    ],
)
def test_challenges_of_the_same_words_are_told_apart_by_what_differs(make_run, one, other, told):
    folders = [
        make_run(f"{seed}", seed=seed, **world(*LEG, change))
        for seed, change in enumerate((one, other))
    ]
    assert rows(folders) == {f"{BROKEN}, {words}": 1 for words in told}


def test_noise_of_one_sense_and_a_push_of_another_interval_are_told_from_the_usual(make_run):
    noisy = world("challenge=noise")
    deaf = world("challenge=noise", "challenge.parts.noise.modality=touch")
    words = "Hopper-v5, trained under noise (medium)"
    assert rows([make_run("a", **noisy), make_run("b", seed=1, **deaf)]) == {
        f"{words}, modality=null": 1,
        f"{words}, modality=touch": 1,
    }
    rare = world("challenge=push", "challenge.parts.push.interval=9")
    words = "Hopper-v5, trained under push (medium)"
    assert rows([make_run("c", **world("challenge=push")), make_run("d", seed=1, **rare)]) == {
        f"{words}, interval=2": 1,
        f"{words}, interval=9": 1,
    }


def test_of_several_challenges_it_is_said_whose_number_differs_and_a_common_onset_once(make_run):
    both = ("challenge=[mass,gravity]",)
    folders = [
        make_run("a", **world(*both)),
        make_run("b", **world(*both, "challenge.parts.mass.levels.easy.factor=1.1")),
        make_run("c", **world(*both, "challenge/onset=start")),
    ]
    assert set(rows(folders)) == {
        "Hopper-v5, trained under mass (medium) + gravity (medium), "
        f"onset={onset}, mass.levels.easy.factor={factor}"
        for factor, onset in ((1.25, "middle"), (1.1, "middle"), (1.25, "start"))
    }


def test_distractors_of_the_same_share_are_told_apart_by_what_differs(make_run):
    slow = world("distractors=easy", "distractors.time_constants=[100,2000]")
    same = world("distractors=easy", "distractors.time_constants=[100.0,2000.0]")
    folders = [
        make_run("a", **world("distractors=easy")),
        make_run("b", seed=1, **slow),
        make_run("c", seed=2, **same),
    ]
    assert rows(folders) == {
        f"{HALF}, time_constants=[1, 50]": 1,
        f"{HALF}, time_constants=[100, 2000]": 2,
    }


def test_evaluations_of_one_training_under_different_onsets_are_rows_of_their_own(make_run):
    trained, start = world(*LEG), parts(*LEG, "challenge/onset=start")
    folders = [
        make_run("a", **trained),
        make_run("b", seed=1, under=start, **trained),
        make_run("c", seed=2, under=parts(*LEG, "challenge/onset=drift"), **trained),
        make_run("d", seed=3, under=start),
    ]
    tested = "tested under leg_loss (medium, all)"
    assert rows(folders) == {
        f"{BROKEN}, onset=middle": 1,
        f"{BROKEN}, onset=middle, {tested}, onset=start": 1,
        f"{BROKEN}, onset=middle, {tested}, onset=drift": 1,
        f"Hopper-v5, {tested}, onset=start": 1,
    }


def test_differences_too_many_for_a_label_keep_runs_apart_and_are_told_in_full(make_run):
    levels = [
        f"challenge.parts.noise.levels.{level}.sigma={sigma}"
        for level, sigma in (("easy", 0.2), ("medium", 0.4), ("hard", 2.0))
    ]
    often = ("challenge=noise", "challenge.parts.noise.modality=touch", *levels)
    folders = [
        make_run("a", **world("challenge=noise")),
        make_run("b", seed=1, **world(*often)),
        make_run("c", seed=2, **world(*often, "challenge/onset=start")),
    ]
    comparison = compare(folders)
    assert len({row.env for row in comparison.rows}) == 3
    for row in comparison.rows:
        short = row.env.removeprefix("Hopper-v5, trained under ")
        (note,) = [note for note in comparison.notes if note.startswith(f"{short} is short for")]
        assert note.partition(" is short for ")[2].count("levels.") == 3
    assert sum("onset=start" in row.env for row in comparison.rows) == 1


def test_raw_numbers_are_recorded_under_words_that_tell_worlds_apart(make_run, tmp_path):
    folders = [
        make_run(
            f"gru_seed{seed}", brain="gru", seed=seed, **world(*LEG, f"challenge/onset={when}")
        )
        for seed, when in enumerate(("start", "drift"))
    ]
    collect_folders(folders, tmp_path / "results")
    assert {run.env for run in read_results(tmp_path / "results")} == {
        f"{BROKEN}, onset=start",
        f"{BROKEN}, onset=drift",
    }
