"""Films of brains at work: body and panels, frame after frame straight to the encoder.

Any length needs the same memory. A film looks at bodies of its own, seeded separately; training
never notices it. The file gets its name when it is finished.
"""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from agents.episodes import Actor
from analysis.encoding import require_encodable, writing
from analysis.playing import Record
from analysis.shooting import Cast, Look, require_castable, shooting

MOST_FRAMES_PER_SECOND = 50.0


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
    look = Look(width, height, panels, title)
    options = {"seed": seed, "deterministic": deterministic, "episodes": episodes}
    with (
        shooting(casts, look, stride=stride, returns=returns, **options) as shots,
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
