"""What a command line asks to be searched, checked before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from agents import cli, composition
from agents.config_check import known_keys, unknown
from agents.device import require_device
from agents.errors import UsageError
from agents.evaluation import KINDS
from agents.run_name import BUDGET_KEYS, PLACE_KEYS
from agents.training_run import require_sound
from grids.cell import Cell, override_key
from grids.desk import Desk
from search.space import Dimension, read_dimension

NOT_SEARCHED = ("seed", "device", "num_threads", *BUDGET_KEYS, *PLACE_KEYS)
"""Keys by which trials could not be compared."""

NOT_ASKED = {
    "seed": "search.seeds='[0,1]' says with which seeds each trial trains",
    "run_dir": "search.folder=... puts the study elsewhere",
    "resume": "the same command goes on with a study",
}


@dataclass(frozen=True)
class Plan:
    """A search; plain values, so that another process can work at it.

    Attributes:
        folder: The study's.
        asked: What the command line says of every training.
        training: The configuration that the trials change.
        space: The values of each key that is searched.
        settings: The rest of conf/search.
    """

    folder: Path
    asked: tuple[str, ...]
    training: dict[str, Any]
    space: dict[str, Dimension]
    settings: dict[str, Any]

    def trial_folder(self, number: int) -> Path:
        """Return where a trial's trainings are."""
        return self.folder / f"trial_{number:03}"

    def cell(self, number: int, seed: int, texts: Mapping[str, str], desk: Desk) -> Cell:
        """Return one training of a trial."""
        tried = (f"{key}={text}" for key, text in texts.items())
        # Whoever compares trials evaluates them: another process for that would cost its start.
        last = (f"seed={seed}", "evaluation_episodes=0")
        overrides = (*self.settings["overrides"], *self.asked, *tried, *last)
        folder = self.trial_folder(number) / f"seed_{seed}"
        return Cell(
            overrides=overrides,
            folder=folder,
            total_steps=self.training["total_steps"],
            evaluation_episodes=0,
            threads=None,
            cwd=Path.cwd(),
            desk=desk,
        )

    def usual(self) -> dict[str, Any]:
        """Return the configuration's own values, of those keys whose values include it."""
        config = OmegaConf.create(self.training)
        own = {key: each.encode(OmegaConf.select(config, key)) for key, each in self.space.items()}
        return {key: value for key, value in own.items() if value is not None}

    def identity(self) -> dict[str, Any]:
        """Return what must not change within a study."""
        shown = ("film", "tracker", "checkpoint_every", "keep_checkpoints", "choices", *PLACE_KEYS)
        training = {key: value for key, value in self.training.items() if key not in shown}
        space = {key: list(each.probes()) for key, each in self.space.items()}
        kept = {key: self.settings[key] for key in ("seeds", "objective", "reports")}
        return {"training": training, "search": {**kept, "space": space}}


def read_plan(arguments: Sequence[str]) -> Plan:
    """Return the search that a command line asks for.

    Args:
        arguments: Options of a search begin with `search`; the others are those of train.py.

    Raises:
        UsageError: Something does not exist or does not fit; the message says what does.
    """
    own = [text for text in arguments if override_key(text) == "search"]
    asked = [text for text in arguments if override_key(text) != "search"]
    named = [text.partition("=")[2] for text in own if text.startswith("search=")]
    if not named:
        options = sorted(path.stem for path in (composition.CONFIGS / "search").glob("*.yaml"))
        raise UsageError(f"say what to search: search=... with one of {', '.join(options)}")
    for key, reason in NOT_ASKED.items():
        if key in map(override_key, asked):
            raise UsageError(f"leave {key}=... out of a search: {reason}")
    settings: Any = OmegaConf.to_container(cli.composed("search", own)[0].search)
    _require_sensible(settings)
    config, hydra = cli.composed("train", [*settings["overrides"], *asked])
    require_sound(config)
    require_device(config.device)
    if config.evaluation_episodes == 0:
        raise UsageError("evaluation_episodes must be at least 1: trials are compared by them")
    space = _space(settings.pop("space"), config, asked)
    _require_possible(space, [*settings["overrides"], *asked])
    name = cli.name_of(config, hydra).removesuffix(f"_seed{config.seed}")
    folder = Path(settings["folder"] or Path("runs") / "search" / f"{named[-1]}_{name}")
    training: Any = OmegaConf.to_container(config)
    return Plan(folder, tuple(asked), training, space, settings)


def _space(described: Any, config: DictConfig, asked: Sequence[str]) -> dict[str, Dimension]:
    """Return the values of each key that the command line leaves open."""
    fixed = {text.lstrip("+").partition("=")[0] for text in asked}
    space: dict[str, Dimension] = {}
    known = [key for key in known_keys(config) if not key.startswith("choices.")]
    for key, values in described.items():
        if key in NOT_SEARCHED or key.split(".")[0] in NOT_SEARCHED:
            raise UsageError(f"{key} cannot be searched: trials must share it")
        if key not in known:
            raise unknown("key to search", key, known)
        if key not in fixed:
            space[key] = read_dimension(key, values, OmegaConf.select(config, key))
    if not space:
        raise UsageError("nothing is left to search: the command line sets every key of the space")
    return space


def _require_possible(space: Mapping[str, Dimension], overrides: Sequence[str]) -> None:
    """Raise a UsageError if a value is of a type that its key does not take."""
    probes = {key: each.probes() for key, each in space.items()}
    for row in range(max(map(len, probes.values()))):
        tried = [f"{key}={texts[row % len(texts)]}" for key, texts in probes.items()]
        cli.composed("train", [*overrides, *tried])


def _require_sensible(settings: Mapping[str, Any]) -> None:
    for key in ("trials", "workers", "reports", "shown"):
        if settings[key] < 1:
            raise UsageError(f"search.{key} must be at least 1, got {settings[key]}")
    seeds = settings["seeds"]
    whole = all(isinstance(seed, int) and seed >= 0 for seed in seeds)
    if not seeds or not whole or len(set(seeds)) < len(seeds):
        raise UsageError(f"search.seeds must be different whole numbers, got {seeds}")
    if settings["objective"] not in KINDS:
        raise unknown("search.objective", settings["objective"], KINDS)
