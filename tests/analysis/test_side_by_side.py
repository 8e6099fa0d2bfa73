"""Several brains in one film."""

from pathlib import Path

import numpy as np
import pytest

import evaluate
from agents.errors import UsageError
from analysis.film import film_together
from analysis.run_films import Trained, captions, film_runs, seconds_to_see, together
from analysis.shooting import Cast, Look, shooting
from envs.headless import WHY_NOT
from tests.analysis.small_brains import untrained_run
from tests.command_line import call

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
SMALL = {"width": 640, "height": 480}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    body = ("env=HalfCheetah-v5", "challenge=leg_loss")
    return [
        untrained_run(folder / "spiking", *body, "brain=spiking"),
        untrained_run(folder / "gru", *body, "brain=gru", seed=1),
        untrained_run(folder / "baseline", *body, "agent=sb3_ppo", "brain=none"),
    ]


def test_brains_side_by_side_start_from_the_same_seed_under_the_same_challenge(runs):
    with together(runs, seed=7) as (casts, title):
        with shooting(casts, Look(**SMALL), seed=7) as shots:
            first, second = (next(shots).moments for _ in range(2))
        assert {type(cast.model).__name__ for cast in casts} == {"BrainPPO", "Sb3PPO"}
    for moment in first[1:]:
        assert np.array_equal(moment.observation, first[0].observation)
        assert moment.challenges == first[0].challenges != ()
    assert not np.array_equal(second[0].observation, second[1].observation)
    assert "seed 7" in title


def named(run, *, brain="mlp", seed=0, steps=64):
    return Trained(Path(run), f"step_{steps:09d}", None, None, brain, seed, steps, "Hopper-v5", {})


@pytest.mark.parametrize(
    ("actors", "told"),
    [
        ([named("a"), named("b", seed=1)], ["mlp, seed 0", "mlp, seed 1"]),
        (
            [named("runs/fast"), named("runs/slow"), named("runs/other", brain="gru")],
            ["mlp, seed 0, fast", "mlp, seed 0, slow", "gru, seed 0"],
        ),
        (
            [named("runs/a"), named("runs/a", steps=2000)],
            ["mlp, seed 0, 64 steps", "mlp, seed 0, 2,000 steps"],
        ),
        ([named("old/a"), named("new/a")], ["mlp, seed 0, old", "mlp, seed 0, new"]),
    ],
)
def test_brains_of_one_name_and_seed_are_captioned_by_what_differs(actors, told):
    assert captions(actors) == told


def test_two_runs_of_one_brain_and_seed_are_told_apart_on_the_stage(runs, tmp_path):
    same = untrained_run(
        tmp_path / "again", "env=HalfCheetah-v5", "challenge=leg_loss", "brain=gru", seed=1
    )
    with together([runs[1], same], seed=7) as (casts, _):
        titles = [cast.title for cast in casts]
    assert titles == ["GRUController, seed 1, gru", "GRUController, seed 1, again"]


def test_each_brain_has_the_panels_of_its_own_signals(runs):
    tiles = []
    with (
        together(runs, seed=7) as (casts, _),
        shooting(casts, Look(**SMALL), seed=7, tell=tiles.extend) as shots,
    ):
        next(shots)
    names = [[panel.names[0] for panel in tile.board.panels] for tile in tiles]
    assert names == [["spikes", "value", "reward"], ["features", "value", "reward"], ["reward"]]


def test_a_film_side_by_side_is_written(runs, tmp_path):
    made = film_runs(runs, tmp_path / "side_by_side.mp4", seed=1, seconds=0.3, **SMALL)
    assert made.path.stat().st_size > 1000
    assert made.frames == 6


def test_a_film_of_a_challenge_lasts_until_it_has_come(runs):
    with together(runs[:1], seed=7) as (casts, _):
        seconds = seconds_to_see(casts[0].env, 7)
        with shooting(casts, Look(**SMALL), seed=7) as shots:
            (challenge,) = next(shots).moments[0].challenges
    assert seconds >= challenge.onset * casts[0].env.control_period + 8


def test_runs_in_different_worlds_are_not_shown_side_by_side(runs, tmp_path):
    hopper = untrained_run(tmp_path / "hopper", "env=Hopper-v5", "brain=mlp")
    with pytest.raises(UsageError, match=r"one body .* HalfCheetah-v5, Hopper-v5"):
        film_runs([runs[0], hopper], tmp_path / "film.mp4", seed=1)
    whole = untrained_run(tmp_path / "whole", "env=HalfCheetah-v5", "brain=mlp")
    with pytest.raises(UsageError, match="different challenges: choose one"):
        film_runs([runs[0], whole], tmp_path / "film.mp4", seed=1)
    with pytest.raises(UsageError, match="at most 4 runs"):
        film_runs([runs[0]] * 5, tmp_path / "film.mp4", seed=1)


def test_bodies_of_other_clocks_are_refused(runs, tmp_path):
    hopper = untrained_run(tmp_path / "hopper", "env=Hopper-v5", "brain=mlp")
    with together(runs[:1], seed=0) as (one, _), together([hopper], seed=0) as (other, _):
        casts = [Cast(*one[0]), Cast(*other[0])]
        with pytest.raises(ValueError, match="control steps of the same length"):
            film_together(casts, tmp_path / "film.mp4", seconds=0.1, **SMALL)


def test_evaluate_films_each_run_and_all_of_them_side_by_side(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.run_films.seconds_to_see", lambda *_: 0.1)
    named = f"runs=[{runs[0]},{runs[1]}]"
    code, out, err = call(
        evaluate.evaluate, named, "episodes=0", "video=true", "num_threads=1", "output=seen",
        cwd=tmp_path,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert (tmp_path / "seen" / "side_by_side.mp4").is_file()
    for run in runs[:2]:
        assert f"{run}/telemetry/step_000000064.npz" in out
