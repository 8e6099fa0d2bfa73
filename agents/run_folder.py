"""A run's folder: its configuration, versions, progress and checkpoints.

config.yaml, command.txt, versions.json, progress.csv, checkpoints/step_000500000/ and so on, with
checkpoints/latest pointing at the newest; trackers and evaluation add tensorboard/, videos/, ...
"""

import fcntl
import importlib.metadata
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from omegaconf import DictConfig, OmegaConf

from agents.checkpoint import load_tree, read_metadata, save_tree, sync_to_disk
from agents.errors import CheckpointError, MissingKeyError, UsageError
from agents.progress import ProgressFile, read_progress

ENGINES = ("mujoco-core", "gymnasium", "stable-baselines3", "sb3-contrib", "torch", "numpy")

UNSAVABLE = "unsavable"
"""What a checkpoint calls the reason why nothing can go on from it."""


class RunFolder:
    """The folder of one training run.

    Attributes:
        path: Where it is.
        progress: Its progress.csv.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.progress = ProgressFile(self.path / "progress.csv")
        self._lock: int | None = None
        self._made: list[Path] = []

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def has_started(self) -> bool:
        """Whether a training has begun here."""
        return (self.path / "config.yaml").is_file()

    def lock(self) -> None:
        """Keep other processes from training here until this one ends.

        Raises:
            UsageError: One already does, or the folder cannot be written.
        """
        self._made = [path for path in (self.path, *self.path.parents) if not path.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.stat(self.path / ".lock")  # gone if another command has just given the folder up
        except OSError:
            self._made = []  # what is in use is not ours to remove
            self.unlock()
            message = f"another process is training in {self.path}: wait, or choose another run_dir"
            raise UsageError(message) from None

    def is_locked(self) -> bool:
        """Return whether another process is training here."""
        try:
            handle = os.open(self.path / ".lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    def unlock(self) -> None:
        """Let other processes train here; leave no folder behind in which nothing has begun."""
        if self._lock is None:
            return
        if self._made and os.listdir(self.path) == [".lock"]:
            with suppress(OSError):  # a folder above may hold other runs by now
                (self.path / ".lock").unlink()
                for folder in self._made:
                    folder.rmdir()
        os.close(self._lock)
        self._lock = None

    def begin(self, config: DictConfig) -> None:
        """Write what is known before the first step: configuration, command, versions."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / "versions.json", json.dumps(versions(), indent=2) + "\n")
        self.note_command()
        self.write_config(config)

    def write_config(self, config: DictConfig) -> None:
        """Write the configuration."""
        write_whole(self.path / "config.yaml", OmegaConf.to_yaml(config))

    def note_command(self) -> None:
        """Add this process's command line to command.txt."""
        with (self.path / "command.txt").open("a", encoding="utf-8") as file:
            file.write(shlex.join(["python", *sys.argv]) + "\n")

    def read_config(self) -> DictConfig:
        """Return the configuration of the run.

        Raises:
            UsageError: There is no run here, or its configuration cannot be read.
        """
        if not self.has_started:
            raise UsageError(f"there is no run at {self.path}: it has no config.yaml")
        try:
            config = OmegaConf.load(self.path / "config.yaml")
        except Exception as error:
            line = " ".join(str(error).split())
            raise UsageError(f"{self.path}/config.yaml cannot be read: {line}") from error
        if not isinstance(config, DictConfig):
            raise UsageError(f"{self.path}/config.yaml is not a configuration")
        return config

    @contextmanager
    def of_older_version(self) -> Iterator[None]:
        """Name the run, and what helps, where its configuration lacks what is needed today.

        Raises:
            UsageError: In place of a MissingKeyError.
        """
        try:
            yield
        except MissingKeyError as error:
            raise UsageError(
                f"{self.path}/config.yaml lacks {error.key}, which this version needs: add it "
                "there with the value by which the run was trained, or use the version that "
                f"trained it ({self.path}/versions.json names its commit)"
            ) from error

    def save_checkpoint(
        self, tree: Any, *, env_steps: int, wall_seconds: float, unsavable: str = ""
    ) -> Path:
        """Write a checkpoint, point `latest` at it, and return its folder.

        Args:
            tree: The training state, or only what was learnt.
            env_steps: Control steps that led to it.
            wall_seconds: Time that they took, s.
            unsavable: Why nothing can go on from it; empty if something can.
        """
        if self.progress.path.exists():
            sync_to_disk(self.progress.path)  # no checkpoint is ahead of the record
        folder = self.checkpoints / f"step_{env_steps:09}"
        metadata: dict[str, Any] = {"env_steps": env_steps, "wall_seconds": wall_seconds}
        if unsavable:
            metadata[UNSAVABLE] = unsavable
        save_tree(folder, tree, metadata=metadata)
        pointer = self.checkpoints / ".latest.writing"
        pointer.unlink(missing_ok=True)
        pointer.symlink_to(folder.name)
        pointer.replace(self.checkpoints / "latest")
        return folder

    def prune_checkpoints(self, keep: int) -> None:
        """Delete all but the newest checkpoints; 0 keeps all."""
        for folder in self.checkpoint_folders()[:-keep] if keep else []:
            shutil.rmtree(folder, ignore_errors=True)

    def checkpoint_folders(self) -> list[Path]:
        """Return the checkpoints, oldest first."""
        return sorted(path for path in self.checkpoints.glob("step_*") if path.is_dir())

    def newest_checkpoint(
        self, warn: Callable[[str], None]
    ) -> tuple[Any, dict[str, Any]] | tuple[None, None]:
        """Return state and metadata of the newest checkpoint that is undamaged.

        Args:
            warn: Told in one line about every damaged one that was passed over.

        Raises:
            CheckpointError: There are checkpoints, but all are damaged.
        """
        folders = self.checkpoint_folders()
        for folder in reversed(folders):
            try:
                return load_tree(folder)
            except CheckpointError as error:
                warn(str(error))
        if folders:
            raise CheckpointError(f"every checkpoint in {self.checkpoints} is damaged")
        return None, None

    def lost_steps(self, *, due: int) -> int:
        """Return up to which step progress.csv records what no checkpoint is left of; 0 if nothing.

        A run that was interrupted before its first checkpoint has lost none: its folder is whole,
        nothing points at a checkpoint, and its record goes no further than where one was due.

        Args:
            due: The step by which the first checkpoint is written.
        """
        rows = read_progress(self.progress.path)
        if not rows or self.checkpoint_folders():
            return 0
        steps = int(rows[-1]["env_steps"])
        # One row may stand there without: it died between writing that and the checkpoint.
        beyond = sum(int(row["env_steps"]) >= due for row in rows) > 1
        written = (self.checkpoints / "latest").is_symlink() or beyond
        cut_off = any(self.checkpoints.glob(".step_*.writing"))  # it died while it wrote the first
        return 0 if self.checkpoints.is_dir() and (cut_off or not written) else steps

    def steps_done(self) -> int:
        """Return the steps of the newest undamaged checkpoint; 0 without one."""
        return int(self._newest_metadata().get("env_steps", 0))

    def why_not_resumable(self) -> str:
        """Return why nothing can go on from the newest undamaged checkpoint; "" if it can."""
        return str(self._newest_metadata().get(UNSAVABLE, ""))

    def _newest_metadata(self) -> dict[str, Any]:
        """Return what the newest undamaged checkpoint says about itself; nothing without one."""
        for folder in reversed(self.checkpoint_folders()):
            with suppress(CheckpointError):
                return read_metadata(folder)
        return {}

    def forget_after(self, env_steps: int) -> None:
        """Drop rows and checkpoints that a resumed run is about to write again."""
        self.progress.open_at(env_steps)
        for path in self.checkpoints.iterdir():
            later = path.name.startswith("step_") and path.name > f"step_{env_steps:09}"
            if later or path.name.endswith(".writing"):
                shutil.rmtree(path, ignore_errors=True)


def versions() -> dict[str, Any]:
    """Return what else a run depends on: the versions of engines, language and machine."""
    found: dict[str, Any] = {"python": platform.python_version(), "platform": platform.platform()}
    for name in (*ENGINES, "hydra-core", "safetensors"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found | {"processors": os.cpu_count(), "commit": _commit()}


def write_whole(path: Path, text: str) -> None:
    """Write a text file under another name and rename it, so that it is never seen in part."""
    with written_aside(path) as file:
        file.write(text.encode())


@contextmanager
def written_aside(path: Path) -> Iterator[BinaryIO]:
    """Open a file under another name and rename it once it is whole and on the disk.

    Whatever fails meanwhile, a full disk too, leaves nothing behind, and what was at `path` stays.
    """
    aside = path.with_name(f".{path.name}.writing")
    try:
        with aside.open("wb") as file:
            yield file
        sync_to_disk(aside)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def _commit() -> str | None:
    """Return the version of this program's sources, marked if they were changed since."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    root = Path(__file__).resolve().parents[1]
    try:
        result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None
