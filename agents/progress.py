"""progress.csv, the record of a training: one row per update, and the live line about it."""

import csv
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

COLUMNS = (
    "env_steps",
    "wall_seconds",
    "steps_per_second",
    "episode_return_mean",
    "episode_length_mean",
    "learning_rate",
    "kl",
    "entropy",
    "value_loss",
    "prediction_error",
    "firing_rate",
    "dopamine",
    "synaptic_ops_per_action",
    "spikes_per_action",
    "macs_per_action",
    "dense_macs_per_action",
)
"""Columns that every run has, blank where its brain or learner knows no such thing."""

WALL_CLOCK_COLUMNS = ("wall_seconds", "steps_per_second")
"""Columns that differ between two runs that are otherwise the same."""


class ProgressFile:
    """A CSV file that only grows, but for what a resumed run is about to do again.

    Attributes:
        path: The file.
        columns: Its columns in order.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns: tuple[str, ...] = ()

    def open_at(self, env_steps: int) -> None:
        """Keep the rows up to a number of steps, and drop later and half-written ones."""
        rows = [row for row in read_progress(self.path) if int(row["env_steps"]) <= env_steps]
        self.columns = tuple(rows[0]) if rows else ()
        aside = self.path.with_name(f".{self.path.name}.writing")
        with aside.open("w", encoding="utf-8", newline="") as file:
            if rows:
                writer = csv.DictWriter(file, self.columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.path)

    def append(self, row: Mapping[str, float | int | None]) -> None:
        """Write one row and hand it to the system; None becomes a blank."""
        with self.path.open("a", encoding="utf-8", newline="") as file:
            if not self.columns:
                extra = tuple(key for key in row if key not in COLUMNS)
                self.columns = COLUMNS + extra
                file.write(",".join(self.columns) + "\n")
            values = [_as_text(row.get(column)) for column in self.columns]
            file.write(",".join(values) + "\n")


def read_progress(path: Path) -> list[dict[str, str]]:
    """Return the whole rows of a progress file; none if it does not exist.

    Args:
        path: The file; a last row that was cut off while it was written is left out.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    return [row for row in csv.DictReader(whole) if (row["env_steps"] or "").isdigit()]


class ProgressLine:
    """One line that says how a training goes: rewritten on a terminal, repeated elsewhere.

    Attributes:
        total_steps: Where the training ends.
        stream: Where the line goes.
        interval: Least time between two lines, s.
    """

    def __init__(self, total_steps: int, *, stream: TextIO | None = None) -> None:
        self.total_steps = total_steps
        self.stream = stream or sys.stdout
        self.live = self.stream.isatty()
        self.interval = 0.2 if self.live else 5.0
        self._shown_at = -float("inf")
        self._rate: float | None = None
        self._return: float | None = None
        self._marks: list[tuple[float, int]] = []

    def update(self, env_steps: int, episode_return: float | None = None) -> None:
        """Show the line if it is time.

        Args:
            env_steps: Steps taken since the run's beginning.
            episode_return: Mean return of late; None leaves the last one known.
        """
        if episode_return is not None:
            self._return = episode_return
        now = time.monotonic()
        if now - self._shown_at < self.interval:
            return
        self._shown_at = now
        self._marks = [*self._marks[-30:], (now, env_steps)]
        self._write(self._text(env_steps), end="" if self.live else "\n")

    def close(self, env_steps: int) -> None:
        """Show the last state and leave the line."""
        self._shown_at = time.monotonic()
        self._marks.append((self._shown_at, env_steps))
        self._write(self._text(env_steps), end="\n")

    def _text(self, env_steps: int) -> str:
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        parts = [f"{env_steps:,}/{self.total_steps:,} steps"]
        if end > start and last > first:
            rate = (last - first) / (end - start)
            left = max(self.total_steps - env_steps, 0) / rate
            parts += [f"{rate:,.0f} steps/s"]
            parts += [f"{duration(left)} left"] if left else []
        if self._return is not None:
            parts.insert(2, f"return {self._return:,.1f}")
        return "  ".join(parts)

    def _write(self, text: str, end: str) -> None:
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            text = "\r" + text[:width].ljust(width)
        self.stream.write(text + end)
        self.stream.flush()


def duration(seconds: float) -> str:
    """Return a length of time as 0:42, 3:07 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def row_of(
    learned: Mapping[str, float | int | None], *, env_steps: int, wall_seconds: float, rate: float
) -> dict[str, float | int | None]:
    """Return a row of progress.csv.

    Args:
        learned: What the learner says about its last update.
        env_steps: Steps taken since the run's beginning.
        wall_seconds: Time spent on them, interruptions left out, s.
        rate: Steps per second during the last update.
    """
    clock = {
        "env_steps": env_steps,
        "wall_seconds": round(wall_seconds, 3),
        "steps_per_second": round(rate, 1),
    }
    return {**dict.fromkeys(COLUMNS), **learned, **clock}


def _as_text(value: float | int | None) -> str:
    return "" if value is None else repr(float(value)) if isinstance(value, float) else str(value)


def tell(message: str) -> None:
    """Print a line about the run on stderr."""
    print(message, file=sys.stderr, flush=True)
