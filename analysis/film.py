"""Films of brains at work: body and panels, frame after frame straight to the encoder.

Any length needs the same memory. A film looks at bodies of its own, seeded separately; training
never notices it. The file gets its name when it is finished.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agents.episodes import Actor, seeded_exploration
from analysis.board import agree
from analysis.encoding import require_encodable, writing
from analysis.panels.ink import BACKGROUND, TEXT, Pixels, line_height, write
from analysis.playing import Moment, Record, play, rehearse
from analysis.sheet import Tile, places_for, shared_panels
from analysis.view import open_view

MOST_FRAMES_PER_SECOND = 50.0
MOST_SIDE_BY_SIDE = 4


class Film(NamedTuple):
    """A finished film.

    Attributes:
        path: The file.
        frames: Number of frames.
        frames_per_second: Its pace; bodies move in real time.
        returns: Return of each episode that ended in it; of several brains, one after the other.
    """

    path: Path
    frames: int
    frames_per_second: float
    returns: list[float]


class Cast(NamedTuple):
    """Who acts in a film.

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


class Shot(NamedTuple):
    """A frame, ready to be shown, and what it shows.

    Attributes:
        frame: The picture, overwritten by the next one.
        moments: Of each brain.
    """

    frame: Pixels
    moments: tuple[Moment, ...]


def film(
    model: Actor,
    env: Any,
    path: str | Path,
    *,
    title: str = "",
    record: Record | None = None,
    **options: Any,
) -> Film:
    """Film a brain in a body of its own.

    Args:
        model: The brain's agent.
        env: One row from `make_vec_env(..., num_envs=1)`, used by nothing else; it is seeded anew.
        path: The mp4 file to write.
        title: Words in the caption, such as the names of body and brain.
        record: Told every step that is lived.
        **options: Further arguments of `film_together`.
    """
    return film_together([Cast(model, env, title, record)], path, **options)


def film_together(
    casts: Sequence[Cast],
    path: str | Path,
    *,
    title: str = "",
    episodes: int | None = 1,
    seconds: float | None = None,
    seed: int = 0,
    width: int = 1280,
    height: int = 720,
    deterministic: bool = True,
    panels: bool = True,
) -> Film:
    """Film brains, side by side if there are several, from the same seed and in step.

    Args:
        casts: Up to four brains in bodies of one kind.
        path: The mp4 file to write.
        title: Words in the foot of a film of several.
        episodes: Episodes to film; None for as many as begin in `seconds`. Of several brains the
            first to have lived so many ends the film.
        seconds: Ends the film, in the body's time, s; None for whole episodes.
        seed: Of bodies and exploration.
        width: Of the picture, pixels; a multiple of 16.
        height: Of the picture, pixels; a multiple of 16.
        deterministic: Whether brains act without exploring.
        panels: Whether their activity is shown; it needs a width of at least 640.

    Returns:
        What was filmed.

    Raises:
        RenderingError: Nothing can be drawn or encoded here; the message tells what mends it.
        ValueError: The size cannot be encoded, an environment has more than one row, there are too
            many or their clocks differ, or the film would never end.
    """
    require_encodable(width, height)
    require_castable(casts)
    if episodes is None and seconds is None:
        raise ValueError("a film ends after some episodes or seconds: give one of them")
    period = casts[0].env.control_period
    stride = max(1, ceil(1 / (period * MOST_FRAMES_PER_SECOND)))
    most_steps = None if seconds is None else max(1, round(seconds / period))
    returns: list[list[float]] = [[] for _ in casts]
    frames = 0
    options = {"seed": seed, "width": width, "height": height, "deterministic": deterministic}
    with (
        shooting(casts, returns, episodes, stride, title=title, panels=panels, **options) as shots,
        writing(Path(path), 1 / (period * stride)) as append,
    ):
        for step, shot in enumerate(shots):
            if most_steps is not None and step >= most_steps:
                break
            if shot is not None:
                append(shot.frame)
                frames += 1
    ended = [one for each in returns for one in each]
    return Film(Path(path), frames, 1 / (period * stride), ended)


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
    returns: Sequence[list[float]],
    episodes: int | None,
    stride: int,
    *,
    title: str,
    seed: int,
    width: int,
    height: int,
    deterministic: bool,
    panels: bool = True,
    wanted: Callable[[], bool] = lambda: True,
    tell: Callable[[list[Tile]], object] = lambda _: None,
) -> Iterator[Iterator[Shot | None]]:
    """Open the view of brains at play: an iterator with a shot, or None, for each control step.

    Args:
        casts: See `film_together`, also for the other arguments.
        returns: For each brain, the return of each episode is appended as it ends.
        episodes: Episodes to play; None to play on and on.
        stride: Steps from one shot to the next; an episode's first step is always shown.
        title: Words in the foot of a film of several.
        seed: Of bodies and exploration.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        deterministic: Whether brains act without exploring.
        panels: Whether their activity is shown.
        wanted: Asked before each shot whether anybody looks.
        tell: Given the tiles of the sheet before the first shot.
    """
    frame = np.empty((height, width, 3), np.uint8)
    frame[:] = BACKGROUND
    period = casts[0].env.control_period
    rehearsed = [
        rehearse(cast.model, cast.env, seed=seed, deterministic=deterministic) for cast in casts
    ]
    boards = shared_panels(*zip(*rehearsed, strict=True)) if panels else [[] for _ in casts]
    places = places_for(boards, width, height)
    with ExitStack() as stack:
        tiles = []
        for cast, place, shown in zip(casts, places, boards, strict=True):
            stack.enter_context(seeded_exploration(cast.model, seed))
            view = stack.enter_context(
                open_view(cast.env, place.body.width, place.body.height, period * stride)
            )
            alone = len(casts) == 1
            tiles.append(
                Tile(frame, place, view, shown, cast.title, control_period=period, alone=alone)
            )
        if len(tiles) > 1:
            agree([tile.board for tile in tiles if tile.board is not None])
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
            for cast, ended in zip(casts, returns, strict=True)
        ]
        foot = None if len(casts) == 1 else frame[-max(20, height // 16) :]
        yield _shots(frame, foot, title, tiles, plays, stride, period, wanted)


def _shots(
    frame: Pixels,
    foot: Pixels | None,
    title: str,
    tiles: Sequence[Tile],
    plays: Sequence[Iterator[Moment]],
    stride: int,
    period: float,
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
            size = round(0.4 * len(foot))
            top = (len(foot) - line_height(size)) // 2
            foot[:] = BACKGROUND
            write(foot, size // 2, top, title, TEXT, size)
            right = foot.shape[1] - size // 2
            write(foot, right, top, f"{step * period:.1f} s", TEXT, size, "right")
        yield Shot(frame, moments)
