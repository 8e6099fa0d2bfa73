"""Colours of brains that can be read on white and on black, by colour-blind readers too."""

from collections import Counter
from collections.abc import Sequence

from analysis.curves import colours_of

LIGHT, DARK = "#ffffff", "#15181c"
"""Backgrounds of the page."""
READABLE = 4.5
"""Least contrast of text with its background (WCAG 2.2, level AA)."""
LONGEST_NAME = 16
"""Characters that fit beside a panel."""


class Colours:
    """A class name and a short name per label, the same in every figure of a page.

    Args:
        labels: Brains; those that `analysis.curves` knows keep their own hue.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._hues = colours_of(labels)
        self._names = {label: f"c{index}" for index, label in enumerate(self._hues)}
        self._short = short_names(list(self._hues))

    def __getitem__(self, label: str) -> str:
        return self._names[label]

    def short(self, label: str, room: int = LONGEST_NAME) -> str:
        """Return the label where it fits, else its short name.

        Args:
            label: One of the labels.
            room: Characters that fit.
        """
        return label if len(label) <= room else self._short[label]

    def css(self, background: str) -> str:
        """Return the rules that give each class its colour before a background."""
        return "".join(
            f".{self._names[label]}{{--c:{readable(hue, background)}}}"
            for label, hue in self._hues.items()
        )


def short_names(labels: Sequence[str], longest: int = LONGEST_NAME) -> dict[str, str]:
    """Return a short name per label, each another: of `brain (key=value)` the brain and the value.

    Args:
        labels: All of a page; each once.
        longest: Characters of a short name.
    """
    names = {label: _short(label, longest) for label in labels}
    counts, numbers = Counter(names.values()), Counter[str]()
    for label, name in names.items():
        if counts[name] > 1:
            numbers[name] += 1
            names[label] = f"{name[: longest - 3]} #{numbers[name]}"
    return names


def _short(label: str, longest: int) -> str:
    if len(label) <= longest:
        return label
    brain, _, told = label.partition(" (")
    name = " ".join([brain, *(_value(part) for part in told.rstrip(")").split(", ") if part)])
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return f"{name[:head].rstrip()}\u2026{name[len(name) - (longest - 1 - head) :].lstrip()}"


def _value(part: str) -> str:
    """Return the value of `key=value`, without the key: Linear of `reflex=LinearReflex`.

    A part that is left out is taken away: −reflex of `reflex=NoReflex`.
    """
    key, equals, value = part.partition("=")
    kind = value.removesuffix(key[:1].upper() + key[1:])
    if not equals or kind == value:
        return value or part
    return f"\u2212{key}" if kind == "No" else kind


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
