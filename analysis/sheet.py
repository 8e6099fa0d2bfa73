"""The sheet of a film: where body, panels and words stand, alone or several brains side by side."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from analysis.board import EPISODE, Board, Mark
from analysis.panels import panels_for
from analysis.panels.base import Panel
from analysis.panels.eye import Eye, seen
from analysis.panels.ink import (
    ALARM,
    BACKGROUND,
    FAINT,
    TEXT,
    Pixels,
    line_height,
    shortened,
    text_width,
    write,
)
from analysis.playing import Befalls, Moment
from analysis.view import View

LEAST_WIDTH_WITH_PANELS = 640
BOARD_SHARE = 0.375  # of the width, beside one body
BODY_SHARE = 0.42  # of the height, above the panels, where several stand side by side
BODY_SHARE_OVER_MANY = 0.32
MANY_PANELS = 5


class Box(NamedTuple):
    """A part of a frame, pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, frame: Pixels) -> Pixels:
        """Return the part of a frame, to be written into."""
        return frame[self.top : self.top + self.height, self.left : self.left + self.width]


class Places(NamedTuple):
    """Where a brain's body, panels and words stand; no panels where there is no room."""

    body: Box
    board: Box | None
    words: Box


def places_for(boards: Sequence[Sequence[Panel]], width: int, height: int) -> list[Places]:
    """Return where everything stands in a frame.

    Args:
        boards: The panels of each brain: one has them beside its body, several below.
        width: Of the frame, pixels.
        height: Of the frame, pixels.
    """
    strip = max(20, height // 16)
    foot = Box(height - strip, 0, strip, width)
    if len(boards) == 1:
        roomy = bool(boards[0]) and width >= LEAST_WIDTH_WITH_PANELS
        beside = round(BOARD_SHARE * width) if roomy else 0
        body = Box(0, 0, height - strip, width - beside)
        board = Box(0, width - beside, height - strip, beside) if beside else None
        return [Places(body, board, foot)]
    many = max(map(len, boards)) > MANY_PANELS
    each = width // len(boards)
    tall = round((BODY_SHARE_OVER_MANY if many else BODY_SHARE) * height)
    gap = 2
    return [
        Places(
            Box(strip, index * each, tall, each - gap),
            Box(strip + tall, index * each, height - tall - 2 * strip, each - gap),
            Box(0, index * each, strip, each - gap),
        )
        for index in range(len(boards))
    ]


class Tile:
    """One brain on the sheet.

    Args:
        frame: The whole picture, written into.
        places: Where this brain has its parts.
        view: Where pictures of its body come from.
        panels: For its signals.
        title: Its name.
        control_period: Length of a step, s.
        alone: Whether its words stand in the foot of the sheet and tell the time too.
    """

    def __init__(
        self,
        frame: Pixels,
        places: Places,
        view: View,
        panels: Sequence[Panel],
        title: str,
        *,
        control_period: float,
        alone: bool,
    ) -> None:
        self._frame, self._places, self._view = frame, places, view
        self._title, self._alone = title, alone
        self._eye: Eye | None = None
        box = places.board
        self.board = box and Board(panels, box.width, box.height, control_period)

    def push(self, moment: Moment) -> None:
        """Show a moment's signals; every step has one."""
        if moment.starts:
            self.cut()
        if self.board is not None:
            self.board.push(moment.signals, mark_of(moment))

    def cut(self) -> None:
        """Jump to the body with the next picture, as where an episode starts."""
        self._view.cut()

    def fit(self) -> None:
        """Let the scales of all tiles know what is to be seen, before any is drawn."""
        if self.board is not None:
            self.board.fit()

    def draw(self, moment: Moment) -> None:
        """Draw body, panels and words into the frame."""
        body = self._places.body.of(self._frame)
        body[:] = self._view.draw()
        vision = seen(moment.observation)
        if vision is not None:
            if self._eye is None:
                self._eye = Eye(vision.shape, self._places.body.width)
            self._eye.draw(body, vision)
        self._draw_challenges(body, moment)
        if self.board is not None and self._places.board is not None:
            self._places.board.of(self._frame)[:] = self.board.draw()
        self._draw_words(moment)

    def _draw_challenges(self, body: Pixels, moment: Moment) -> None:
        """Say in the picture what is wrong with the body, and since when."""
        size = max(12, min(16, body.shape[1] // 30))
        tall = line_height(size)
        happening = [one for one in moment.challenges if moment.clock >= one.onset]
        for line, one in enumerate(happening):
            over = one.end is not None and moment.clock >= one.end
            told = shortened(told_of(one, over), size, body.shape[1] - 4 * size)
            width, top = text_width(told, size) + size, 12 + line * (tall + 8)
            mat = body[top : top + tall + 4, -width - 12 : -12]
            mat[:] = (mat * 0.25 + np.array(BACKGROUND) * 0.75).astype(np.uint8)
            x = body.shape[1] - 12 - size // 2
            write(body, x, top + 2, told, FAINT if over else ALARM, size, "right")

    def _draw_words(self, moment: Moment) -> None:
        words = self._places.words.of(self._frame)
        words[:] = BACKGROUND
        height, width = words.shape[:2]
        size = max(10, round(0.44 * height)) if self._alone else max(10, min(18, width // 26))
        top = (height - line_height(size)) // 2
        columns = [(f"return {moment.reward_sum:,.0f}", 7.5)]
        speed = self._view.speed()
        if speed is not None:
            columns.append((f"{speed:.1f} m/s", 5.0))
        if self._alone:
            columns.append((f"{moment.seconds:.1f} s", 4.0))
        right = width - size
        for text, ems in columns:
            write(words, right, top, text, TEXT, size, "right")
            right -= round(ems * size)
        title = shortened(self._title, size, max(1, right - size))
        write(words, size if self._alone else size // 2, top, title, TEXT, size)


def mark_of(moment: Moment) -> Mark | None:
    """Return what begins with a moment: a challenge, its end, or an episode after another."""
    begins = [one.text for one in moment.challenges if moment.clock == one.onset]
    ends = [f"{one.title} over" for one in moment.challenges if moment.clock == one.end]
    if begins or ends:
        return Mark(" + ".join(begins + ends), ALARM)
    return EPISODE if moment.starts and moment.episode else None


def told_of(one: Befalls, over: bool) -> str:
    """Return what the picture says of a challenge."""
    return f"{one.title} is over" if over else one.text


def shared_panels(signals: Sequence[Any], orders: Sequence[Any]) -> list[list[Panel]]:
    """Return the panels of several brains; those of the same signals share their scale."""
    made = [panels_for(one, order) for one, order in zip(signals, orders, strict=True)]
    scales: dict[tuple[str, ...], Any] = {}
    for panel in (panel for panels in made for panel in panels):
        if panel.scale is not None:
            panel.scale = scales.setdefault(panel.names, panel.scale)
    return made
