"""Says how good trained brains are: python evaluate.py runs=runs/mine episodes=20 video=true."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    from agents import cli
except ModuleNotFoundError as error:
    sys.exit(f"{error}: run `make setup`, then .venv/bin/python evaluate.py")
except KeyboardInterrupt:
    sys.exit(130)

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from agents.lesions import Lesions


def evaluate(config: "DictConfig") -> None:
    """Evaluate every run that is named; film it if asked; compare several, and lesioned ones."""
    import torch

    from agents.errors import UsageError
    from agents.lesions import lesions_of
    from analysis.ablation import reference_of
    from analysis.groups import group_runs
    from analysis.runs import find_runs, read_runs

    _require_sound(config)
    lesions = lesions_of(config.lesion)
    if lesions and config.video:
        raise UsageError("films show the intact brain: leave out video=true or lesion=...")
    torch.set_num_threads(config.num_threads)
    strangers: list[str] = []
    runs = find_runs(_patterns(config.runs), strangers)
    if config.reference:
        reference_of(group_runs(read_runs(runs)[0])[0], config.reference)  # a typo is told at once
        if len(runs) == 1 and not lesions:
            raise UsageError("reference=... is for comparing several runs: name more, or none")
    if config.live:
        _watch(runs, config)
        return
    comparing = config.compare and (len(runs) > 1 or bool(lesions))
    if not (config.episodes or config.video or config.telemetry or comparing):
        raise UsageError("episodes=0 asks for nothing: add video=true, telemetry=true or live=true")
    for run in runs:
        _look_at(run, config, lesions, among_others=len(runs) > 1)
    if comparing:
        _compare(runs, strangers, config)


def _require_sound(config: "DictConfig") -> None:
    """Raise a UsageError if a number is out of range, a name empty or a device not here."""
    from agents.device import require_device
    from agents.errors import UsageError
    from agents.training_run import require_names

    least_values = {"episodes": 0, "num_envs": 1, "num_threads": 1, "seed": 0, "embed_films": 0}
    for key, least in least_values.items():
        if config[key] < least:
            raise UsageError(f"{key} must be at least {least}, got {config[key]}")
    if not 0 <= config.port <= 65535:
        raise UsageError(f"port must be at least 0 and at most 65535, got {config.port}")
    require_names(config, "reference", "output")
    require_device(config.device)


def _look_at(run: Path, config: "DictConfig", lesions: "Lesions", *, among_others: bool) -> None:
    """Evaluate a run and film it if asked; one that cannot be, among others, spoils none."""
    from agents.errors import CheckpointError, RunError, UsageError

    try:
        if config.episodes:
            _measure(run, config, lesions)
        if config.video:
            _film(run, config)
        elif config.telemetry:
            _record(run, config)
    except (CheckpointError, RunError, UsageError) as error:
        if not among_others:
            raise
        print(f"{run}  passed over: {error}", flush=True)


def _compare(runs: list[Path], strangers: list[str], config: "DictConfig") -> None:
    """Print how runs compare, write it down, and film them side by side if asked."""
    from agents.composition import CONFIGS
    from analysis.compare import as_text, compare, write_comparison
    from analysis.normalisation import read_anchors
    from analysis.report import write_report

    comparison = compare(
        runs,
        notes=strangers,
        anchors=read_anchors(CONFIGS / "env"),
        reference=config.reference,
    )
    print("\n" + as_text(comparison))
    folder = Path(config.output or time.strftime("comparisons/%Y-%m-%d_%H-%M-%S"))
    for path in write_comparison(comparison, folder):
        print(f"  {path}")
    if config.video and len(runs) > 1:
        _film_together(runs, folder, config)
    print(f"  {write_report(comparison, folder, embed_bytes=round(config.embed_films * 1e6))}")


def _measure(run: Path, config: "DictConfig", lesions: "Lesions") -> None:
    """Write evaluation.json and print what it says."""
    import numpy as np

    from agents.challenge_choice import title
    from agents.evaluation import KINDS, Conditions, evaluate_run, files_of
    from agents.reward_traces import read_rewards, time_limit_of
    from analysis.adaptation import adaptation, as_line

    conditions = Conditions(
        config.episodes, config.seed, num_envs=min(config.num_envs, config.episodes)
    )
    source = _source(run, config)
    record = evaluate_run(
        source,
        conditions,
        num_threads=config.num_threads,
        device=config.device,
        challenge=_challenge(config),
        lesions=lesions,
    )
    files = files_of(run, lesions)
    if lesions:
        print(f"{run}  with {' and '.join(lesions)}")
    if record["challenge"]:
        print(f"{run}  under {title(record['challenge'])}")
    for kind in KINDS:
        returns, lengths = (np.array(record[kind][name]) for name in ("returns", "lengths"))
        print(
            f"{run}  {kind:<13}  return {returns.mean():,.1f} ± {returns.std():,.1f}"
            f"  length {lengths.mean():,.0f}  ({returns.size} episodes)"
        )
        if record["challenge"]:
            traces = read_rewards(files.rewards, kind, time_limit_of(record["env"]))
            print(f"    {as_line(adaptation(traces))}")
    print(f"  {files.record}", flush=True)


def _film(run: Path, config: "DictConfig") -> None:
    """Write a film into videos/ and telemetry into telemetry/, and print where they are."""
    from agents.errors import RunError
    from analysis.run_films import film_run
    from envs import RenderingError

    try:
        film = film_run(_source(run, config), **_circumstances(config))
        print(f"  {film.path}")
        print(f"  {run / 'telemetry' / film.path.stem}.npz")
    except RenderingError as error:
        raise RunError(f"no film: {error}") from error


def _film_together(runs: list[Path], folder: Path, config: "DictConfig") -> None:
    """Write a film of runs side by side, where they are few and of one body."""
    from agents.errors import UsageError
    from analysis.run_films import film_runs

    try:
        sources = [_source(run, config) for run in runs]
        film = film_runs(sources, folder / "side_by_side.mp4", **_circumstances(config))
        print(f"  {film.path}")
    except UsageError as error:
        print(f"no film side by side: {error}", file=sys.stderr)


def _record(run: Path, config: "DictConfig") -> None:
    """Write the telemetry of an episode and print where it is."""
    from analysis.run_films import record_run

    print(f"  {record_run(_source(run, config), **_circumstances(config))}")


def _watch(runs: list[Path], config: "DictConfig") -> None:
    """Show brains at work until Ctrl-C."""
    from agents.errors import RunError
    from analysis.live import watch
    from envs import RenderingError

    try:
        watch([_source(run, config) for run in runs], port=config.port, **_circumstances(config))
    except RenderingError as error:
        raise RunError(f"nothing to see: {error}") from error


def _circumstances(config: "DictConfig") -> dict[str, Any]:
    """Return what every way to watch depends on."""
    return {"seed": config.seed, "device": config.device, "challenge": _challenge(config)}


def _source(run: Path, config: "DictConfig") -> Path:
    from agents.evaluation import named_checkpoint

    return run if config.checkpoint is None else named_checkpoint(run, str(config.checkpoint))


def _challenge(config: "DictConfig") -> Any:
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config.challenge)


def _patterns(runs: Any) -> list[str]:
    from agents.errors import UsageError

    patterns = [runs] if isinstance(runs, str) else [str(run) for run in runs]
    if not patterns or not all(pattern.strip() for pattern in patterns):
        raise UsageError("runs= is empty (an unset variable?): name a run's folder")
    return patterns


if __name__ == "__main__":
    cli.run(evaluate, config_name="evaluate")
