"""Holds a composed configuration against what the files in conf/ and the constructors declare."""

import difflib
import importlib
import inspect
import re
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from omegaconf import DictConfig, MissingMandatoryValue, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from agents.errors import MissingKeyError, UsageError
from envs.declared_types import as_declared, constrains, fits, in_words

INSPECTED = ("agents.", "brains.", "envs.", "grids.")
"""Packages whose constructors are looked at for the types of their arguments."""


def nearest(name: str, options: Collection[str]) -> str:
    """Return the option that is spelled most like a name.

    Args:
        name: What was written.
        options: What could have been meant; at least one.
    """
    folded = name.lower()
    return max(
        sorted(options),
        key=lambda option: difflib.SequenceMatcher(None, folded, option.lower()).ratio(),
    )


def unknown(kind: str, name: str, options: Collection[str]) -> UsageError:
    """Return the error for a name that does not exist, with the nearest one that does."""
    if not options:
        return UsageError(f"unknown {kind} {name!r}: there are none")
    return UsageError(f"unknown {kind} {name!r}; did you mean {nearest(name, options)!r}?")


def check_config(config: DictConfig, reference: DictConfig) -> DictConfig:
    """Return the configuration resolved, after checking every key and type.

    A key is known if the files in conf/ have it, or if it stands below a mapping that they leave
    empty, such as `env.kwargs`. A value has the type that the constructor's annotation says or,
    where there is none, the type of the value in the file. Whole floats become integers.

    Args:
        config: What was composed from files and command line.
        reference: The same options of the same groups without any single value changed.

    Raises:
        UsageError: A key is unknown or missing, or a value is of the wrong type.
    """
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise UsageError(f"{error.full_key} is missing: set {error.full_key}=...") from error
    except OmegaConfBaseException as error:
        raise UsageError(_unresolved(config, error)) from error
    try:
        known = OmegaConf.to_container(reference, resolve=True)
    except OmegaConfBaseException:  # what it refers to may be what was set
        known = OmegaConf.to_container(reference, resolve=False)
    assert isinstance(plain, dict)
    assert isinstance(known, dict)
    written = flat_items(OmegaConf.to_container(config, resolve=False))
    referring = _Referring({key: str(value) for key, value in written if "${" in str(value)})
    checked = _check_mapping(plain, known, "", set(_flat_keys(known)), referring)
    if referring.mistakes:
        raise referring.mistakes[0]
    return OmegaConf.create(checked)


