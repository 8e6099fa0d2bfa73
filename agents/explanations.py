"""Mistakes on a command line, in one line each, with what would be right."""

import re
from collections.abc import Sequence
from contextlib import suppress

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from agents.composition import groups_of, options_of, reference_config
from agents.config_check import is_open, known_keys, unknown
from agents.errors import UsageError


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


def _explain_option(error: MissingConfigException) -> str:
    """Return the line for an option that is not in its group."""
    found = re.search(r"Could not (?:find|load) '([^']+)'", str(error))
    if not found or "/" not in found[1]:
        return str(error).split("\n")[0]
    group, _, name = found[1].rpartition("/")
    options = [option for option in error.options or options_of(group) if option != name]
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
        known = [*known_keys(reference), *groups_of(config_name)]
        return str(unknown("key", key, [other for other in known if other != key]))
    return str(unknown("key", key, groups_of(config_name)))


def _keys_of_training() -> set[str]:
    """Return every key and every group that train.py knows and evaluate.py does not."""
    known = {*known_keys(reference_config("train", [])), *groups_of("train")}
    return known - {*known_keys(reference_config("evaluate", [])), *groups_of("evaluate")}
