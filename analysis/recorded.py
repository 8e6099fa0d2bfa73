"""Raw numbers of runs as CSV files, which outlive the folders: written, and read again as runs.

curves.csv has the training's returns, thinned; episodes.csv every evaluated episode; costs.csv what
an action costs; adaptation.csv how a change in mid-episode went and onset.csv the reward around
it, where there was one. A run is named by its folder, `<brain>_seed<seed>`; behind a comma, what
was out of action when it was evaluated.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from agents.evaluation import KINDS, read_record
from agents.reward_traces import Trace
from agents.run_folder import versions, write_whole
from analysis.adaptation import INSTANT, aligned
from analysis.measures import is_cost
from analysis.runs import Curve, Floats, Run, read_runs, whole

CURVE_ROWS = 200
LESIONS_JOINED = " and "
CELL = ("env", "brain", "seed")
"""Columns that tell one run from another."""
COLUMNS = {
    "curves.csv": ("env_steps", "episode_return_mean", "wall_seconds"),
    "episodes.csv": ("env_steps", "steps_per_second", "kind", "episode", "return", "length"),
    "costs.csv": ("measure", "value"),
    "adaptation.csv": ("measure", "value"),
    "onset.csv": ("step", "reward"),
}
OPTIONAL = ("adaptation.csv", "onset.csv")
"""Files that are not there where there is nothing to tell."""
ONSET_WINDOW = (100, 1000)
"""Most control steps before and after the onset whose reward is kept."""


def collect_folders(folders: Sequence[Path], results: Path, *, keep: bool = False) -> list[str]:
    """Write the CSV files from run folders; return notes about what is amiss.

    Args:
        folders: Of the runs.
        results: Where the raw numbers are written.
        keep: Whether rows recorded there before stay, of cells that `folders` do not hold.
    """
    found, notes = read_runs(folders)
    rows: dict[str, list[Sequence[object]]] = {name: [] for name in COLUMNS}
    for run, folder in _paired(found, folders):
        brain = ", ".join([folder.name.rpartition("_seed")[0], *filter(None, [_hurt(run)])])
        key = (run.env, brain, run.seed)
        rows["curves.csv"] += [(*key, *values) for values in _curve_rows(run)]
        rows["episodes.csv"] += [(*key, *values) for values in _episode_rows(run, folder)]
        for name, value in run.measures.items():
            rows["costs.csv" if is_cost(name) else "adaptation.csv"].append((*key, name, value))
        rows["onset.csv"] += [(*key, *values) for values in _onset_rows(run)]
    for name, columns in COLUMNS.items():
        before = _recorded_elsewhere(results / name, rows[name]) if keep else []
        if before or rows[name] or name not in OPTIONAL:
            _write_csv(results / name, (*CELL, *columns), [*before, *rows[name]])
    write_whole(results / "versions.json", json.dumps(versions(), indent=2) + "\n")
    return notes


def _hurt(run: Run) -> str:
    return LESIONS_JOINED.join(run.lesions)


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
        record = (read_record(folder, run.lesions) or {})[kind]
        for episode, (earned, length) in enumerate(
            zip(record["returns"], record["lengths"], strict=True)
        ):
            yield run.env_steps, run.steps_per_second, kind, episode, round(earned, 3), length


def _onset_rows(run: Run) -> Iterator[Sequence[object]]:
    """Yield steps after the onset and the reward per step over the next few, over all episodes."""
    traces = [t for t in run.traces.get("deterministic", ()) if t.onset < len(t.rewards)]
    if not traces:
        return
    before, under, after = aligned(traces)
    if not before.size:
        return  # it was there from the first step
    under = np.concatenate([under, after])
    for first, rewards in ((-(len(before) // INSTANT * INSTANT), before), (0, under)):
        whole_bins = rewards[len(rewards) % INSTANT :] if first else rewards
        bins = whole_bins[: len(whole_bins) // INSTANT * INSTANT].reshape(-1, INSTANT)
        for index, reward in enumerate(bins.mean(axis=1)):
            step = first + index * INSTANT
            if -ONSET_WINDOW[0] <= step < ONSET_WINDOW[1]:
                yield step, f"{reward:.5g}"


def _recorded_elsewhere(path: Path, rows: Sequence[Sequence[object]]) -> list[list[str]]:
    """Return the rows that a file holds of cells of which there are no new ones."""
    if not path.exists():
        return []
    new = {tuple(map(str, row[: len(CELL)])) for row in rows}
    with path.open(encoding="utf-8", newline="") as file:
        recorded = list(csv.reader(file))[1:]
    return [row for row in recorded if tuple(row[: len(CELL)]) not in new]


def _paired(runs: Iterable[Run], folders: Sequence[Path]) -> Iterator[tuple[Run, Path]]:
    """Yield runs with their folders; folders that hold no whole run are passed over.

    A lesioned brain follows the intact one, from the same folder.
    """
    left, here = iter(folders), Path()
    for run in runs:
        if not run.lesions:
            here = next(folder for folder in left if folder.name == run.name)
        yield run, here


def read_results(results: Path) -> list[Run]:
    """Return the runs that the CSV files tell of."""
    files = [_by_cell(results / name) for name in COLUMNS]
    keys = files[0].keys() | files[1].keys()
    return [_run_of(key, *(rows.get(key, []) for rows in files)) for key in sorted(keys)]


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
    adaptation: Sequence[Mapping[str, str]],
    onset: Sequence[Mapping[str, str]],
) -> Run:
    env, named, seed = key
    brain, _, hurt = named.partition(", ")
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
        measures={row["measure"]: float(row["value"]) for row in (*costs, *adaptation)},
        traces=_traces_of(onset),
        lesions=tuple(hurt.split(LESIONS_JOINED)) if hurt else (),
    )


def _traces_of(onset: Sequence[Mapping[str, str]]) -> dict[str, list[Trace]]:
    """Return the mean reward around the onset as one episode; each bin is told for all its steps.

    Adaptation is measured from whole episodes, before they are thinned like this.
    """
    if not onset:
        return {}
    rewards = np.repeat([float(row["reward"]) for row in onset], INSTANT)
    return {"deterministic": [Trace(rewards, -int(onset[0]["step"]), None, False)]}


def _column(rows: Sequence[Mapping[str, str | None]], name: str) -> Floats:
    """Return a column; nan where a row, or all of an older file, does not have it."""
    return np.array([float(row.get(name) or "nan") for row in rows])


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
