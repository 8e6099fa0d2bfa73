"""Watching while it happens."""

import http.client
import signal
import sys
import time
from urllib.parse import urlsplit

import numpy as np
import pytest

from agents.errors import UsageError
from analysis.live import Clock, has_display, windows_open
from analysis.live_page import Page
from envs.headless import WHY_NOT
from tests.analysis.small_brains import untrained_run
from tests.command_line import start


def fetch(address, path="/", host=None, size=None):
    """Return status, kind and the first bytes of an answer."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    content = answer.read(size) if size else answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type"), content


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
def test_without_a_display_a_page_on_localhost_shows_frames_until_ctrl_c(tmp_path):
    def as_a_background_job():
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    run = untrained_run(tmp_path / "run", "env=HalfCheetah-v5", "brain=spiking")
    options = (f"runs={run}", "live=true", "port=0", "num_threads=1")
    nothing = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "MUJOCO_GL": "egl", "PYTHONUNBUFFERED": "1"}
    process = start(
        "evaluate.py", *options, cwd=tmp_path, env=nothing, preexec_fn=as_a_background_job
    )
    try:
        address = process.stdout.readline().split()[2]
        assert address.startswith("http://127.0.0.1:")
        status, kind, page = fetch(address)
        assert (status, kind) == (200, "text/html; charset=utf-8")
        assert b'<img src="/frames"' in page
        status, kind, stream = fetch(address, "/frames", size=4000)
        assert kind.startswith("multipart/x-mixed-replace")
        assert b"Content-Type: image/jpeg" in stream
        assert b"\xff\xd8\xff" in stream
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines() == ["closed"]
    with pytest.raises(ConnectionRefusedError):
        fetch(address)


def test_a_page_shows_the_latest_frame_and_is_for_this_machine_alone():
    with Page(0, title="a <brain>") as page:
        assert page.is_wanted()
        page.show(np.full((32, 48, 3), 200, np.uint8))
        assert not page.is_wanted()
        assert b"a &lt;brain&gt;" in fetch(page.address)[2]
        assert fetch(page.address, "/frames", size=300)[2].count(b"image/jpeg") == 1
        assert fetch(page.address, "/etc/passwd")[0] == 404
        assert fetch(page.address, host="elsewhere.example:80")[0] == 403


def test_a_port_that_is_taken_is_told_in_one_line():
    with Page(0, title="") as page:
        port = urlsplit(page.address).port
        with pytest.raises(UsageError, match=rf"port {port} cannot be used .*port=0"):
            Page(port, title="")


def test_steps_are_paced_by_the_time_of_the_body_and_never_hurried():
    clock, began = Clock(0.02), time.perf_counter()
    for _ in range(5):
        clock.tick()
    assert 0.1 <= time.perf_counter() - began < 1.0
    slow, began = Clock(0.001), time.perf_counter()
    time.sleep(0.5)
    slow.tick()
    slow.tick()
    assert time.perf_counter() - began < 0.9


@pytest.mark.skipif(sys.platform != "linux", reason="displays are named on Linux")
def test_a_display_that_is_named_but_not_there_opens_no_window(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert has_display()
    assert not windows_open()


@pytest.mark.parametrize(("variable", "shown"), [("DISPLAY", True), ("WAYLAND_DISPLAY", True)])
def test_a_display_is_one_that_the_windowing_system_names(monkeypatch, variable, shown):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not has_display()
    monkeypatch.setenv(variable, ":0")
    assert has_display() == shown