class _Referring(dict[str, str]):
    """Keys whose value stands elsewhere: what is wrong with it had better be told of there.

    Args:
        texts: What is written at these keys.

    Attributes:
        mistakes: What was wrong at these keys, told if nothing else is wrong.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(texts)
        self.mistakes: list[UsageError] = []

    def source(self, key: str) -> str:
        """Return the key at which the value of another stands, if it is that of one alone."""
        alone = re.fullmatch(r"\$\{(\w[\w.]*)\}", self.get(key, ""))
        return alone[1] if alone else key


def _unresolved(config: DictConfig, error: OmegaConfBaseException) -> str:
    """Return the line for a value that refers to one that is not there."""
    if config.get("brain", 0) in (None, {}) and "'brain." in str(error):
        return (
            "this agent trains a brain, and brain=none is none: choose one (brain=spiking), "
            "or an agent with a network of its own (agent=sb3_ppo)"
        )
    missing = re.search(r"Interpolation key '([^']+)' not found", str(error))
    for name in _prefixes(missing[1]) if missing else ():
        above, _, last = name.rpartition(".")
        options = OmegaConf.select(config, above) if above else None
        if isinstance(options, DictConfig) and last not in options:
            return (
                f"{error.full_key} refers to {name}, which is not there; "
                f"did you mean {nearest(last, list(map(str, options)))!r}?"
            )
    return f"{error.full_key}: {str(error).splitlines()[0]}"


def _prefixes(key: str) -> list[str]:
    """Return a dotted key and those above it, the shortest first."""
    names = key.split(".")
    return [".".join(names[: end + 1]) for end in range(len(names))]


def known_keys(reference: DictConfig) -> list[str]:
    """Return the dotted keys of all values of a configuration."""
    return list(_flat_keys(OmegaConf.to_container(reference, resolve=False)))


def is_open(key: str, reference: DictConfig) -> bool:
    """Return whether a dotted key names a mapping that takes any key."""
    mapping = OmegaConf.select(reference, key)
    return isinstance(mapping, DictConfig) and len(mapping) == 0


def require_keys(config: DictConfig, *keys: str) -> None:
    """Raise a MissingKeyError for the first dotted key that a configuration does not have."""
    for key in keys:
        above, _, last = key.rpartition(".")
        parent = OmegaConf.select(config, above) if above else config
        if not isinstance(parent, DictConfig) or last not in parent:
            raise MissingKeyError(key)


def flat_items(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a nested mapping with their dotted keys.

    Args:
        node: The mapping; an empty one within it is a value.
        path: What all keys begin with.
    """
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from flat_items(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def differing_keys(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the dotted keys at which two plain configurations differ."""
    values, others = dict(flat_items(one)), dict(flat_items(other))
    return sorted(
        key for key in values.keys() | others.keys() if values.get(key) != others.get(key)
    )


def _check_mapping(
    plain: Mapping[Any, Any],
    known: Mapping[Any, Any],
    path: str,
    all_keys: Collection[str],
    referring: _Referring,
) -> dict[str, Any]:
    """Check one level of the configuration and everything below it."""
    for key in known:
        if key not in plain:
            raise UsageError(f"{path}{key} was taken away, but it is needed")
    hints = _type_hints(plain.get("_target_"))
    checked: dict[str, Any] = {}
    for key, value in plain.items():
        name = f"{path}{key}"
        if key not in known:
            raise unknown("key", name, all_keys)
        default, hint = known[key], hints.get(key, Any)
        if isinstance(default, dict):
            _require_settings(name, value, default)
            checked[key] = (
                _check_mapping(value, default, f"{name}.", all_keys, referring)
                if default
                else value
            )
        else:
            try:
                checked[key] = _check_value(referring.source(name), value, default, hint)
            except UsageError as error:
                if name not in referring:
                    raise
                referring.mistakes.append(error)
    return checked


def _require_settings(name: str, value: Any, default: Mapping[str, Any]) -> None:
    """Raise if a single value stands where the files have settings, or a mapping for any."""
    if isinstance(value, dict):
        return
    if default:
        raise UsageError(f"{name} is a group of settings, got {value!r}; set one of them")
    raise UsageError(f"{name} takes settings by name, got {value!r}: write {name}={{name: value}}")


def _check_value(name: str, value: Any, default: Any, hint: Any) -> Any:
    """Return the value, as an integer where one is meant, or raise if its type is wrong."""
    if hint is Any or not constrains(hint):
        hint = Any if default is None or _says_no_type(default) else type(default)
        if hint is list and isinstance(value, list):
            return value
    if not fits(value, hint):
        raise UsageError(f"{name} must be {in_words(hint)}, got {value!r}{_choice(value, hint)}")
    return as_declared(value, hint)


def _says_no_type(default: Any) -> bool:
    return isinstance(default, str) and (default == "???" or default.startswith("${"))


def _choice(value: Any, hint: Any) -> str:
    """Return the nearest allowed word for one that is not allowed."""
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else [hint]
    words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
    if not words or not isinstance(value, str):
        return ""
    return f"; did you mean {nearest(value, [str(word) for word in words])!r}?"


def _type_hints(target: object) -> dict[str, Any]:
    """Return the annotated types of a constructor's arguments, if it is one of this project."""
    if not isinstance(target, str) or not target.startswith(INSPECTED):
        return {}
    module, _, name = target.rpartition(".")
    try:
        called = list(_called(getattr(importlib.import_module(module), name)))
        hints = [typing.get_type_hints(function) for function in called]
    except (ImportError, AttributeError, NameError, TypeError):
        return {}  # whoever builds the object reports a wrong name
    return {argument: hint for some in reversed(hints) for argument, hint in some.items()}


def _called(found: Any) -> Iterator[Any]:
    """Yield what takes the arguments: a constructor, and those to which it hands on the others."""
    if not inspect.isclass(found):
        yield found
        return
    for parent in found.__mro__:
        if "__init__" not in vars(parent) or not parent.__module__.startswith(INSPECTED):
            continue
        yield parent.__init__
        arguments = inspect.signature(parent.__init__).parameters.values()
        if all(argument.kind is not argument.VAR_KEYWORD for argument in arguments):
            return


def _flat_keys(node: Any) -> Iterator[str]:
    for key, _ in flat_items(node):
        if not key.endswith("_target_") and not key.endswith("_partial_"):
            yield key
