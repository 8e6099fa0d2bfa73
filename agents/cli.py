"""The command line: Hydra reads it, and a mistake on it ends in one line and exit code 2."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from agents.composition import (
    CONFIGS,
    as_hydra_reads,
    choices_of,
    chooses_option,
    compose_config,
    first_choice,
    reference_config,
)
from agents.config_check import check_config
from agents.errors import (
    CellFailed,
    CheckpointError,
    RunError,
    StopTraining,
    UsageError,
    told_in_a_line,
)
from agents.explanations import explain
from agents.run_name import run_name

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
        with _ending_in_a_line(config_name):
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
        config = compose_config(config_name, asked, return_hydra_config=True)
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
    named = [first_choice(each) for each in parsed if each.key_or_group in NAMED_FIRST]
    usual = compose_config(name, named, return_hydra_config=True)
    return run_name(config, changes, reference_config(name, changes), choices_of(usual.hydra))


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
    result.choices = choices_of(hydra)
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


def exit_code(error: Exception) -> int:
    """Return 1 for a run that could not go on, 2 for a mistake on the command line."""
    return FAILED if isinstance(error, RunError | CheckpointError) else MISUSED


@contextmanager
def _ending_in_a_line(config_name: str) -> Iterator[None]:
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
        with _ending_in_a_line(config_name):  # Hydra would add words of its own to an exception
            job(checked(config, HydraConfig.get()))

    sys.argv[1:] = as_hydra_reads(sys.argv[1:], config_name)
    hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=config_name)(checked_job)()


def _require_different(changes: Sequence[str]) -> None:
    """Raise a UsageError if the same option of a group is chosen twice."""
    for override in OverridesParser.create().parse_overrides(list(changes)):
        chosen = override.value() if chooses_option(override) else None
        names = [str(name) for name in chosen] if isinstance(chosen, list) else []
        for name in names:
            if names.count(name) > 1:
                group = override.key_or_group
                raise UsageError(f"{group}=[{','.join(names)}] names {name} twice: once is enough")


def _exit(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    sys.exit(code)
