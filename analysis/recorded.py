"""Raw numbers of runs as CSV files, which outlive the folders: written, and read again as runs.

curves.csv has the training's returns, thinned; episodes.csv every evaluated episode; costs.csv what
an action costs. A run is named by its folder: `<brain>_seed<seed>`.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from agents.evaluation import read_record
from agents.run_folder import versions, write_whole
from analysis.measures import is_cost
from analysis.runs import KINDS, Curve, Floats, Run, read_runs, whole

CURVE_ROWS = 200
CELL = ("env", "brain", "seed")
"""Columns that tell one run from another."""
COLUMNS = {
    "curves.csv": ("env_steps", "episode_return_mean", "wall_seconds"),
    "episodes.csv": ("env_steps", "steps_per_second", "kind", "episode", "return", "length"),
    "costs.csv": ("measure", "value"),
}


def collect(runs: Path, results: Path, *, keep: bool = False) -> list[str]:
    """Write the CSV files from run folders; return notes about what is amiss.

    Args:
        runs: Where the cells were trained.
        results: Where the raw numbers are written.
        keep: Whether rows recorded there before stay, of cells that `runs` does not hold.
    """
    folders = sorted(file.parent for file in runs.glob("*/*/config.yaml"))
    found, notes = read_runs(folders)
    rows: dict[str, list[Sequence[object]]] = {name: [] for name in COLUMNS}
    for run, folder in _paired(found, folders):
        key = (run.env, folder.name.rpartition("_seed")[0], run.seed)
        rows["curves.csv"] += [(*key, *values) for values in _curve_rows(run)]
        rows["episodes.csv"] += [(*key, *values) for values in _episode_rows(run, folder)]
        rows["costs.csv"] += [
            (*key, name, value) for name, value in run.measures.items() if is_cost(name)
        ]
    for name, columns in COLUMNS.items():
        before = _recorded_elsewhere(results / name, rows[name]) if keep else []
        _write_csv(results / name, (*CELL, *columns), [*before, *rows[name]])
    write_whole(results / "versions.json", json.dumps(versions(), indent=2) + "\n")
    return [note.replace(f"{runs}/", "") for note in notes]


def _curve_rows(run: Run) -> Iterator[Sequence[object]]:
    curve = run.curve
    if not curve.env_steps.size:
        return
    for index in np.unique(np.linspace(0, curve.env_steps.size - 1, CURVE_ROWS).astype(int)):
        steps, earned = int(curve.env_steps[index]), round(float(curve.returns[index]), 3)
        spent = round(float(curve.wall_seconds[index]), 1) if curve.wall_seconds.size else ""
        yield steps, earned, spent


def _episode_rows(run: Run, folder: Path) -> Iterator[Sequence[object]]:
    for kind in run.episodes:
        record = (read_record(folder) or {})[kind]
        for episode, (earned, length) in enumerate(
            zip(record["returns"], record["lengths"], strict=True)
        ):
            yield run.env_steps, run.steps_per_second, kind, episode, round(earned, 3), length


def _recorded_elsewhere(path: Path, rows: Sequence[Sequence[object]]) -> list[list[str]]:
    """Return the rows that a file holds of cells of which there are no new ones."""
    if not path.exists():
        return []
    new = {tuple(map(str, row[: len(CELL)])) for row in rows}
    with path.open(encoding="utf-8", newline="") as file:
        recorded = list(csv.reader(file))[1:]
    return [row for row in recorded if tuple(row[: len(CELL)]) not in new]


def _paired(runs: Iterable[Run], folders: Sequence[Path]) -> Iterator[tuple[Run, Path]]:
    """Yield runs with their folders; folders that hold no whole run are passed over."""
    left = iter(folders)
    for run in runs:
        yield run, next(folder for folder in left if folder.name == run.name)


def read_results(results: Path) -> list[Run]:
    """Return the runs that the CSV files tell of."""
    curves, episodes, costs = (_by_cell(results / name) for name in COLUMNS)
    return [
        _run_of(key, curves.get(key, []), episodes.get(key, []), costs.get(key, []))
        for key in sorted(curves.keys() | episodes.keys())
    ]


def _by_cell(path: Path) -> dict[tuple[str, str, str], list[dict[str, str]]]:
    """Return the rows of a file by run; none if it was not recorded."""
    found: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault((row["env"], row["brain"], row["seed"]), []).append(row)
    return found


def _run_of(
    key: tuple[str, str, str],
    curve: Sequence[Mapping[str, str]],
    episodes: Sequence[Mapping[str, str]],
    costs: Sequence[Mapping[str, str]],
) -> Run:
    env, brain, seed = key
    returns = {
        kind: np.array([float(row["return"]) for row in episodes if row["kind"] == kind])
        for kind in KINDS
    }
    last = episodes[0] if episodes else curve[-1]
    return Run(
        name=f"{brain}_seed{seed}",
        env=env,
        brain=brain,
        seed=int(seed),
        env_steps=int(last["env_steps"]),
        steps_per_second=float(last.get("steps_per_second", "nan")),
        curve=Curve(
            _column(curve, "env_steps"),
            _column(curve, "episode_return_mean"),
            whole(_column(curve, "wall_seconds")),
        ),
        episodes={kind: values for kind, values in returns.items() if values.size},
        settings={},
        task=env.partition(",")[0] if "(" not in env.partition(",")[0] else None,
        measures={row["measure"]: float(row["value"]) for row in costs},
    )


def _column(rows: Sequence[Mapping[str, str | None]], name: str) -> Floats:
    """Return a column; nan where a row, or all of an older file, does not have it."""
    return np.array([float(row.get(name) or "nan") for row in rows])


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
