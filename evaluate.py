"""Says how good trained brains are: python evaluate.py runs=runs/mine episodes=20 video=true."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    from agents import cli
except ModuleNotFoundError as error:
    sys.exit(f"{error}: run `make setup`, then .venv/bin/python evaluate.py")

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from agents.lesions import Lesions


def evaluate(config: "DictConfig") -> None:
    """Evaluate every run that is named; film it if asked; compare several, and lesioned ones."""
    import torch

    from agents.errors import UsageError
    from agents.lesions import lesions_of
    from analysis.compare import as_text, compare, write_comparison
    from analysis.runs import find_runs

    for key, least in (("episodes", 0), ("num_envs", 1), ("num_threads", 1), ("seed", 0)):
        if config[key] < least:
            raise UsageError(f"{key} must be at least {least}, got {config[key]}")
    lesions = lesions_of(config.lesion)
    if lesions and config.video:
        raise UsageError("films show the intact brain: leave out video=true or lesion=...")
    torch.set_num_threads(config.num_threads)
    runs = find_runs(_patterns(config.runs))
    for run in runs:
        if config.episodes:
            _measure(run, config, lesions)
        if config.video:
            _film(run, config)
    if len(runs) > 1 or lesions:
        comparison = compare(runs)
        print("\n" + as_text(comparison))
        folder = Path(config.output or time.strftime("comparisons/%Y-%m-%d_%H-%M-%S"))
        for path in write_comparison(comparison, folder):
            print(f"  {path}")


def _measure(run: Path, config: "DictConfig", lesions: "Lesions") -> None:
    """Write evaluation.json and print what it says."""
    import numpy as np

    from agents.challenge_choice import title
    from agents.evaluation import KINDS, Conditions, evaluate_run, files_of
    from agents.reward_traces import read_rewards
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
            print(f"    {as_line(adaptation(read_rewards(files.rewards, kind)))}")
    print(f"  {files.record}", flush=True)


def _film(run: Path, config: "DictConfig") -> None:
    """Write a film into videos/ and print where it is."""
    from agents.errors import RunError
    from analysis.film import film_run
    from envs import RenderingError

    try:
        source, challenge = _source(run, config), _challenge(config)
        film = film_run(source, seed=config.seed, device=config.device, challenge=challenge)
        print(f"  {film.path}")
    except RenderingError as error:
        raise RunError(f"no film: {error}") from error


def _source(run: Path, config: "DictConfig") -> Path:
    return run if config.checkpoint is None else run / "checkpoints" / config.checkpoint


def _challenge(config: "DictConfig") -> Any:
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config.challenge)


def _patterns(runs: Any) -> list[str]:
    return [runs] if isinstance(runs, str) else [str(run) for run in runs]


if __name__ == "__main__":
    cli.run(evaluate, config_name="evaluate")
