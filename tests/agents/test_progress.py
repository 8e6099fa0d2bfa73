"""The record of a training is never ahead of itself, and its line never lies."""

import io

import pytest

from agents import progress
from agents.progress import COLUMNS, ProgressFile, ProgressLine, duration, read_progress, row_of


def row(steps, **learned):
    return row_of(learned, env_steps=steps, wall_seconds=steps / 10, rate=10.0)


@pytest.fixture
def record(tmp_path):
    record = ProgressFile(tmp_path / "progress.csv")
    record.open_at(0)
    for steps in (10, 20, 30):
        record.append(row(steps, kl=0.1 * steps, spikes=1.0))
    return record


def test_every_run_has_the_agreed_columns_first_and_its_own_after_them(record):
    first = read_progress(record.path)[0]
    assert tuple(first) == (*COLUMNS, "spikes")
    assert (first["dopamine"], first["kl"]) == ("", "1.0")


def test_a_number_comes_back_exactly(record):
    record.append(row(40, kl=0.1 + 0.2))
    assert float(read_progress(record.path)[-1]["kl"]) == 0.1 + 0.2


def test_rows_after_the_checkpoint_are_dropped_and_the_rest_kept(record):
    again = ProgressFile(record.path)
    again.open_at(20)
    again.append(row(30, kl=7.0, spikes=2.0))
    rows = read_progress(record.path)
    assert [(r["env_steps"], r["kl"]) for r in rows] == [
        ("10", "1.0"),
        ("20", "2.0"),
        ("30", "7.0"),
    ]


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_row_cut_short_by_a_kill_is_left_out(record, cut):
    record.path.write_bytes(record.path.read_bytes()[:-cut])
    assert [r["env_steps"] for r in read_progress(record.path)] == ["10", "20"]


def test_a_record_that_is_not_there_has_no_rows(tmp_path):
    assert read_progress(tmp_path / "progress.csv") == []


def test_the_line_says_steps_rate_return_and_time_left(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    line = ProgressLine(4000, stream=stream)
    line.update(0)
    now[0] += 10
    line.update(1000, 12.345)
    assert stream.getvalue().splitlines()[-1] == (
        "1,000/4,000 steps  100 steps/s  return 12.3  0:30 left"
    )


def test_the_line_comes_every_few_seconds_where_there_is_no_terminal(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    line = ProgressLine(10_000, stream=stream)
    for step in range(100):
        now[0] += 0.1
        line.update(step)
    assert stream.getvalue().count("\n") == 2


def test_the_line_is_rewritten_in_place_on_a_terminal(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    line = ProgressLine(100, stream=stream)
    line.update(1)
    assert stream.getvalue().startswith("\r")
    assert "\n" not in stream.getvalue()
    line.close(100)
    assert stream.getvalue().endswith("\n")


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (187, "3:07"), (3723, "1:02:03")])
def test_a_length_of_time_is_easy_to_read(seconds, text):
    assert duration(seconds) == text
