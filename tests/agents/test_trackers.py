"""TensorBoard and Weights & Biases show what progress.csv and evaluation.json hold."""

import io
import json
import resource
import struct
import threading

import pytest
from omegaconf import OmegaConf
from PIL import Image

from agents.evaluation import read_record
from agents.progress import read_progress
from agents.trackers import TensorBoardTracker, Trackers, evaluation_means
from tests.command_line import QUICK, SMALL, run

CELL = ("env=InvertedPendulum-v5", "brain=mlp", *QUICK, *SMALL["ppo"], "run_dir=run")


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """Return the folder of a run with both trackers, which was evaluated and filmed."""
    folder = tmp_path_factory.mktemp("tracked")
    home = {"WANDB_API_KEY": "", "HOME": str(folder), "NETRC": str(folder / "netrc")}
    options = ("tracker=[tensorboard,wandb]", "film=true", "evaluation_episodes=2")
    finished = run("train.py", *CELL, *options, "total_steps=96", cwd=folder, env=home)
    assert (finished.returncode, finished.stderr) == (0, ""), finished.stdout
    return folder / "run"


def progress_of(folder):
    """Return the numbers of progress.csv by column, as (env_steps, value)."""
    columns = {}
    for row in read_progress(folder / "progress.csv"):
        for name, value in row.items():
            if value:
                columns.setdefault(name, []).append((int(row["env_steps"]), float(value)))
    return columns


def events_of(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = dict.fromkeys(("scalars", "images", "tensors"), 0)
    accumulator = EventAccumulator(str(folder / "tensorboard"), size_guidance=everything)
    return accumulator.Reload()


def text_of(events, tag):
    return events.Tensors(f"{tag}/text_summary")[-1].tensor_proto.string_val[0].decode()


def wandb_records(folder):
    """Yield the records of an offline run: a log of blocks that hold protocol buffers."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    data = path.read_bytes()
    place, parts = 7, b""  # after the file's own head
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:  # no chunk begins at the very end of a block
            place += 32768 - place % 32768
        _, size, kind = struct.unpack_from("<IHB", data, place)
        parts += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(parts)
            parts = b""


def wandb_history(folder):
    """Return what was logged, by name."""
    found = {}
    for record in wandb_records(folder):
        for item in record.history.item:
            name = item.key or ".".join(item.nested_key)
            found.setdefault(name, []).append(json.loads(item.value_json))
    return found


def test_tensorboard_shows_the_numbers_of_progress_csv_under_the_same_names(tracked):
    events = events_of(tracked)
    columns = progress_of(tracked)
    assert {"env_steps", "kl", "entropy", "value_loss"} <= columns.keys()
    for name, values in columns.items():
        shown = [(event.step, event.value) for event in events.Scalars(name)]
        assert [step for step, _ in shown] == [step for step, _ in values]
        assert [value for _, value in shown] == pytest.approx([value for _, value in values])


def test_tensorboard_shows_configuration_film_and_table(tracked):
    events = events_of(tracked)
    for line in (tracked / "config.yaml").read_text().splitlines():
        assert line in text_of(events, "config")
    (film,) = events.Images("film")
    picture = Image.open(io.BytesIO(film.encoded_image_string))
    assert (picture.format, picture.size) == ("GIF", (film.width, film.height))
    assert picture.n_frames > 1
    record = read_record(tracked)
    for name, value in evaluation_means(record).items():
        assert events.Scalars(name)[0].value == pytest.approx(value)
    table = text_of(events, "evaluation").splitlines()
    assert len(table) == 2 + 2 * 2
    assert table[2] == " | ".join(
        map(
            str,
            ("deterministic", 0, *(record["deterministic"][k][0] for k in ("returns", "lengths"))),
        )
    )


def test_a_disk_that_is_full_ends_tensorboard_in_one_line(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # put back afterwards
    trackers = Trackers({"tensorboard": TensorBoardTracker()})
    trackers.start(tmp_path, OmegaConf.create(), 0)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most[1]))
    try:
        for step in range(200):
            trackers.log({f"value_{name}": 0.5 for name in range(20)}, step)
        trackers.finish(failed=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    out, err = capfd.readouterr()
    assert err == "tracker tensorboard failed and is left out: [Errno 27] File too large\n"
    assert not out


def test_an_offline_run_of_wandb_holds_the_numbers_the_configuration_film_and_table(tracked):
    history = wandb_history(tracked)
    for name, values in progress_of(tracked).items():
        kept = history[name][: len(values)]
        assert kept == pytest.approx([value for _, value in values])
    for name, value in evaluation_means(read_record(tracked)).items():
        assert history[name] == pytest.approx([value])
    assert history["evaluation.nrows"] == [4] or history["evaluation"][0]["nrows"] == 4
    (files,) = tracked.glob("wandb/offline-run-*/files/media")
    assert len(list(files.rglob("*.mp4"))) == 1
    configs = [
        (update.key or update.nested_key[0], json.loads(update.value_json))
        for record in wandb_records(tracked)
        for update in (*record.run.config.update, *record.config.update)
    ]
    assert ("num_envs", 2) in configs
    assert dict(configs)["env"]["id"] == "InvertedPendulum-v5"


@pytest.mark.parametrize(("value", "code"), [("0.5", 0), ("nan", 1)])
def test_a_run_of_wandb_is_closed_with_how_the_training_ended(value, code, tmp_path):
    options = (*CELL, "tracker=wandb", "tracker.wandb.mode=offline", "total_steps=64")
    finished = run("train.py", *options, f"agent.value_coefficient={value}", cwd=tmp_path)
    assert finished.returncode == code, finished.stderr
    (end,) = [r.exit for r in wandb_records(tmp_path / "run") if r.HasField("exit")]
    assert end.exit_code == code
