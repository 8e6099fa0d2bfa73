"""Watching brains while they live, in real time.

Where there is a display: MuJoCo's own viewer. Where there is none, or for several brains: the
frames of the film on a page that only this machine can open. (MuJoCo's web viewer, which would
stream the body without its brain, is no part of mujoco-core, and listens to the whole network.)
"""

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import envs  # isort: skip - before MuJoCo, so that it chooses how to draw
import mujoco

from agents.challenge_choice import Choice
from agents.episodes import seeded_exploration
from agents.stop_signals import SIGNALS
from analysis.live_page import Page
from analysis.playing import play
from analysis.run_films import together
from analysis.shooting import Cast, Look, shooting

LIVE_FRAMES_PER_SECOND = 25.0
CATCH_UP_SECONDS = 0.25
"""Who is later than this goes on from now, in place of hurrying."""

Say = Callable[[str], None]


def watch(
    sources: Sequence[str | Path],
    *,
    seed: int,
    port: int,
    device: str = "cpu",
    challenge: Choice = None,
    say: Say = print,
) -> None:
    """Show brains of runs in real time, episode after episode, until Ctrl-C or SIGTERM.

    Closing a window ends it too.

    Args:
        sources: Up to four runs or checkpoints, of one body if several.
        seed: Of bodies and exploration.
        port: Of the page; 0 for any that is free.
        device: Where the agents' tensors live.
        challenge: What befalls the bodies; None for what they were trained under.
        say: Told where to look.

    Raises:
        envs.RenderingError: Nothing can be drawn here; the message tells what mends it.
        UsageError: A run is not there, the port is taken, or body or challenge differ.
    """
    with together(sources, seed=seed, device=device, challenge=challenge) as (casts, title):
        try:
            with interruptible():
                _watch(casts, title, seed=seed, port=port, say=say)
        except KeyboardInterrupt:
            say("closed")


def _watch(casts: Sequence[Cast], title: str, *, seed: int, port: int, say: Say) -> None:
    if len(casts) == 1 and hasattr(casts[0].env, "engine") and windows_open():
        in_viewer(casts[0], seed=seed, say=say)
    else:
        with Page(port, title=title) as page:
            on_page(casts, page, title=title, seed=seed, say=say)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C or SIGTERM raise `KeyboardInterrupt` in what is inside.

    Whoever starts a program in the background may make it ignore Ctrl-C, and it would never end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(end, signal.signal(end, signal.default_int_handler)) for end in SIGNALS]
    try:
        yield
    finally:
        for end, handler in before:
            signal.signal(end, handler)


def has_display() -> bool:
    """Return whether windows can be opened here."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def windows_open() -> bool:
    """Return whether a window really opens here: MuJoCo's viewer ends the program where none does.

    A display may be named that is not there, as in a terminal that outlived its session.
    """
    if not has_display():
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import glfw

            opened = bool(glfw.init())
            glfw.terminate()
        except (ImportError, OSError):
            return False
    return opened


class Clock:
    """Keeps steps at the pace of the body's time.

    Args:
        period: Length of a step, s.
    """

    def __init__(self, period: float) -> None:
        self._period = period
        self._due = time.perf_counter()

    def tick(self) -> bool:
        """Wait until the next step is due; return whether there is time to draw before it."""
        now = time.perf_counter()
        self._due += self._period
        if now - self._due > CATCH_UP_SECONDS:
            self._due = now
        if self._due > now:
            time.sleep(self._due - now)
        return self._due >= now


def on_page(
    casts: Sequence[Cast],
    page: Page,
    *,
    title: str,
    seed: int,
    say: Say = print,
    width: int = 1280,
    height: int = 720,
) -> None:
    """Show the frames of a film on a page, until Ctrl-C; they are drawn while somebody looks.

    Args:
        casts: The brains and their bodies.
        page: Where to show them.
        title: Words in the foot, if they are several.
        seed: Of bodies and exploration.
        say: Told where to look.
        width: Of the frames, pixels.
        height: Of the frames, pixels.
    """
    period = casts[0].env.control_period
    stride = max(1, round(1 / (LIVE_FRAMES_PER_SECOND * period)))
    say(f"watch at {page.address}   (Ctrl-C ends it)")
    look = Look(width, height, title=title)
    with shooting(casts, look, seed=seed, stride=stride, wanted=page.is_wanted) as shots:
        clock = Clock(period)
        for shot in shots:
            if shot is not None:
                page.show(shot.frame)
            clock.tick()


def in_viewer(cast: Cast, *, seed: int, say: Say = print) -> None:
    """Show a brain in MuJoCo's viewer until its window is closed.

    Raises:
        envs.RenderingError: No window can be opened here.
    """
    engine = cast.env.engine
    model = engine.task.model
    data = mujoco.MjData(model)
    try:
        from mujoco import viewer as viewers

        viewer = viewers.launch_passive(model, data)
    except Exception as error:  # each windowing system fails in its own way
        reason = " ".join(str(error).split())
        hint = "unset DISPLAY and WAYLAND_DISPLAY to watch in a browser"
        raise envs.RenderingError(f"MuJoCo's viewer does not open ({reason}); {hint}") from error
    say(f"{cast.title}   (Ctrl-C or closing the window ends it)")
    clock = Clock(cast.env.control_period)
    with viewer, seeded_exploration(cast.model, seed):
        moments = play(
            cast.model, cast.env, episodes=None, seed=seed, deterministic=True, returns=[]
        )
        for moment in moments:
            if not viewer.is_running():
                return
            with viewer.lock():
                row = engine.batch.state[0]
                mujoco.mj_setState(model, data, row, mujoco.mjtState.mjSTATE_INTEGRATION)
                mujoco.mj_forward(model, data)
            told = [one.text for one in moment.challenges if moment.clock >= one.onset]
            words = "\n".join([f"{moment.seconds:.1f} s   return {moment.reward_sum:,.0f}", *told])
            corner = mujoco.mjtGridPos.mjGRID_BOTTOMLEFT
            viewer.set_texts((mujoco.mjtFontScale.mjFONTSCALE_150, corner, words, ""))
            viewer.sync()
            clock.tick()
