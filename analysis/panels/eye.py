"""The eye: what the fovea and the periphery see, large enough for people."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.panels.ink import BACKGROUND, TEXT, Pixels, line_height, write
from envs.retina import CAMERAS, picture

MARGIN = 12


class Eye:
    """Draws what an eye sees into the upper left corner of a frame.

    Args:
        shape: Of what it senses, [height, 2 * height, channels]; see `envs.retina.Retina`.
        width: Of the frames, pixels.
    """

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        self._pixel = max(1, round(0.14 * width / shape[0]))
        self._side = self._pixel * shape[0]
        self._size = max(9, min(15, round(0.02 * width)))

    def draw(self, frame: Pixels, vision: NDArray[Any]) -> None:
        """Draw what is seen, [height, 2 * height, channels], in place."""
        both = picture(vision, pixel=self._pixel)
        side, head = self._side, line_height(self._size) + 2
        mat = frame[MARGIN : 2 * MARGIN + head + side, MARGIN : 3 * MARGIN + 2 * side]
        mat[:] = (mat * 0.25 + np.array(BACKGROUND) * 0.75).astype(np.uint8)
        for name, half, column in zip(
            CAMERAS, (both[:, :side], both[:, -side:]), (0, side + MARGIN // 2), strict=True
        ):
            left, top = MARGIN + MARGIN // 2 + column, MARGIN + MARGIN // 2
            write(frame, left, top - 1, name, TEXT, self._size)
            place = frame[top + head : top + head + side, left : left + side]
            place[:] = half[: place.shape[0], : place.shape[1]]


def seen(observation: Any) -> NDArray[Any] | None:
    """Return what the eye of the first row sees, [height, width, channels]; None without one."""
    vision = observation.get("vision") if isinstance(observation, dict) else None
    if vision is None or vision.ndim != 4 or vision.shape[2] != 2 * vision.shape[1]:
        return None
    return vision[0]
