"""Films of a body at work: frames go straight to the encoder, so any length needs the same memory.

A film looks at a body of its own, seeded separately; training never notices it. The file gets its
name when it is finished.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf
from PIL import Image, ImageDraw, ImageFont

from agents.challenge_choice import Choice, described, under_challenge
from agents.challenge_choice import title as challenge_title
from agents.episodes import Actor, seeded_exploration
from agents.evaluation import load_agent, locate, make_evaluation_env
from analysis.encoding import require_encodable, writing
from analysis.runs import brain_name
from analysis.stage import Frame, Stage

MOST_FRAMES_PER_SECOND = 50.0
SPEED_SECONDS = 0.5


class Film(NamedTuple):
    """A finished film.

    Attributes:
        path: The file.
        frames: Number of frames.
        frames_per_second: Its pace; bodies move in real time.
        returns: Return of each episode that ended in it.
    """

    path: Path
    frames: int
    frames_per_second: float
    returns: list[float]


class _Moment(NamedTuple):
    """What the caption tells about a frame: time, s; return so far; speed, m/s or None."""

    seconds: float
    reward_sum: float
    speed: float | None


def film(
    model: Actor,
    env: Any,
    path: str | Path,
    *,
    episodes: int | None = 1,
    seconds: float | None = None,
    seed: int = 0,
    width: int = 1280,
    height: int = 720,
    deterministic: bool = True,
    title: str = "",
) -> Film:
    """Film a brain in a body of its own.

    Args:
        model: The brain's agent.
        env: One row from `make_vec_env(..., num_envs=1)`, used by nothing else; it is seeded anew.
        path: The mp4 file to write.
        episodes: Episodes to film; None for as many as begin in `seconds`.
        seconds: Ends the film, in the body's time, s; None for whole episodes.
        seed: Of the body and of exploration.
        width: Of the picture, pixels; a multiple of 16.
        height: Of the picture, pixels; a multiple of 16.
        deterministic: Whether the brain acts without exploring.
        title: Words in the caption, such as the names of body and brain.

    Returns:
        What was filmed.

    Raises:
        RenderingError: Nothing can be drawn or encoded here; the message tells what mends it.
        ValueError: The size cannot be encoded, the environment has more than one row, or the film
            would never end.
    """
    require_encodable(width, height)
    if env.num_envs != 1:
        raise ValueError(f"a film needs an environment of one row, got {env.num_envs}")
    if episodes is None and seconds is None:
        raise ValueError("a film ends after some episodes or seconds: give one of them")
    stride = max(1, ceil(1 / (env.control_period * MOST_FRAMES_PER_SECOND)))
    frames_per_second = 1 / (env.control_period * stride)
    most_steps = None if seconds is None else max(1, round(seconds / env.control_period))
    caption = Caption(width, height, title)
    frames, returns = 0, []
    with (
        open_view(env, width, height, env.control_period * stride) as view,
        writing(Path(path), frames_per_second) as append,
        seeded_exploration(model, seed),
    ):
        steps = play(model, env, view, episodes, seed, deterministic, returns)
        for step, (moment, starts) in enumerate(steps):
            if most_steps is not None and step >= most_steps:
                break
            if step % stride == 0 or starts:
                append(caption.write(view.draw(), moment))
                frames += 1
    return Film(Path(path), frames, frames_per_second, returns)


def film_run(
    source: str | Path,
    *,
    seed: int,
    device: str = "cpu",
    episodes: int | None = None,
    seconds: float | None = 20.0,
    challenge: Choice = None,
    **options: Any,
) -> Film:
    """Film the brain that a run trained, into videos/ of its folder.

    Args:
        source: A run's folder, for its newest checkpoint; or one of its checkpoints.
        seed: Of the body.
        device: Where the agent's tensors live.
        episodes: Episodes to film; None for as many as begin in `seconds`.
        seconds: Ends the film, in the body's time, s; None for whole episodes.
        challenge: What befalls the body; None for what it was trained under.
        **options: Further arguments of `film`.

    Raises:
        RenderingError: Nothing can be drawn or encoded here; the message tells what mends it.
        UsageError: There is no run here.
        CheckpointError: There is no undamaged checkpoint.
    """
    run, checkpoint = locate(Path(source))
    config = under_challenge(run.read_config(), challenge)
    model, _ = load_agent(checkpoint, device=device)
    env = make_evaluation_env(config, num_envs=1, seed=seed)
    name = brain_name(cast(Any, OmegaConf.to_container(config)))
    steps = int(checkpoint.name.rpartition("_")[2])
    title = f"{config.env.id}   {name}, trained for {steps:,} steps"
    befalls = challenge_title(described(config))
    title += f"   {befalls}" if befalls else ""
    path = run.path / "videos" / f"{checkpoint.name}.mp4"
    try:
        return film(
            model,
            env,
            path,
            episodes=episodes,
            seconds=seconds,
            seed=seed,
            **{"title": title, **options},
        )
    finally:
        env.close()


def play(
    model: Actor,
    env: Any,
    view: "View",
    episodes: int | None,
    seed: int,
    deterministic: bool,
    returns: list[float],
) -> Iterator[tuple[_Moment, bool]]:
    """Let a brain act, one moment at a time.

    Args:
        model: The brain's agent.
        env: Its body, one row.
        view: Told where an episode starts, and asked for the speed.
        episodes: Episodes to play; None to play on and on.
        seed: Of the body.
        deterministic: Whether the brain acts without exploring.
        returns: The return of each episode is appended as it ends.

    Yields:
        The moment, before the brain acts, and whether an episode starts with it.
    """
    env.seed(seed)
    observation = env.reset()
    state, episode_start = None, np.ones(1, bool)
    reward_sum, clock = 0.0, 0
    while episodes is None or len(returns) < episodes:
        if episode_start[0]:
            view.cut()
        yield _Moment(clock * env.control_period, reward_sum, view.speed()), bool(episode_start[0])
        action, state = model.predict(
            observation, state=state, episode_start=episode_start, deterministic=deterministic
        )
        observation, reward, episode_start, _ = env.step(action)
        reward_sum, clock = reward_sum + float(reward[0]), clock + 1
        if episode_start[0]:
            returns.append(reward_sum)
            reward_sum, clock = 0.0, 0


class View:
    """Where frames come from: the stage for our bodies, the environment's own picture for others.

    Args:
        draw: Returns the frame of the moment.
        stage: The stage, if there is one.
        frame_period: Time between two frames, s.
    """

    def __init__(self, draw: Callable[[], Frame], stage: Stage | None, frame_period: float) -> None:
        self._draw = draw
        self._stage = stage
        self._frame_period = frame_period
        self._places: deque[NDArray[np.float64]] = deque(
            maxlen=1 + max(1, round(SPEED_SECONDS / frame_period))
        )

    def draw(self) -> Frame:
        """Return the frame of the moment."""
        frame = self._draw()
        place = None if self._stage is None else self._stage.place
        if place is not None:
            self._places.append(place)
        return frame

    def cut(self) -> None:
        """Start an episode."""
        self._places.clear()
        if self._stage is not None:
            self._stage.cut()

    def speed(self) -> float | None:
        """Return the speed over the last half second, m/s; None for bodies that stay."""
        if len(self._places) < 2:
            return None
        way = np.linalg.norm((self._places[-1] - self._places[0])[:2])
        return float(way) / (self._frame_period * (len(self._places) - 1))


@contextmanager
def open_view(env: Any, width: int, height: int, frame_period: float) -> Iterator[View]:
    """Open the view of an environment's only row.

    Raises:
        RenderingError: Nothing can be drawn here; the message tells what mends it.
    """
    engine = getattr(env, "engine", None)
    if engine is None:
        yield View(lambda: env.render_frame(0, width, height), None, frame_period)
        return
    task = engine.task
    stage = Stage(
        task.model, control_period=frame_period, width=width, height=height, view=task.film_view
    )
    try:
        yield View(lambda: stage.draw(engine.batch.state[0]), stage, frame_period)
    finally:
        stage.close()


class Caption:
    """Writes a line at the foot of each frame: what, when, how fast, how well.

    Args:
        width, height: Size of the frames, pixels.
        title: What is filmed.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        self._height = max(20, height // 16)
        self._font = ImageFont.load_default(size=0.5 * self._height)
        self._width = width
        self._title = title

    def write(self, frame: Frame, moment: _Moment) -> Frame:
        """Write on a frame, in place, and return it."""
        strip = frame[-self._height :]
        strip[:] = (strip * 0.3).astype(np.uint8)
        picture = Image.fromarray(strip)
        pen = ImageDraw.Draw(picture)
        middle, unit = self._height / 2, self._height
        pen.text((unit / 2, middle), self._title, "white", self._font, "lm")
        columns = [f"{moment.seconds:.1f} s", f"return {moment.reward_sum:,.0f}"]
        if moment.speed is not None:
            columns.insert(1, f"{moment.speed:.1f} m/s")
        for column, text in enumerate(reversed(columns)):
            right = self._width - unit / 2 - column * 3.6 * unit
            pen.text((right, middle), text, "white", self._font, "rm")
        strip[:] = np.asarray(picture)
        return frame
