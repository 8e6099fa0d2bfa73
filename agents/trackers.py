"""Mirrors of progress.csv: TensorBoard, and Weights & Biases when asked for.

A tracker that fails is left out with one line; the training and its own record go on.
"""

import netrc
import os
import secrets
import sys
import textwrap
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, cast

from omegaconf import DictConfig, OmegaConf

from agents.build import build_part
from agents.errors import UsageError
from agents.evaluation import KINDS
from agents.film_preview import animated_picture

Mode = Literal["online", "offline", "disabled"]
Row = Mapping[str, float | int | None]

EVALUATION_COLUMNS = ("kind", "episode", "return", "length")


class Tracker(ABC):
    """Shows a run somewhere else while it goes on."""

    @abstractmethod
    def start(self, folder: Path, config: DictConfig, env_steps: int) -> None:
        """Begin, or go on after `env_steps`; rows after that will come again."""

    @abstractmethod
    def log(self, row: Row, env_steps: int) -> None:
        """Show a row of progress.csv."""

    @abstractmethod
    def log_video(self, path: Path, env_steps: int) -> None:
        """Show a film."""

    @abstractmethod
    def log_evaluation(self, record: Mapping[str, Any], env_steps: int) -> None:
        """Show the table of an evaluation: what evaluation.json holds."""

    @abstractmethod
    def finish(self, *, failed: bool) -> None:
        """Write out what is still held back; `failed` if the run did not come to its end."""


class TensorBoardTracker(Tracker):
    """Writes event files into <run>/tensorboard; `tensorboard --logdir runs` shows them."""

    def start(self, folder: Path, config: DictConfig, env_steps: int) -> None:
        """Open an event file that replaces what came after `env_steps`."""
        from torch.utils.tensorboard import SummaryWriter

        threading.excepthook = partial(_tell_of_others, threading.excepthook)
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=env_steps + 1)
        text = OmegaConf.to_yaml(config)
        self._writer.add_text("config", textwrap.indent(text, "    "), env_steps)

    def log(self, row: Row, env_steps: int) -> None:
        """Write every number of the row."""
        for name, value in row.items():
            if value is not None:
                self._writer.add_scalar(name, value, env_steps)

    def log_video(self, path: Path, env_steps: int) -> None:
        """Write the film as an animated picture, since event files hold no mp4, and its place."""
        from tensorboard.compat.proto import summary_pb2

        Summary: Any = vars(summary_pb2)["Summary"]  # noqa: N806 - a class made at run time
        picture, width, height = animated_picture(path)
        image = Summary.Image(
            encoded_image_string=picture, width=width, height=height, colorspace=3
        )
        summary = Summary(value=[Summary.Value(tag="film", image=image)])
        self._writer._get_file_writer().add_summary(summary, env_steps)  # add_video needs moviepy
        self._writer.add_text("film", str(path), env_steps)

    def log_evaluation(self, record: Mapping[str, Any], env_steps: int) -> None:
        """Write the means as numbers and every episode as a table."""
        for name, value in evaluation_means(record).items():
            self._writer.add_scalar(name, value, env_steps)
        lines = [" | ".join(map(str, row)) for row in evaluation_rows(record)]
        table = [" | ".join(EVALUATION_COLUMNS), " | ".join("---" for _ in EVALUATION_COLUMNS)]
        self._writer.add_text("evaluation", "\n".join([*table, *lines]), env_steps)

    def finish(self, *, failed: bool) -> None:
        """Close the event file."""
        del failed  # an event file has no place for it
        self._writer.close()


def _tell_of_others(
    tell: Callable[[threading.ExceptHookArgs], object], failure: threading.ExceptHookArgs
) -> None:
    """Tell how a thread ended, but TensorBoard's: the tracker's next call raises the same error."""
    if not type(failure.thread).__module__.startswith("tensorboard."):
        tell(failure)


