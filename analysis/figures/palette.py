"""Colours of brains that can be read on white and on black, by colour-blind readers too."""

from collections.abc import Sequence

from analysis.curves import colours_of

LIGHT, DARK = "#ffffff", "#15181c"
"""Backgrounds of the page."""
READABLE = 4.5
"""Least contrast of text with its background (WCAG 2.2, level AA)."""


class Colours:
    """A class name per label, the same in every figure of a page.

    Args:
        labels: Brains; those that `analysis.curves` knows keep their own hue.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._hues = colours_of(labels)
        self._names = {label: f"c{index}" for index, label in enumerate(self._hues)}

    def __getitem__(self, label: str) -> str:
        return self._names[label]

    def css(self, background: str) -> str:
        """Return the rules that give each class its colour before a background."""
        return "".join(
            f".{self._names[label]}{{--c:{readable(hue, background)}}}"
            for label, hue in self._hues.items()
        )


def readable(colour: str, background: str, least: float = READABLE) -> str:
    """Return a colour, moved away from the background's brightness until it can be read.

    Args:
        colour: As #rrggbb.
        background: As #rrggbb.
        least: Contrast to reach.
    """
    goal = 255 if _luminance(_channels(background)) < 0.5 else 0
    channels = _channels(colour)
    for step in range(101):
        moved = [round(value + (goal - value) * step / 100) for value in channels]
        if contrast(_hexadecimal(moved), background) >= least:
            return _hexadecimal(moved)
    raise ValueError(f"no shade of {colour} has contrast {least} with {background}")


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21.

        (L1 + 0.05) / (L2 + 0.05), L1 the lighter one's relative luminance

    Source: Web Content Accessibility Guidelines 2.2, https://www.w3.org/TR/WCAG22/.
    """
    darker, lighter = sorted(_luminance(_channels(colour)) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(channels: Sequence[int]) -> float:
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in channels)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> list[int]:
    return list(bytes.fromhex(colour.lstrip("#")))


def _hexadecimal(channels: Sequence[int]) -> str:
    return "#" + bytes(channels).hex()
