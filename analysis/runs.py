"""Run folders as data: found and read.

A folder that is unfinished, broken or foreign is never an error here: what can be used is used, and
a note says in one line what could not.
"""

import glob
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

from agents.errors import UsageError
from agents.evaluation import files_of, lesioned_records, read_record
from agents.progress import read_progress
from agents.reward_traces import NAME as REWARDS
from agents.reward_traces import Trace, time_limit_of
from agents.run_folder import RunFolder
from analysis.evaluations import episodes_of, tested_of, traces_of
from analysis.measures import costs, recovery
from analysis.normalisation import Anchors, anchors_of
from analysis.worlds import World, in_short, told_apart, world_of

Floats = NDArray[np.float64]

FILM_SUFFIXES = (".mp4", ".webm")

NOT_THE_BRAIN = (
    "env", "challenge", "distractors", "seed", "total_steps", "run_dir", "resume",
    "checkpoint_every", "keep_checkpoints", "film", "tracker", "num_threads", "device", "choices",
)  # fmt: skip
"""Settings whose differences do not make another brain or learner."""


UNKNOWN: Floats = np.empty(0)


class Curve(NamedTuple):
    """What a training earned while it went on, exploring; one value per update.

    Attributes:
        env_steps: Control steps taken until then, [P].
        returns: Mean return of late episodes, [P].
        wall_seconds: Time spent until then, interruptions left out, s, [P]; empty where unknown.
    """

    env_steps: Floats
    returns: Floats
    wall_seconds: Floats = UNKNOWN


