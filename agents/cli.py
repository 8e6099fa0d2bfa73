"""The command line: Hydra reads it, and a mistake on it ends in one line and exit code 2."""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from agents.config_check import check_config, is_open, known_keys, unknown
from agents.errors import (
    CellFailed,
    CheckpointError,
    RunError,
    StopTraining,
    UsageError,
    told_in_a_line,
)
from agents.run_name import run_name

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / "conf"
FAILED, MISUSED, READ_ENOUGH = 1, 2, 141
"""The last is how shells tell of SIGPIPE."""
NAMED_FIRST = ("env", "brain", "agent")
"""The groups with which the name of a run begins."""
READABLE = (UsageError, RunError, CheckpointError, HydraException, OmegaConfBaseException)


def run(job: Callable[[DictConfig], None], *, config_name: str) -> NoReturn:
    """Run a job with the configuration that the command line asks for, then exit.

    A mistake of the user prints one line on stderr and exits with 2, a run that cannot go on
    with 1, a signal with 128 plus its number. HYDRA_FULL_ERROR=1 shows tracebacks instead.

    Args:
        job: Called with the checked configuration.
        config_name: The file in conf/ to start from.
    """
    answer(lambda: _launch(job, config_name), config_name=config_name)


def answer(action: Callable[[], None], *, config_name: str) -> NoReturn:
    """Do what a command asks for, then exit as `run` does.

    Args:
        action: The command.
        config_name: The file in conf/ from which mistakes are explained.
    """
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        action()
        sys.exit(0)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets exceptions through to here
    try:
        with _told_in_a_line(config_name):
            action()
    except CellFailed:
        _exit("some cells of the grid failed (see above); the same command retries them", FAILED)
    except KeyboardInterrupt:
        _exit("interrupted", 128 + signal.SIGINT)
    finally:
        del os.environ["HYDRA_FULL_ERROR"]
    sys.exit(0)


def composed(config_name: str, changes: Sequence[str]) -> tuple[DictConfig, Any]:
    """Compose and check a configuration without a job of Hydra's.

    Args:
        config_name: The file in conf/ to start from.
        changes: Overrides, as on a command line.

    Returns:
        The checked configuration, and what Hydra says about it.

    Raises:
        UsageError: Something in the overrides is wrong; the message is one line.
    """
    asked = as_hydra_reads(changes, config_name)
    try:
        config = _compose(config_name, asked, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(explain(error, config_name, asked)) from error
    return checked(config, config.hydra), config.hydra


def overrides() -> list[str]:
    """Return what the command line of the present job sets."""
    return list(HydraConfig.get().overrides.task)


def default_name(config: DictConfig) -> str:
    """Return the name that says what the present job computes."""
    return name_of(config, HydraConfig.get())


def name_of(config: DictConfig, hydra: Any) -> str:
    """Return the name that says what a job computes.

    Args:
        config: Its checked configuration.
        hydra: What Hydra says about the job.
    """
    changes, name = list(hydra.overrides.task), str(hydra.job.config_name)
    parsed = OverridesParser.create().parse_overrides(changes)
    named = [_first_choice(each) for each in parsed if each.key_or_group in NAMED_FIRST]
    usual = _compose(name, named, return_hydra_config=True)
    return run_name(config, changes, reference_config(name, changes), _choices(usual.hydra))


def checked(config: DictConfig, hydra: Any) -> DictConfig:
    """Return a configuration after checking all of it, with the options that were chosen.

    Args:
        config: As it was composed; its own `hydra` is left out.
        hydra: What Hydra says about the job.

    Raises:
        UsageError: A key is unknown or missing, or a value is of the wrong type.
    """
    asked = list(hydra.overrides.task)
    _require_different(asked)
    plain = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    reference = reference_config(str(hydra.job.config_name), asked)
    result = check_config(plain, reference)
    result.choices = _choices(hydra)
    _require_challenge(result, asked)
    return result


def _require_challenge(config: DictConfig, asked: Sequence[str]) -> None:
    """Raise a UsageError if a challenge is described where there is none.

    One that was left out in so many words, such as in some cells of a grid, may be.
    """
    challenge = config.get("challenge")
    if challenge is None or "parts" not in challenge or challenge.parts:
        return
    keys = [override.lstrip("+~").partition("=")[0] for override in asked]
    described = [key for key in keys if key.startswith(("challenge.", "challenge/"))]
    if described and "challenge" not in keys:
        raise UsageError(
            f"{described[0]} changes nothing: there is no challenge; choose one with challenge=..."
        )


def explain(error: Exception, config_name: str, arguments: Sequence[str]) -> str:
    """Return one line on what is wrong and what would be right.

    Args:
        error: What composing or running raised.
        config_name: The file in conf/ that was composed.
        arguments: The command line after the program's name.
    """
    try:
        if isinstance(error, OverrideParseException):
            return f"cannot read {error.override!r}: write options as key=value"
        if isinstance(error, MissingConfigException):
            return _explain_option(error)
        if "Ambiguous value" in str(error):
            return (
                f"{str(error).splitlines()[0]}: add -m for a grid, or write key='[a,b]' for a list"
            )
        written = re.search(r"Could not (?:override|append to|delete) '([^'@]+)", str(error))
        if isinstance(error, HydraException) and written:
            return _explain_key(written[1], config_name, arguments)
    except UsageError as clearer:
        return str(clearer)
    return " ".join(str(error).split("\n")[0].split())


def exit_code(error: Exception) -> int:
    """Return 1 for a run that could not go on, 2 for a mistake on the command line."""
    return FAILED if isinstance(error, RunError | CheckpointError) else MISUSED


def reference_config(config_name: str, changes: Sequence[str]) -> DictConfig:
    """Compose the options that were chosen, without any single value that was set.

    Args:
        config_name: The file in conf/ to start from.
        changes: The command line's overrides; of a sweep, the first choice is taken.
    """
    parsed = OverridesParser.create().parse_overrides(list(changes))
    chosen = [_first_choice(override) for override in parsed if _chooses_option(override)]
    return _compose(config_name, chosen)


def _compose(config_name: str, changes: list[str], **options: bool) -> DictConfig:
    if GlobalHydra.instance().is_initialized():
        return compose(config_name, changes, **options)
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose(config_name, changes, **options)


def _choices(hydra: Any) -> dict[str, Any]:
    """Return which option each group has, as Hydra tells of a job."""
    return {
        str(group): option
        for group, option in hydra.runtime.choices.items()
        if not str(group).startswith("hydra") and "@" not in str(group)
    }


@contextmanager
def _told_in_a_line(config_name: str) -> Iterator[None]:
    """End the process where what is inside cannot go on, and say why where somebody should know."""
    try:
        yield
        sys.stdout.flush()
    except StopTraining as stop:
        sys.exit(128 + stop.signal_number)
    except READABLE as error:
        _exit(explain(error, config_name, sys.argv[1:]), exit_code(error))
    except BrokenPipeError:  # whoever read what was printed, such as `head`, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(READ_ENOUGH)
    except OSError as error:  # a full disk, a folder that may not be written
        _exit(told_in_a_line(error), FAILED)


def _launch(job: Callable[[DictConfig], None], config_name: str) -> None:
    """Let Hydra compose, sweep and call the job."""

    @wraps(job)
    def checked_job(config: DictConfig) -> None:
        with _told_in_a_line(config_name):  # Hydra would add words of its own to an exception
            job(checked(config, HydraConfig.get()))

    sys.argv[1:] = as_hydra_reads(sys.argv[1:], config_name)
    hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=config_name)(checked_job)()


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


