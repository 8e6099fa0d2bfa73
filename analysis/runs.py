"""Run folders as data: found, read, and grouped into what is compared.

A folder that is unfinished, broken or foreign is never an error here: what can be used is used, and
a note says in one line what could not.
"""

import glob
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

from agents.challenge_choice import title
from agents.config_check import differing_keys
from agents.errors import UsageError
from agents.evaluation import lesioned_records, read_record
from agents.progress import read_progress
from agents.run_folder import RunFolder

Floats = NDArray[np.float64]

KINDS = ("deterministic", "exploring")

NOT_THE_BRAIN = (
    "env", "challenge", "seed", "total_steps", "run_dir", "resume", "checkpoint_every",
    "keep_checkpoints", "film", "tracker", "num_threads", "device", "choices",
)  # fmt: skip
"""Settings whose differences do not make another brain or learner."""

MOST_DIFFERENCES = 3


class Curve(NamedTuple):
    """What a training earned while it went on, exploring; one value per update.

    Attributes:
        env_steps: Control steps taken until then, [P].
        returns: Mean return of late episodes, [P].
    """

    env_steps: Floats
    returns: Floats


class Run(NamedTuple):
    """One training, as its folder tells it.

    Attributes:
        name: Of the folder.
        env: What body it trained in, and under which challenges it was trained and tested.
        brain: What trained: the brain's name, or the agent's where that brings its own network.
        seed: Of the training.
        env_steps: Steps taken.
        steps_per_second: Median over the training; nan where unknown.
        curve: Returns during the training.
        episodes: Returns of evaluated episodes by kind; a kind is absent if it was not evaluated.
        settings: What it was configured with, flat, but for what makes no other brain.
        lesions: Parts of the brain that were out of action when it was evaluated; a run that was
            evaluated with and without is told once for each.
    """

    name: str
    env: str
    brain: str
    seed: int
    env_steps: int
    steps_per_second: float
    curve: Curve
    episodes: Mapping[str, Floats]
    settings: Mapping[str, Any]
    lesions: tuple[str, ...] = ()


class Group(NamedTuple):
    """Runs of one brain in one body that differ in their seed alone.

    Attributes:
        env: The body.
        label: Name of the brain, with the settings that tell it from its namesakes.
        runs: In the order of their seeds.
    """

    env: str
    label: str
    runs: tuple[Run, ...]

    def scores(self, kind: str) -> Floats:
        """Return the mean return of each evaluated run, [runs]."""
        return np.array([run.episodes[kind].mean() for run in self.runs if kind in run.episodes])


