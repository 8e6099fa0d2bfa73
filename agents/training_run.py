"""One training run from its configuration: where it is written, and where it goes on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from agents.config_check import differing_keys, require_keys
from agents.device import require_device, why_not
from agents.errors import CheckpointError, NonFiniteError, RunError, UsageError, told_in_a_line
from agents.progress import read_progress, tell
from agents.run_folder import UNSAVABLE, RunFolder
from agents.run_name import BUDGET_KEYS, PLACE_KEYS
from brains.kernels import KernelError
from envs import PhysicsError

LOG = "log.txt"
"""What a run says, in a folder whose run is a cell of a grid."""
TURN = ".turn"
"""Locked in such a folder by the grid whose turn it is to run the cell."""
TOLD_ONLY = "env.normalisation"
"""What reports take from a task's file; no run computes with it."""


@dataclass
class TrainingRun:
    """A run that is about to start or to go on.

    Attributes:
        folder: Where it is written.
        config: What it computes; of a resumed run, what it was started with.
        state: The training state to go on from, or None at the beginning.
        env_steps: Steps that were done before.
        wall_seconds: Time that they took, s.
    """

    folder: RunFolder
    config: DictConfig
    state: Any = None
    env_steps: int = 0
    wall_seconds: float = 0.0

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.env_steps >= self.config.total_steps


@contextmanager
def open_run(config: DictConfig, overrides: Sequence[str], name: str) -> Iterator[TrainingRun]:
    """Start a run or go on with one, and turn what can stop it into one line.

    Args:
        config: The checked configuration; `resume` names the run to go on with.
        overrides: The overrides of the command line.
        name: What a new run is called if the configuration names no folder.

    Yields:
        The run, with a folder that no other process writes to.

    Raises:
        UsageError: The folder is taken, or a resumed run is told to compute something else.
        RunError: The run stopped; the message says where, and which checkpoint is intact.
    """
    require_sound(config)
    if not config.resume:  # a resumed run has its own
        require_device(config.device)
    folder = RunFolder(config.resume or config.run_dir or Path("runs") / name)
    if config.resume and not folder.has_started:
        run = folder.path.absolute().parent.parent
        hint = f": resume={run}" if (run / "config.yaml").is_file() else ": it has no config.yaml"
        raise UsageError(f"there is no run at {folder.path}{hint}")
    folder.lock()
    try:
        if config.resume:
            with folder.of_older_version():
                yield _resume(folder, config, overrides)
        else:
            _require_free(folder)
            yield TrainingRun(folder, config)
    except (NonFiniteError, PhysicsError) as error:
        # A resumed run does what this one did, to the last bit: it would only end there again.
        raise RunError(f"{error} | {_what_is_intact(folder, go_on=False)}") from error
    except (CheckpointError, KernelError) as error:
        raise RunError(f"{error} | {_what_is_intact(folder)}") from error
    except OSError as error:
        raise RunError(f"{told_in_a_line(error)} | {_what_is_intact(folder)}") from error
    finally:
        folder.unlock()


def begin(run: TrainingRun) -> None:
    """Write the run's configuration, and drop what it is about to do again."""
    print(f"training in {run.folder.path}", flush=True)
    run.folder.begin(run.config)
    run.folder.forget_after(run.env_steps)


def require_sound(config: DictConfig) -> None:
    """Raise a UsageError if a count of the configuration is too small, or a name is none."""
    require_names(config, "run_dir", "resume", "env.id")
    least = {"total_steps": 1, "num_envs": 1, "num_threads": 1, "checkpoint_every": 1}
    for key, minimum in {
        **least,
        "keep_checkpoints": 0,
        "evaluation_episodes": 0,
        "seed": 0,
    }.items():
        if config[key] < minimum:
            raise UsageError(f"{key} must be at least {minimum}, got {config[key]}")


def require_names(config: DictConfig, *keys: str) -> None:
    """Raise a UsageError if a name of the configuration is empty, or no text.

    An unset variable of a shell leaves an empty name, which is never meant to be the usual one.

    Args:
        config: A checked configuration.
        keys: The dotted keys of the names; those that are null are not looked at.
    """
    for key in keys:
        name = OmegaConf.select(config, key)
        if name is not None and not isinstance(name, str):
            raise UsageError(f"{key} must be text, got {name!r}: write {key}=\"'{name}'\"")
        if name is not None and not name.strip():
            raise UsageError(f"{key}= is empty (an unset variable?): name one, or leave {key}= out")