def _sets_mapping(argument: str) -> bool:
    return re.match(r"[\w.]+=\{", argument) is not None


def _explain_option(error: MissingConfigException) -> str:
    """Return the line for an option that is not in its group."""
    found = re.search(r"Could not (?:find|load) '([^']+)'", str(error))
    if not found or "/" not in found[1]:
        return str(error).split("\n")[0]
    group, _, name = found[1].rpartition("/")
    options = [option for option in error.options or _options_of(group) if option != name]
    message = str(unknown(group, name, options))
    if group == "env":
        message += f" (any other Gymnasium environment: env=any env.id={name})"
    return message


def _explain_key(key: str, config_name: str, arguments: Sequence[str]) -> str:
    """Return the line for a key that is not in the configuration."""
    if key.split(".")[0].split("/")[0] == "search" != config_name:
        return f"{key} is an option of another command: python -m search"
    if config_name == "evaluate" and key in _keys_of_training():
        return f"evaluate.py has no option {key!r}: every run keeps what it was trained with"
    written = [argument for argument in arguments if not argument.startswith("-")]
    with suppress(HydraException, OmegaConfBaseException):
        reference = reference_config(config_name, written)
        if is_open(key.rpartition(".")[0], reference):
            return f"{key} is not there yet: add it with +{key}=..."
        known = [*known_keys(reference), *_groups_of(config_name)]
        return str(unknown("key", key, [other for other in known if other != key]))
    return str(unknown("key", key, _groups_of(config_name)))


def _keys_of_training() -> set[str]:
    """Return every key and every group that train.py knows and evaluate.py does not."""
    known = {*known_keys(reference_config("train", [])), *_groups_of("train")}
    return known - {*known_keys(reference_config("evaluate", [])), *_groups_of("evaluate")}


def _require_different(changes: Sequence[str]) -> None:
    """Raise a UsageError if the same option of a group is chosen twice."""
    for override in OverridesParser.create().parse_overrides(list(changes)):
        chosen = override.value() if _chooses_option(override) else None
        names = [str(name) for name in chosen] if isinstance(chosen, list) else []
        for name in names:
            if names.count(name) > 1:
                group = override.key_or_group
                raise UsageError(f"{group}=[{','.join(names)}] names {name} twice: once is enough")


def _chooses_option(override: Override) -> bool:
    group = override.key_or_group
    return group.startswith("hydra") or bool(_options_of(group))


def _first_choice(override: Override) -> str:
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


def _options_of(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml")) if group else []


def _groups_of(config_name: str) -> list[str]:
    """Return the groups of which a file of conf/ has an option, and those below them."""
    file = OmegaConf.load(CONFIGS / f"{config_name}.yaml")
    chosen = {
        str(group).split("/")[0] for each in file.defaults if each != "_self_" for group in each
    }
    folders = [path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*") if path.is_dir()]
    return [folder for folder in folders if folder.split("/")[0] in chosen and _options_of(folder)]


def _exit(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    sys.exit(code)
