"""Plain values, as configurations and callers write them, held against declared types."""

import numbers
import types
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np


def fits(value: Any, hint: Any) -> bool:
    """Return whether a plain value may stand where a type is declared.

    Whole floats may stand for integers and lists for tuples; true and false are no numbers.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, argument) for argument in arguments)
    if origin is Literal:
        return value in arguments
    if hint is None or hint is type(None):
        return value is None
    if hint is bool:
        return isinstance(value, bool | np.bool_)
    if hint is str:
        return isinstance(value, str)
    if hint is int:
        whole = isinstance(value, float) and value.is_integer()
        return (isinstance(value, numbers.Integral) and not isinstance(value, bool)) or whole
    if hint is float:
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    if _is_sequence(origin or hint):
        return isinstance(value, list | tuple | np.ndarray) and _items_fit(value, hint)
    return True  # an object that a nested _target_ makes, or a type that YAML cannot say


def _items_fit(values: Any, hint: Any) -> bool:
    items = get_args(hint)
    if _has_fixed_length(hint):
        return len(values) == len(items) and all(map(fits, values, items))
    items = [item for item in items if item is not Ellipsis]
    return not items or all(any(fits(value, item) for item in items) for value in values)


def as_declared(value: Any, hint: Any) -> Any:
    """Return a value that fits a declared type: an integer or a tuple where one is meant."""
    if _has_fixed_length(hint):
        return tuple(map(as_declared, value, get_args(hint)))
    wants_float = fits(0.5, hint) and hint is not Any
    if isinstance(value, float) and value.is_integer() and fits(1, hint) and not wants_float:
        return int(value)
    return value


def constrains(hint: Any) -> bool:
    """Return whether a type can refuse any plain value."""
    samples = (True, 1, 0.5, "text", None, [])
    return not all(fits(sample, hint) for sample in samples)


def in_words(hint: Any) -> str:
    """Return a type in words, to complete "must be ..."."""
    words = {
        int: "a whole number", float: "a number", bool: "true or false", str: "text",
        list: "a list", type(None): "null",
    }  # fmt: skip
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(in_words(argument) for argument in arguments)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if _has_fixed_length(hint):
        items = list(dict.fromkeys(f"{in_words(item).removeprefix('a ')}s" for item in arguments))
        return f"a list of {len(arguments)} {' or '.join(items)}"
    if _is_sequence(origin or hint):
        return "a list of " + in_words(arguments[0]) if arguments else "a list"
    return words.get(hint, getattr(hint, "__name__", str(hint)))


def _is_sequence(kind: Any) -> bool:
    return kind in (list, tuple) or getattr(kind, "__name__", "") in ("Sequence", "Iterable")


def _has_fixed_length(hint: Any) -> bool:
    arguments = get_args(hint)
    return get_origin(hint) is tuple and bool(arguments) and Ellipsis not in arguments
