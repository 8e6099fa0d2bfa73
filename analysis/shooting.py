"""Brains at play, seen: a frame with bodies and panels for each control step that is shown.

Films keep the frames, the live page sends them; both get them here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np

from agents.episodes import Actor, seeded_exploration
from analysis.board import agree
from analysis.panels.ink import BACKGROUND, TEXT, Pixels, line_height, write
from analysis.playing import Moment, Record, play, rehearse
from analysis.sheet import Tile, places_for, shared_panels
from analysis.view import open_view

MOST_SIDE_BY_SIDE = 4


class Cast(NamedTuple):
    """Who acts.

    Attributes:
        model: The brain's agent.
        env: Its body, one row, used by nothing else; it is seeded anew.
        title: Words such as the names of body and brain.
        record: Told every step that is lived; see `analysis.telemetry.recording`.
    """

    model: Actor
    env: Any
    title: str = ""
    record: Record | None = None


class Look(NamedTuple):
    """How the picture looks.

    Attributes:
        width: Pixels.
        height: Pixels.
        panels: Whether the brains' activity is shown; it needs a width of at least 640.
        title: Words in the foot of a picture of several brains.
    """

    width: int = 1280
    height: int = 720
    panels: bool = True
    title: str = ""


class Shot(NamedTuple):
    """A frame, ready to be shown, and what it shows.

    Attributes:
        frame: The picture, overwritten by the next one.
        moments: Of each brain.
    """

    frame: Pixels
    moments: tuple[Moment, ...]


def require_castable(casts: Sequence[Cast]) -> None:
    """Raise a ValueError if brains cannot be shown side by side."""
    for cast in casts:
        if cast.env.num_envs != 1:
            raise ValueError(f"a film needs an environment of one row, got {cast.env.num_envs}")
    if not 1 <= len(casts) <= MOST_SIDE_BY_SIDE:
        raise ValueError(f"a film shows 1 to {MOST_SIDE_BY_SIDE} brains, got {len(casts)}")
    if len({cast.env.control_period for cast in casts}) > 1:
        raise ValueError("bodies side by side must have control steps of the same length")


@contextmanager
def shooting(
    casts: Sequence[Cast],
    look: Look,
    *,
    seed: int,
    deterministic: bool = True,
    episodes: int | None = None,
    stride: int = 1,
    returns: Sequence[list[float]] | None = None,
    wanted: Callable[[], bool] = lambda: True,
    tell: Callable[[list[Tile]], object] = lambda _: None,
) -> Iterator[Iterator[Shot | None]]:
    """Open the view of brains at play: an iterator with a shot, or None, for each control step.

    Args:
        casts: Brains in bodies of one kind; they play in step.
        look: Of the picture.
        seed: Of bodies and exploration.
        deterministic: Whether brains act without exploring.
        episodes: Episodes to play; None to play on and on.
        stride: Steps from one shot to the next; an episode's first step is always shown.
        returns: A list for each brain, to which the return of each episode is added as it ends.
        wanted: Asked before each shot whether anybody looks.
        tell: Given the tiles of the sheet before the first shot.
    """
    frame = np.empty((look.height, look.width, 3), np.uint8)
    frame[:] = BACKGROUND
    with _tiles_on(frame, casts, look, seed, deterministic, stride) as tiles:
        tell(tiles)
        plays = [
            play(
                cast.model,
                cast.env,
                episodes=episodes,
                seed=seed,
                deterministic=deterministic,
                returns=ended,
                record=cast.record,
            )
            for cast, ended in zip(casts, returns or [[] for _ in casts], strict=True)
        ]
        period = casts[0].env.control_period
        foot = _Foot(frame, look.title, period) if len(casts) > 1 else None
        yield _shots(frame, foot, tiles, plays, stride, wanted)


@contextmanager
def _tiles_on(
    frame: Pixels,
    casts: Sequence[Cast],
    look: Look,
    seed: int,
    deterministic: bool,
    stride: int,
) -> Iterator[list[Tile]]:
    """Open a view of each body; each gets its place on the sheet, and panels for its signals."""
    rehearsed = [
        rehearse(cast.model, cast.env, seed=seed, deterministic=deterministic) for cast in casts
    ]
    boards = shared_panels(*zip(*rehearsed, strict=True)) if look.panels else [[] for _ in casts]
    places = places_for(boards, look.width, look.height)
    with ExitStack() as stack:
        tiles = []
        for cast, place, shown in zip(casts, places, boards, strict=True):
            stack.enter_context(seeded_exploration(cast.model, seed))
            period, alone = cast.env.control_period, len(casts) == 1
            view = open_view(cast.env, place.body.width, place.body.height, period * stride)
            seen = stack.enter_context(view)
            tiles.append(
                Tile(frame, place, seen, shown, cast.title, control_period=period, alone=alone)
            )
        if len(tiles) > 1:
            agree([tile.board for tile in tiles if tile.board is not None])
        yield tiles


class _Foot:
    """The last line of a picture of several brains: what it is, and how late."""

    def __init__(self, frame: Pixels, title: str, control_period: float) -> None:
        self._strip = frame[-max(20, len(frame) // 16) :]
        self._title, self._period = title, control_period

    def draw(self, step: int) -> None:
        size = round(0.4 * len(self._strip))
        top = (len(self._strip) - line_height(size)) // 2
        self._strip[:] = BACKGROUND
        write(self._strip, size // 2, top, self._title, TEXT, size)
        right = self._strip.shape[1] - size // 2
        write(self._strip, right, top, f"{step * self._period:.1f} s", TEXT, size, "right")


def _shots(
    frame: Pixels,
    foot: _Foot | None,
    tiles: Sequence[Tile],
    plays: Sequence[Iterator[Moment]],
    stride: int,
    wanted: Callable[[], bool],
) -> Iterator[Shot | None]:
    unseen = False
    for step, moments in enumerate(zip(*plays, strict=False)):
        for tile, moment in zip(tiles, moments, strict=True):
            tile.push(moment)
        due = step % stride == 0 or any(moment.starts for moment in moments)
        if not (due and wanted()):
            unseen = unseen or due
            yield None
            continue
        if unseen:  # cameras and speeds go by what was drawn
            for tile in tiles:
                tile.cut()
            unseen = False
        for tile in tiles:
            tile.fit()
        for tile, moment in zip(tiles, moments, strict=True):
            tile.draw(moment)
        if foot is not None:
            foot.draw(step)
        yield Shot(frame, moments)
