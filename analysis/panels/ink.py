"""The ink of the films: colours, one typeface, and text written straight into frames."""

from functools import lru_cache
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]
"""A picture, [height, width, 3]."""

BACKGROUND: Colour = (13, 16, 21)
GROUND: Colour = (21, 25, 32)
GRID: Colour = (46, 53, 64)
TEXT: Colour = (226, 230, 235)
FAINT: Colour = (134, 144, 158)
ALARM: Colour = (255, 104, 92)

AMBER: Colour = (255, 190, 92)
TEAL: Colour = (84, 214, 190)
ROSE: Colour = (248, 128, 158)
VIOLET: Colour = (176, 150, 255)
SKY: Colour = (104, 182, 255)
LIME: Colour = (170, 218, 104)
SAND: Colour = (214, 196, 164)
SEQUENCE = (SKY, AMBER, TEAL, ROSE, VIOLET, LIME, SAND)
"""Colours of lines that have none of their own, in turn."""


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


@lru_cache(maxsize=2048)
def _letters(text: str, size: int) -> NDArray[np.float32]:
    """Return how much each pixel of a line of text is inked, [height, width, 1] in [0, 1]."""
    width, height = text_width(text, size), line_height(size)
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).text((0, round(0.95 * size)), text, 255, _font(size), "ls")
    return np.asarray(mask, np.float32)[..., np.newaxis] / np.float32(255)


@lru_cache(maxsize=2048)
def text_width(text: str, size: int) -> int:
    """Return the width of a line of text, pixels."""
    return max(1, ceil(_font(size).getlength(text)) + 1)


def line_height(size: int) -> int:
    """Return the height that a line of text takes, pixels."""
    return round(1.25 * size)


def write(
    canvas: Pixels,
    x: int,
    y: int,
    text: str,
    colour: Colour,
    size: int,
    align: Literal["left", "right", "middle"] = "left",
) -> None:
    """Write a line of text into a picture; what does not fit is cut off.

    Args:
        canvas: Written into.
        x: Where the text begins, ends or has its middle, pixels.
        y: Its top, pixels.
        text: One line.
        colour: Of the ink.
        size: Of the letters, pixels.
        align: What `x` means.
    """
    if not text:
        return
    ink = _letters(text, size)
    left = x - {"left": 0, "right": ink.shape[1], "middle": ink.shape[1] // 2}[align]
    ink = ink[max(0, -y) :, max(0, -left) :]
    part = canvas[max(0, y) : max(0, y) + len(ink), max(0, left) : max(0, left) + ink.shape[1]]
    ink = ink[: part.shape[0], : part.shape[1]]
    part[:] = part + ink * (np.array(colour, np.float32) - part)


def shortened(text: str, size: int, width: int) -> str:
    """Return a text, cut so that it is at most so many pixels wide."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "...", size) > width:
        text = text[:-1]
    return text.rstrip() + "..."


def number(value: float) -> str:
    """Return a number in few characters: three digits where there are not more before the point."""
    if not np.isfinite(value):
        return ""
    size = abs(value)
    if size >= 99_999.5:
        return f"{value:.1e}".replace("e+0", "e").replace("e+", "e")
    digits = 0 if size >= 99.95 else 1 if size >= 9.995 else 2
    told = f"{value:,.{digits}f}"
    return told.removeprefix("-") if float(told.replace(",", "")) == 0 else told