class Run(NamedTuple):
    """One training, as its folder tells it.

    Attributes:
        name: Of the folder.
        env: What body it trained in, and under which challenges it was trained and tested; of runs
            that were read together the same only where nothing of this differs.
        brain: What trained: the brain's name, or the agent's where that brings its own network.
        seed: Of the training.
        env_steps: Steps taken.
        steps_per_second: Median over the training; nan where unknown.
        curve: Returns during the training.
        episodes: Returns of evaluated episodes by kind; a kind is absent if it was not evaluated.
        settings: What it was configured with, but for what makes no other brain.
        total_steps: Steps that it was meant to take; 0 where unknown.
        task: Id of the environment, if its normalisation holds; None where its options were
            changed.
        measures: What it costs and how it adapts, by name; see `analysis.measures`.
        traces: Rewards of evaluated episodes around a challenge's onset, by kind.
        films: Videos of it, newest first.
        parts: The options that were chosen, by config group.
        anchors: Random and reference returns that its own configuration names.
        tested: Number of evaluated episodes, and the seed of their bodies; None where unknown.
        lesions: Parts of the brain that were out of action when it was evaluated; a run that was
            evaluated with and without is told once for each.
        world: What `env` tells, with all its settings; empty where unknown.
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
    total_steps: int = 0
    task: str | None = None
    measures: Mapping[str, float] = MappingProxyType({})
    traces: Mapping[str, Sequence[Trace]] = MappingProxyType({})
    films: tuple[Path, ...] = ()
    parts: Mapping[str, str] = MappingProxyType({})
    anchors: Anchors | None = None
    tested: tuple[int, int] | None = None
    lesions: tuple[str, ...] = ()
    world: World = ()


def find_runs(patterns: str | Iterable[str], strangers: list[str] | None = None) -> list[Path]:
    """Return the run folders that paths and globs name, each once, in order.

    Args:
        patterns: Folders of runs, folders that hold some, or globs such as `runs/grid/**`.
        strangers: Gets a line about every named folder that is no run, nor holds or belongs to one.

    Raises:
        UsageError: A pattern names no run.
    """
    found: dict[Path, None] = {}
    places: dict[Path, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        named = [Path(place) for place in sorted(glob.glob(str(pattern), recursive=True))]
        runs = [place for place in named if (place / "config.yaml").is_file()]
        if not runs:
            runs = [file.parent for place in named for file in sorted(place.glob("*/config.yaml"))]
        if not runs:
            raise UsageError(f"{pattern} names no run: a run's folder has a config.yaml")
        found.update(dict.fromkeys(runs))
        places.update(dict.fromkeys(named))
    if strangers is not None:
        strangers += [
            f"{place} is no run: it has no config.yaml" for place in _alone(places, found)
        ]
    return list(found)


def _alone(places: Iterable[Path], runs: Iterable[Path]) -> list[Path]:
    """Return the outermost folders that neither are runs nor hold or belong to one."""
    kin = set(runs)
    holders = {parent for run in kin for parent in run.parents}
    alone: list[Path] = []
    for place in places:
        above = {place, *place.parents}
        if place.is_dir() and place not in holders and not above & kin and not above & {*alone}:
            alone.append(place)
    return alone


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
        except KeyError as error:
            notes.append(f"{folder} is left out, it is no whole run: it lacks {error}")
        except (UsageError, AttributeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            notes.append(f"{folder} is left out, it is no whole run: {reason}")
    bodies, long = told_apart([run.world for run in runs])
    told = [run._replace(env=env) for run, env in zip(runs, bodies, strict=True)]
    return told, [*notes, *long]


def _read_run(folder: Path, notes: list[str]) -> Run:
    config: Any = OmegaConf.to_container(RunFolder(folder).read_config())
    rows = read_progress(folder / "progress.csv")
    steps, returns = _column(rows, "env_steps"), _column(rows, "episode_return_mean")
    env_steps = int(steps[-1]) if rows else 0
    if env_steps < config["total_steps"]:
        notes.append(f"{folder} is unfinished: {env_steps:,} of {config['total_steps']:,} steps")
    rates = _column(rows, "steps_per_second")
    rates = rates[np.isfinite(rates)]
    known = np.isfinite(returns)
    record, limit = read_record(folder), time_limit_of(config["env"]["id"])
    traces = traces_of(folder / REWARDS, notes, time_limit=limit)
    world = world_of(config, record)
    if record is None:
        notes.append(f"{folder} was not evaluated: its final return is unknown")
    return Run(
        name=folder.name,
        env=in_short(world),
        brain=brain_name(config),
        seed=int(config["seed"]),
        env_steps=env_steps,
        steps_per_second=float(np.median(rates)) if rates.size else float("nan"),
        curve=Curve(steps[known], returns[known], whole(_column(rows, "wall_seconds")[known])),
        episodes=episodes_of(folder, record, env_steps, notes),
        settings=_settings(config),
        total_steps=int(config["total_steps"]),
        task=None if config["env"].get("kwargs") else _task(config),
        measures={**costs(rows, record or {}), **recovery(traces)},
        traces=traces,
        films=_films(folder),
        parts={key: str(value) for key, value in (config.get("choices") or {}).items()},
        anchors=anchors_of(config["env"]),
        tested=tested_of(record or {}),
        world=world,
    )


def _films(folder: Path) -> tuple[Path, ...]:
    films = [path for suffix in FILM_SUFFIXES for path in (folder / "videos").glob(f"*{suffix}")]
    whole = [path for path in films if path.stat().st_size and not path.name.startswith(".")]
    return tuple(sorted(whole, key=lambda path: (path.stat().st_mtime, path.name), reverse=True))


def _task(config: Mapping[str, Any]) -> str:
    return str(config["env"]["id"]).removeprefix("wetware/")


def _lesioned(folder: Path, intact: Run, notes: list[str]) -> list[Run]:
    """Return the run once more for each evaluation with lesions, without its learning curve."""
    config: Any = OmegaConf.to_container(RunFolder(folder).read_config())
    nothing, limit = np.zeros(0), time_limit_of(config["env"]["id"])
    lesioned: list[Run] = []
    for lesions, record in lesioned_records(folder).items():
        traces = traces_of(files_of(folder, lesions).rewards, notes, time_limit=limit)
        world = world_of(config, record)
        lesioned.append(
            intact._replace(
                env=in_short(world),
                curve=Curve(nothing, nothing),
                episodes=episodes_of(folder, record, intact.env_steps, notes),
                lesions=lesions,
                measures=recovery(traces),
                traces=traces,
                films=(),
                tested=tested_of(record),
                world=world,
            )
        )
    return lesioned


def _column(rows: Sequence[Mapping[str, str]], name: str) -> Floats:
    return np.array([float(row.get(name) or "nan") for row in rows])


def whole(column: Floats) -> Floats:
    """Return a column that is known in every row, or none."""
    return column if np.isfinite(column).all() else UNKNOWN


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