def _resume(folder: RunFolder, config: DictConfig, overrides: Sequence[str]) -> TrainingRun:
    """Return the run in a folder, with only its budget changed."""
    asked = {_split(override)[0] for override in overrides} - {"resume"}
    refused = sorted(key for key in asked if key.split(".")[0] not in BUDGET_KEYS)
    if refused:
        allowed = ", ".join(BUDGET_KEYS)
        raise UsageError(f"a resumed run cannot change {refused[0]}, only {allowed}")
    kept = folder.read_config()
    require_keys(kept, "total_steps", "checkpoint_every")
    _require_nothing_lost(folder, kept)
    for key in BUDGET_KEYS:
        if any(name.split(".")[0] == key for name in asked):
            kept[key] = config[key]
    require_keys(kept, "keep_checkpoints", "film", "tracker", "num_threads")
    run = _go_on(folder, kept)
    if not run.finished:
        _require_its_device(run)
    return run


def _require_nothing_lost(folder: RunFolder, config: DictConfig) -> None:
    """Raise if a run has trained and its checkpoints are gone: its record would be overwritten."""
    steps = folder.lost_steps(due=min(config.checkpoint_every, config.total_steps))
    if steps:
        raise UsageError(
            f"{folder.path} has trained {steps:,} steps, but no checkpoint is left in "
            f"{folder.checkpoints}: put one back, or begin anew, with another run_dir=... or after "
            f"deleting {folder.path}"
        )


def _go_on(folder: RunFolder, config: DictConfig) -> TrainingRun:
    """Return a run with the state of its newest checkpoint."""
    state, metadata = folder.newest_checkpoint(warn=tell)
    if metadata is None or state is None:
        tell(f"{folder.path} has no checkpoint yet: it begins again at its first step")
        return TrainingRun(folder, config)
    run = TrainingRun(folder, config, state, metadata["env_steps"], metadata["wall_seconds"])
    if run.env_steps and not read_progress(folder.progress.path):
        tell(
            f"{folder.progress.path} is gone: it will tell of what comes after {run.env_steps:,} "
            "steps alone"
        )
    if "env" not in state and not run.finished:
        reason = metadata.get(UNSAVABLE, "its body's state cannot be saved")
        raise UsageError(f"{folder.path} cannot be resumed: {reason}")
    return run


def _require_its_device(run: TrainingRun) -> None:
    """Raise a UsageError that fits a resumed run, whose device no option can change."""
    reason = why_not(run.config.device)
    if reason:
        raise UsageError(
            f"{run.folder.path} cannot be resumed: {reason}; go on with it on a machine where it "
            "can (`make doctor`), or write device: cpu into its config.yaml"
        )


def require_same(folder: RunFolder, config: DictConfig, *, free: Sequence[str]) -> None:
    """Raise a UsageError if a folder holds a run that computes something else.

    Args:
        folder: Where a run is about to start, or to go on.
        config: The checked configuration.
        free: Further keys that may differ; the run in the folder keeps its own.
    """
    if not folder.has_started:
        return
    plain: Any = OmegaConf.to_container(config)
    there: Any = OmegaConf.to_container(folder.read_config())
    may_differ = (*BUDGET_KEYS, *PLACE_KEYS, "choices", *free)
    for key in differing_keys(plain, there):
        if key.split(".")[0] not in may_differ and not key.startswith(TOLD_ONLY):
            message = f"{folder.path} holds a run with another {key}"
            raise UsageError(f"{message}: move it away, or put this one elsewhere")


def _require_free(folder: RunFolder) -> None:
    """Raise if a new run would overwrite something."""
    if folder.has_started:
        message = f"{folder.path} holds a run: resume={folder.path} goes on with it, "
        raise UsageError(message + "or choose another run_dir")
    others = [path for path in folder.path.glob("*") if path.name not in (".lock", TURN, LOG)]
    if others and not (folder.path / "versions.json").exists():
        raise UsageError(f"{folder.path} holds other files: choose another run_dir")


def _what_is_intact(folder: RunFolder, *, go_on: bool = True) -> str:
    steps = folder.steps_done()
    if steps == 0 and folder.checkpoint_folders():
        anew = f"with another run_dir=... or after deleting {folder.path}"
        return f"there is nothing to go on from: put a checkpoint back, or begin anew, {anew}"
    if steps == 0:
        return "no checkpoint was written yet"
    why_not = folder.why_not_resumable()
    if not go_on:
        why_not = "going on from it would end here again"
    onward = f", but {why_not}" if why_not else f": resume={folder.path}"
    return f"the checkpoint at step {steps:,} is intact{onward}"


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.lstrip("+~").partition("=")
    return key, value
