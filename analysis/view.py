"""Where pictures of a body come from."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.stage import Frame, Stage

SPEED_SECONDS = 0.5


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