def find_runs(patterns: str | Iterable[str]) -> list[Path]:
    """Return the run folders that paths and globs name, each once, in order.

    Args:
        patterns: Folders of runs, folders that hold some, or globs such as `runs/grid/**`.

    Raises:
        UsageError: A pattern names no run.
    """
    found: dict[Path, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        places = [Path(place) for place in sorted(glob.glob(str(pattern), recursive=True))]
        runs = [place for place in places if (place / "config.yaml").is_file()]
        if not runs:
            runs = [file.parent for place in places for file in sorted(place.glob("*/config.yaml"))]
        if not runs:
            raise UsageError(f"{pattern} names no run: a run's folder has a config.yaml")
        found.update(dict.fromkeys(runs))
    return list(found)


def read_runs(folders: Iterable[Path]) -> tuple[list[Run], list[str]]:
    """Read run folders.

    Returns:
        The runs that can be used, and a line about everything that is not as it should be.
    """
    runs: list[Run] = []
    notes: list[str] = []
    for folder in folders:
        try:
            intact = _read_run(folder, notes)
            runs += [intact, *_lesioned(folder, intact, notes)]
        except (UsageError, AttributeError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            notes.append(f"{folder} is left out, it is no whole run: {reason}")
    return runs, notes


def group_runs(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """Put runs that differ in their seed alone into groups, ordered by body and brain.

    Returns:
        The groups, and a line about every body in which a brain lacks seeds that others have.
    """
    labels = _labels(runs)
    cells: dict[tuple[str, str], list[Run]] = {}
    for run, label in zip(runs, labels, strict=True):
        cells.setdefault((run.env, label), []).append(run)
    groups = [
        Group(env, label, tuple(sorted(members, key=lambda run: run.seed)))
        for (env, label), members in sorted(cells.items())
    ]
    notes: list[str] = []
    seeds = {run.seed for run in runs}
    for group in groups:
        own = Counter(run.seed for run in group.runs)
        missing = sorted(seeds - own.keys())
        if missing:
            listed = ", ".join(map(str, missing))
            notes.append(f"{group.label} in {group.env} has no run with seed {listed}")
        for seed, count in own.items():
            if count > 1:
                notes.append(f"{group.label} in {group.env} has {count} runs with seed {seed}")
    return groups, notes


def _read_run(folder: Path, notes: list[str]) -> Run:
    config: Any = OmegaConf.to_container(RunFolder(folder).read_config())
    rows = read_progress(folder / "progress.csv")
    curve = Curve(_column(rows, "env_steps"), _column(rows, "episode_return_mean"))
    env_steps = int(curve.env_steps[-1]) if rows else 0
    if env_steps < config["total_steps"]:
        notes.append(f"{folder} is unfinished: {env_steps:,} of {config['total_steps']:,} steps")
    rates = _column(rows, "steps_per_second")
    rates = rates[np.isfinite(rates)]
    known = np.isfinite(curve.returns)
    record = read_record(folder)
    if record is None:
        notes.append(f"{folder} was not evaluated: its final return is unknown")
    return Run(
        name=folder.name,
        env=_body(config) + _challenges(record, config),
        brain=brain_name(config),
        seed=int(config["seed"]),
        env_steps=env_steps,
        steps_per_second=float(np.median(rates)) if rates.size else float("nan"),
        curve=Curve(curve.env_steps[known], curve.returns[known]),
        episodes=_episodes(folder, record, env_steps, notes),
        settings=_settings(config),
    )


def _lesioned(folder: Path, intact: Run, notes: list[str]) -> list[Run]:
    """Return the run once more for each evaluation with lesions, without its learning curve."""
    config: Any = OmegaConf.to_container(RunFolder(folder).read_config())
    nothing = np.zeros(0)
    return [
        intact._replace(
            env=_body(config) + _challenges(record, config),
            curve=Curve(nothing, nothing),
            episodes=_episodes(folder, record, intact.env_steps, notes),
            lesions=lesions,
        )
        for lesions, record in lesioned_records(folder).items()
    ]


def _episodes(
    folder: Path, record: Mapping[str, Any] | None, env_steps: int, notes: list[str]
) -> dict[str, Floats]:
    """Return the evaluated episodes by kind, and note if they are old."""
    if record is None:
        return {}
    if record["env_steps"] < env_steps:
        lesions = record.get("lesions")
        told = f" with {' and '.join(lesions)}" if lesions else ""
        step = f"{record['env_steps']:,}"
        notes.append(f"{folder} was evaluated{told} at step {step}, not at its end")
    returns = {kind: np.array(record[kind]["returns"], float) for kind in KINDS if kind in record}
    return {kind: values for kind, values in returns.items() if values.size}


def _column(rows: Sequence[Mapping[str, str]], name: str) -> Floats:
    return np.array([float(row.get(name) or "nan") for row in rows])


def _body(config: Mapping[str, Any]) -> str:
    options = config["env"].get("kwargs") or {}
    told = ", ".join(f"{key}={value}" for key, value in sorted(options.items()))
    return f"{config['env']['id']} ({told})" if told else str(config["env"]["id"])


def _challenges(record: Mapping[str, Any] | None, config: Mapping[str, Any]) -> str:
    trained = (config.get("challenge") or {}).get("parts") or None
    tested = trained if record is None else record.get("challenge")
    told = f", trained under {title(trained)}" if trained else ""
    return told if tested == trained else f"{told}, tested under {title(tested) or 'nothing'}"


def brain_name(config: Mapping[str, Any]) -> str:
    """Return a run's short name: its brain, its agent, or both."""
    choices = config.get("choices") or {}
    agent = choices.get("agent") or _class_name(config["agent"])
    if not config.get("brain"):
        return agent
    brain = choices.get("brain") or _class_name(config["brain"].get("controller", config["brain"]))
    return brain if agent in ("ppo", "BrainPPO") else f"{brain} {agent}"


def _class_name(described: Mapping[str, Any]) -> str:
    return str(described.get("_target_", "unknown")).rpartition(".")[2]


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in NOT_THE_BRAIN}


def _labels(runs: Sequence[Run]) -> list[str]:
    """Return a label per run: its brain, and where namesakes differ, in what."""
    namesakes: dict[str, list[Run]] = {}
    for run in runs:
        namesakes.setdefault(run.brain, []).append(run)
    told: dict[str, list[str]] = {}
    for brain, members in namesakes.items():
        first = members[0].settings
        keys = {key for run in members for key in differing_keys(first, run.settings)}
        told[brain] = sorted(keys)
    return [_label(run, told[run.brain]) for run in runs]


def _label(run: Run, keys: Sequence[str]) -> str:
    parts = [_told(run.settings, key) for key in keys]
    if len(parts) > MOST_DIFFERENCES:  # all would fill the page; a digest keeps brains apart
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:4]
        parts = [*parts[:MOST_DIFFERENCES], f"{len(parts) - MOST_DIFFERENCES} more, #{digest}"]
    intact = f"{run.brain} ({', '.join(parts)})" if parts else run.brain
    return f"{intact}, {' and '.join(run.lesions)}" if run.lesions else intact


def _told(settings: Mapping[str, Any], key: str) -> str:
    value: Any = settings
    for name in key.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if key.endswith("._target_"):
        return f"{key.split('.')[-2]}={str(value).rpartition('.')[2]}"
    return f"{key.rpartition('.')[2]}={value}"
