"""Options of an environment's constructor: whether it takes them, and how to say that not."""

import inspect
import math
import textwrap
from collections.abc import Mapping
from typing import Any, get_type_hints

import numpy as np

from envs.declared_types import as_declared, fits, in_words

_LONGEST_REASON = 300  # characters


def checked_options(name: str, task_class: type[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in the form that a constructor declares: integers whole, lists as tuples.

    Every option must fit its annotation. A number must be finite; the ends of an interval may be
    infinite, but none may be nan. What else a value must be, such as positive, is for whoever uses
    it to say.

    Args:
        name: Name of the environment, for messages.
        task_class: Whose constructor takes them.
        options: By name.

    Raises:
        ValueError: There is no option of some name, or it does not take this value; in one line.
    """
    known = inspect.signature(task_class).parameters
    for option in options:
        if option not in known:
            raise ValueError(f"{name} has no option {option!r}; its options are {', '.join(known)}")
    hints = get_type_hints(task_class.__init__)
    return {
        option: _checked(f"{name}: {option}", value, hints.get(option, Any))
        for option, value in options.items()
    }


def _checked(what: str, value: Any, hint: Any) -> Any:
    if not fits(value, hint):
        raise ValueError(f"{what} must be {in_words(hint)}, got {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{what} must be a finite number, got {value!r}")
    if isinstance(value, list | tuple | np.ndarray) and any(item != item for item in value):
        raise ValueError(f"{what} must not hold nan, got {value!r}")  # which differs from itself
    return as_declared(value, hint)


def unworkable(name: str, options: Mapping[str, Any], error: Exception) -> ValueError:
    """Return the error for an environment that fails with its options, in one line.

    Args:
        name: Name of the environment.
        options: What it was given, by name.
        error: How it failed.
    """
    given = ", ".join(f"{option}={value!r}" for option, value in options.items())
    said = str(error)
    if not said or isinstance(error, KeyError):  # which says no more than the key
        said = f"{type(error).__name__} {said}"
    reason = textwrap.shorten(said, _LONGEST_REASON, placeholder=" ...")
    if isinstance(error, ValueError) and any(option in said for option in options):
        return ValueError(f"{name}: {reason}")  # which tells by itself what is wrong
    if not given:
        return ValueError(f"{name} cannot be made: {reason}")
    return ValueError(f"{name} does not work with {given}: {reason}")
