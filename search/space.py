"""What is searched: keys of the configuration, each with a range or with choices."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import OmegaConf
from optuna.trial import Trial

from agents.errors import UsageError

DIGITS = 4
"""Significant digits of a number that is tried, so that a command line can be read."""


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, both included.

    Attributes:
        low, high: The ends.
        log: Whether equal ratios, and not equal differences, are equally likely.
        whole: Whether only whole numbers are meant.
    """

    low: float
    high: float
    log: bool
    whole: bool

    def suggest(self, trial: Trial, key: str) -> str:
        """Return what a trial tries, as it is written on a command line."""
        if self.whole:
            return str(trial.suggest_int(key, int(self.low), int(self.high), log=self.log))
        return self.text(trial.suggest_float(key, self.low, self.high, log=self.log))

    def text(self, value: float) -> str:
        """Return a value of the study as it is written on a command line."""
        return str(int(value)) if self.whole else f"{value:.{DIGITS}g}"

    def encode(self, value: Any) -> float | None:
        """Return a configuration's value as the study knows it; None if it is outside."""
        fits = isinstance(value, int | float) and self.low <= value <= self.high
        return value if fits else None

    def probes(self) -> list[str]:
        """Return what has to be possible for all of it to be."""
        return [self.text(self.low), self.text(self.high)]


@dataclass(frozen=True)
class Choices:
    """Values of any kind, as they are written on a command line."""

    texts: tuple[str, ...]

    def suggest(self, trial: Trial, key: str) -> str:
        """Return what a trial tries."""
        return str(trial.suggest_categorical(key, self.texts))

    def text(self, value: str) -> str:
        """Return a value of the study as it is written on a command line."""
        return value

    def encode(self, value: Any) -> str | None:
        """Return a configuration's value as the study knows it; None if it is not among them."""
        return _written(value) if _written(value) in self.texts else None

    def probes(self) -> list[str]:
        """Return what has to be possible for all of it to be."""
        return list(self.texts)


Dimension = Range | Choices


def read_dimension(key: str, described: Any, usual: Any) -> Dimension:
    """Return the values that a search file describes for a key.

    Args:
        key: For messages.
        described: `{low, high}` with `log: true` if wanted, or `{choices}`.
        usual: What the configuration has; where it and both ends are whole, only these are tried.

    Raises:
        UsageError: It is described otherwise, or the ends do not fit each other.
    """
    given = set(described) if isinstance(described, Mapping) else set()
    if given == {"choices"} and isinstance(described["choices"], list) and described["choices"]:
        return Choices(tuple(dict.fromkeys(map(_written, described["choices"]))))
    if not {"low", "high"} <= given <= {"low", "high", "log"}:
        form = "{low: ..., high: ...}, with log: true if wanted, or {choices: [...]}"
        raise UsageError(f"search.space: {key} needs {form}, got {described!r}")
    low, high, log = described["low"], described["high"], described.get("log", False)
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
    if not numbers or low >= high:
        raise UsageError(f"search.space: low of {key} must be below high, got {low!r} and {high!r}")
    if not isinstance(log, bool) or (log and low <= 0):
        raise UsageError(f"search.space: log of {key} needs low above 0, got {low!r}")
    whole = isinstance(low, int) and isinstance(high, int) and not isinstance(usual, float)
    return Range(low, high, log, whole)


def _written(value: Any) -> str:
    """Return a value as Hydra reads it back."""
    if isinstance(value, str):
        return value
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value)
    return json.dumps(value, separators=(",", ":"))
