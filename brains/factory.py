"""Objects from plain descriptions, by trusted names only: a loaded file runs nothing else."""

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any


def factory_from_config(node: Any, *, trusted: Sequence[str]) -> Any:
    """Turn a described object into a factory, and leave plain values as they are.

    Args:
        node: A mapping with a `_target_`, whose other keys are arguments; or a plain value.
        trusted: Prefixes of the names that `_target_` may have.

    Raises:
        ValueError: If a target is not trusted or unknown, or does not take one of its keys.
    """
    if not isinstance(node, Mapping):
        return node
    values = {key: factory_from_config(value, trusted=trusted) for key, value in node.items()}
    target = values.pop("_target_", None)
    values.pop("_partial_", None)  # every part is completed by its builder
    if target is None:
        return values
    found = _find(str(target), trusted)
    accepted = set(inspect.signature(found).parameters)
    for key in values:
        if key not in accepted:
            nearest = difflib.get_close_matches(key, accepted, n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise ValueError(f"{target} takes no {key!r}{hint}")
    return partial(found, **values)


def _find(target: str, trusted: Sequence[str]) -> Callable[..., Any]:
    if not target.startswith(tuple(trusted)):
        raise ValueError(
            f"_target_ {target!r} is not trusted; names must begin with one of {list(trusted)}"
        )
    module_name, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"_target_ {target!r} does not exist: {error}") from error
    # An imported name would open a trusted module's own imports (os, torch.load, ...).
    home = f"{getattr(found, '__module__', '')}."
    if not home.startswith(tuple(trusted)) or not callable(found):
        raise ValueError(f"_target_ {target!r} is not defined in a trusted module")
    return found
