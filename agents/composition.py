"""What conf/ holds, and what of it a command line asks for."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from agents.config_check import is_open

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / "conf"


def reference_config(config_name: str, changes: Sequence[str]) -> DictConfig:
    """Compose the options that were chosen, without any single value that was set.

    Args:
        config_name: The file in conf/ to start from.
        changes: The command line's overrides; of a sweep, the first choice is taken.
    """
    parsed = OverridesParser.create().parse_overrides(list(changes))
    chosen = [first_choice(override) for override in parsed if chooses_option(override)]
    return compose_config(config_name, chosen)


def as_hydra_reads(arguments: Sequence[str], config_name: str) -> list[str]:
    """Return a command line in Hydra's words, for what it has none for as people write it.

    `group=null` of a group that is left out anyway is left out: Hydra cannot leave it out again.
    `key={...}` of a mapping that takes any key, such as `brain.paces`, becomes `+key={...}`.
    `-m` may stand anywhere.

    Args:
        arguments: What was written.
        config_name: The file in conf/ to start from.
    """
    nothing = [f"{group}=null" for group in _groups_left_out(config_name)]
    flags = [argument for argument in arguments if argument in ("-m", "--multirun")]
    asked = [*flags, *(word for word in arguments if word not in (*flags, *nothing))]
    if not any(_sets_mapping(argument) for argument in asked):
        return asked
    with suppress(HydraException, OmegaConfBaseException):  # told of when Hydra reads them
        written = [argument for argument in asked if not argument.startswith("-")]
        reference = reference_config(config_name, written)
        return [
            f"+{argument}"
            if _sets_mapping(argument) and is_open(argument.partition("=")[0], reference)
            else argument
            for argument in asked
        ]
    return asked


def compose_config(config_name: str, changes: list[str], **options: bool) -> DictConfig:
    """Compose a file of conf/ with changes, inside a job of Hydra's or outside."""
    if GlobalHydra.instance().is_initialized():
        return compose(config_name, changes, **options)
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose(config_name, changes, **options)


def choices_of(hydra: Any) -> dict[str, Any]:
    """Return which option each group has, as Hydra tells of a job."""
    return {
        str(group): option
        for group, option in hydra.runtime.choices.items()
        if not str(group).startswith("hydra") and "@" not in str(group)
    }


def chooses_option(override: Override) -> bool:
    """Return whether an override chooses an option of a group, not a single value."""
    group = override.key_or_group
    return group.startswith("hydra") or bool(options_of(group))


def options_of(group: str) -> list[str]:
    """Return the options of a group of conf/, none if there is no such group."""
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml")) if group else []


def groups_of(config_name: str) -> list[str]:
    """Return the groups of which a file of conf/ has an option, and those below them."""
    file = OmegaConf.load(CONFIGS / f"{config_name}.yaml")
    chosen = {
        str(group).split("/")[0] for each in file.defaults if each != "_self_" for group in each
    }
    folders = [path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*") if path.is_dir()]
    return [folder for folder in folders if folder.split("/")[0] in chosen and options_of(folder)]


def _sets_mapping(argument: str) -> bool:
    return re.match(r"[\w.]+=\{", argument) is not None


def first_choice(override: Override) -> str:
    """Return an override as text; of a sweep its first value."""
    if override.is_sweep_override() and override.is_discrete_sweep():
        return f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}"
    return override.input_line or ""


def _groups_left_out(config_name: str) -> list[str]:
    """Return the groups from which a file of conf/ chooses nothing by itself."""
    file = OmegaConf.load(CONFIGS / f"{config_name}.yaml")
    defaults: Any = OmegaConf.to_container(file.defaults)
    return [
        str(group)
        for choice in defaults
        if isinstance(choice, dict)
        for group, option in choice.items()
        if option is None
    ]