class WandbTracker(Tracker):
    """Sends a run to Weights & Biases, or keeps it beside the run for a later `wandb sync`.

    Args:
        project: The project's name.
        entity: User or team; None is the account's default.
        group: Name under which runs are shown together.
        mode: None is online where there is a key, offline otherwise; nothing ever prompts.
    """

    def __init__(
        self,
        *,
        project: str,
        entity: str | None,
        group: str | None,
        mode: Mode | None,
    ) -> None:
        try:
            import wandb
        except ImportError as error:
            raise UsageError("tracker=wandb needs the package: pip install wandb") from error
        self._wandb = wandb
        self._options = {"project": project, "entity": entity, "group": group}
        if mode == "online" and not has_wandb_key():
            raise UsageError("tracker.wandb.mode=online needs a key: set WANDB_API_KEY")
        self._mode: Mode = mode or ("online" if has_wandb_key() else "offline")

    def start(self, folder: Path, config: DictConfig, env_steps: int) -> None:
        """Open the run; a resumed one keeps its identity."""
        os.environ.setdefault(
            "WANDB_DISABLE_WEAVE", "true"
        )  # it takes `agents` for another package
        (folder / "wandb").mkdir(exist_ok=True)
        identity = folder / "wandb" / "run_id.txt"
        if not identity.exists():
            identity.write_text(secrets.token_hex(4), encoding="ascii")
        self._run = self._wandb.init(
            **self._options,
            name=folder.name,
            id=identity.read_text(encoding="ascii"),
            resume="allow",
            dir=str(folder),
            config=cast(Any, OmegaConf.to_container(config)),
            mode=self._mode,
            settings=self._wandb.Settings(silent=True, console="off"),
        )
        self._run.define_metric("*", step_metric="env_steps")

    def log(self, row: Row, env_steps: int) -> None:
        """Send the row."""
        self._run.log({name: value for name, value in row.items() if value is not None})

    def log_video(self, path: Path, env_steps: int) -> None:
        """Send the film."""
        video = self._wandb.Video(str(path), format="mp4")
        self._run.log({"film": video, "env_steps": env_steps})

    def log_evaluation(self, record: Mapping[str, Any], env_steps: int) -> None:
        """Send the means, and every episode as a table."""
        table = self._wandb.Table(list(EVALUATION_COLUMNS), evaluation_rows(record))
        means = evaluation_means(record)
        self._run.log({"evaluation": table, **means, "env_steps": env_steps})

    def finish(self, *, failed: bool) -> None:
        """Write configuration and summary, which wandb does only here."""
        self._run.finish(exit_code=int(failed))


class Trackers:
    """Several trackers as one that never fails.

    Args:
        trackers: By their names in conf/tracker.
    """

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self._waiting = dict(trackers)
        self._active: dict[str, Tracker] = {}

    def start(self, folder: Path, config: DictConfig, env_steps: int) -> None:
        """Start each tracker, after `env_steps` of the run are done."""
        self._active = self._waiting
        self._each("start", folder, config, env_steps)

    def log(self, row: Row, env_steps: int) -> None:
        """Show a row everywhere."""
        self._each("log", row, env_steps)

    def log_video(self, path: Path, env_steps: int) -> None:
        """Show a film everywhere."""
        self._each("log_video", path, env_steps)

    def log_evaluation(self, record: Mapping[str, Any], env_steps: int) -> None:
        """Show the table of an evaluation everywhere."""
        self._each("log_evaluation", record, env_steps)

    def finish(self, *, failed: bool) -> None:
        """Finish each tracker that was started."""
        self._each("finish", failed=failed)
        self._active = {}

    def _each(self, method: str, *arguments: Any, **options: Any) -> None:
        for name, tracker in list(self._active.items()):
            try:
                getattr(tracker, method)(*arguments, **options)
            except Exception as error:  # whatever a tracker's library raises
                del self._active[name]
                line = " ".join(str(error).split())
                print(f"tracker {name} failed and is left out: {line}", file=sys.stderr)


def evaluation_rows(record: Mapping[str, Any]) -> list[list[Any]]:
    """Return a row per episode of an evaluation: kind, number, return, length."""
    return [
        [kind, episode, earned, length]
        for kind in KINDS
        if kind in record
        for episode, (earned, length) in enumerate(
            zip(record[kind]["returns"], record[kind]["lengths"], strict=True)
        )
    ]


def evaluation_means(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the mean return and length of each kind of episode."""
    measures = {"return": "returns", "length": "lengths"}
    return {
        f"evaluation/{kind}_{name}_mean": fmean(record[kind][key])
        for kind in KINDS
        if kind in record
        for name, key in measures.items()
    }


def build_trackers(config: DictConfig) -> Trackers:
    """Make the trackers of a configuration.

    Args:
        config: Constructor arguments with their `_target_`, by name.

    Raises:
        UsageError: One cannot work here, such as wandb online without a key.
    """
    descriptions: Any = OmegaConf.to_container(config)
    return Trackers({name: build_part(part) for name, part in descriptions.items()})


def has_wandb_key(hosts: Sequence[str] = ("api.wandb.ai",)) -> bool:
    """Return whether this machine has a key for Weights & Biases, without asking anybody."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        entries = netrc.netrc()
    except (OSError, netrc.NetrcParseError):
        return False
    return any(entries.authenticators(host) for host in hosts)
