"""What an episode leaves behind in a file."""

import tracemalloc

import numpy as np
import pytest

from agents.errors import UsageError
from analysis.playing import play
from analysis.run_films import record_run, trained
from analysis.shooting import Cast, Look, shooting
from analysis.telemetry import read, recording
from envs.headless import WHY_NOT
from tests.analysis.small_brains import untrained_run

CHEETAH = ("env=HalfCheetah-v5", "brain=spiking")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return untrained_run(tmp_path_factory.mktemp("cheetah"), *CHEETAH)


def test_the_file_equals_what_was_lived(run, tmp_path):
    lived, returns = [], []
    path = tmp_path / "telemetry.npz"
    with trained(run, seed=5) as one, recording(path, one.env.control_period, one.about) as record:

        def note(step):
            lived.append(step)
            record(step)

        moments = play(
            one.model, one.env, episodes=None, seed=5, deterministic=True, returns=returns,
            record=note,
        )  # fmt: skip
        moments = [next(moments) for _ in range(31)]
    telemetry = read(path)
    assert len(lived) == len(telemetry.signals["reward"]) == 30
    assert telemetry.control_period == one.env.control_period
    assert telemetry.about["env"] == "HalfCheetah-v5"
    assert set(telemetry.signals) == set(telemetry.units) == set(lived[0])
    for name, column in telemetry.signals.items():
        assert np.allclose(column, np.array([step[name] for step in lived]), rtol=1e-6), name
    assert telemetry.signals["spikes"].dtype == bool
    assert telemetry.signals["spikes"].any()
    for moment, reward in zip(moments[1:], telemetry.signals["reward"], strict=True):
        assert moment.signals["reward"] == reward
    for moment, value in zip(moments, telemetry.signals["value"], strict=False):
        assert moment.signals["value"] == value


def test_whole_episodes_are_recorded_without_drawing_and_told_apart(tmp_path):
    run = untrained_run(tmp_path, "env=Hopper-v5", "brain=gru")
    telemetry = read(record_run(run, seed=1, episodes=3))
    assert [episode.start for episode in telemetry.episodes] == np.flatnonzero(
        telemetry.signals["episode_start"]
    ).tolist()
    assert len(telemetry.episodes) == 3
    assert telemetry.signals["features"].dtype == np.float16
    assert telemetry.seconds[1] == pytest.approx(telemetry.control_period)


def test_a_challenge_is_on_from_its_onset(tmp_path):
    run = untrained_run(tmp_path, *CHEETAH, "challenge=leg_loss", "challenge/onset=middle")
    with trained(run, seed=3) as one:
        path = tmp_path / "t.npz"
        with recording(path, 0.05, {}) as record:
            moments = play(
                one.model, one.env, episodes=1, seed=3, deterministic=True, returns=[],
                record=record,
            )  # fmt: skip
            (challenge,) = next(moment.challenges for moment in moments)
            list(moments)
    on = read(path).signals["challenge/leg_loss"]
    assert np.flatnonzero(np.diff(on.astype(int))).tolist() == [challenge.onset - 1]
    assert challenge.text.startswith("leg loss: ")


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
def test_the_raster_of_a_film_shows_exactly_the_spikes_of_its_telemetry(run, tmp_path):
    path, tiles = tmp_path / "t.npz", []
    with trained(run, seed=2) as one, recording(path, 0.05, {}) as record:
        cast = Cast(one.model, one.env, record=record)
        with shooting([cast], Look(640, 800), seed=2, tell=tiles.extend) as shots:
            for _ in range(13):
                shot = next(shots)
    board, spikes = tiles[0].board, read(path).signals["spikes"]
    rows, columns = board.place_of("spikes")
    frame = shot.frame[: tiles[0].board.height, 640 - board.width :]
    left = board.column_of(12).start
    lit = (frame[rows, left : columns.stop : board.step_width] != (21, 25, 32)).any(axis=2)
    order, per_row = board.panels[0].order, board.panels[0].per_row
    grouped = spikes[:, order].reshape(len(spikes), -1, per_row).any(axis=2)
    tall = len(lit) // grouped.shape[1]
    assert spikes.any()
    assert (lit[::tall, :12] == grouped.T).all()


def test_recording_needs_the_same_memory_for_any_length(tmp_path):
    wide = np.ones(256, np.float32)
    with recording(tmp_path / "t.npz", 0.02, {}) as record:
        tracemalloc.start()
        record({"reward": np.float32(1), "wide": wide})
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3000):
            record({"reward": np.float32(1), "wide": wide})
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert grown < 50_000  # the steps themselves take 1.5 MB
    assert read(tmp_path / "t.npz").signals["wide"].shape == (3001, 256)


def test_what_breaks_off_leaves_no_file_and_keeps_the_one_before_it(tmp_path):
    path = tmp_path / "t.npz"
    path.write_bytes(b"yesterday's")
    with pytest.raises(KeyboardInterrupt), recording(path, 0.02, {}) as record:
        record({"reward": np.float32(1)})
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["t.npz"]
    assert path.read_bytes() == b"yesterday's"


def test_numbers_too_large_for_their_type_stay_numbers(tmp_path):
    with recording(tmp_path / "t.npz", 0.02, {}) as record:
        record({"reward": np.float32(0), "forces": np.full(64, 1e9)})
    assert np.isfinite(read(tmp_path / "t.npz").signals["forces"]).all()


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_a_file_that_is_no_telemetry_is_told_in_one_line(tmp_path, content):
    path = tmp_path / "t.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"t\.npz is no telemetry") as caught:
        read(path)
    assert "\n" not in str(caught.value)
