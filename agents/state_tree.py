"""Nested state as JSON plus named tensors, and back: nothing in it can run code.

A state tree is made of dicts, lists and tuples whose leaves are torch tensors, NumPy arrays or
scalars, numbers, strings, bytes, booleans and None. `flatten` splits it into a JSON document that
keeps the structure and a flat dict of tensors; `unflatten` puts both together again, bit for bit.
"""

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

TAG = "$"  # a JSON object whose only key starts with this stands for something JSON does not have


def flatten(tree: Any) -> tuple[Any, dict[str, Tensor]]:
    """Split a state tree into its structure and its tensors.

    Args:
        tree: Any state tree; left as it was.

    Returns:
        The structure, fit for `json.dumps`; and copies of the arrays on the CPU by their path.

    Raises:
        TypeError: A leaf is of a kind that has no safe form; the message names its path.
    """
    tensors: dict[str, Tensor] = {}
    return _encode(tree, "", tensors), tensors


def unflatten(structure: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Rebuild the state tree that `flatten` split.

    Args:
        structure: The JSON document.
        tensors: The arrays by their path.

    Returns:
        The tree, with torch tensors on the CPU and NumPy arrays where there were such.

    Raises:
        ValueError: The structure names a tensor that is not there, or a kind that is not known.
    """
    if isinstance(structure, list):
        return [unflatten(item, tensors) for item in structure]
    if not isinstance(structure, dict):
        return structure
    if len(structure) == 1:
        (tag, value), *_ = structure.items()
        if tag.startswith(TAG):
            return _decode_tagged(tag, value, tensors)
    return {key: unflatten(value, tensors) for key, value in structure.items()}


def _encode(node: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Return the JSON form of one node, putting its arrays into `tensors`."""
    if node is None or isinstance(node, bool | str):
        return node
    if isinstance(node, Tensor | np.ndarray | np.generic):
        return _encode_array(node, path, tensors)
    if isinstance(node, int):
        return int(node)
    if isinstance(node, float):
        return float(node) if math.isfinite(node) else {"$float": repr(float(node))}
    if isinstance(node, bytes):
        return {"$bytes": base64.b64encode(node).decode("ascii")}
    if isinstance(node, Mapping):
        return _encode_mapping(node, path, tensors)
    if isinstance(node, list | tuple):
        items = [_encode(item, _join(path, i), tensors) for i, item in enumerate(node)]
        return {"$tuple": items} if isinstance(node, tuple) else items
    raise TypeError(f"{path or 'the tree'} is a {type(node).__name__}, which has no safe form")


def _encode_mapping(node: Mapping[Any, Any], path: str, tensors: dict[str, Tensor]) -> Any:
    """Return a JSON object, or a list of pairs where the keys are not plain strings."""
    if all(isinstance(key, str) and not key.startswith(TAG) for key in node):
        return {key: _encode(value, _join(path, key), tensors) for key, value in node.items()}
    for key in node:
        if not isinstance(key, str | int):
            raise TypeError(f"{path or 'the tree'} has the key {key!r}, which has no safe form")
    pairs = [[key, _encode(value, _join(path, key), tensors)] for key, value in node.items()]
    return {"$items": pairs}


def _encode_array(
    node: Tensor | np.ndarray | np.generic, path: str, tensors: dict[str, Tensor]
) -> dict[str, str]:
    """Put a copy of an array into `tensors` and return the reference to it."""
    name = path or "value"
    while name in tensors:  # the keys "a.b" and "a" > "b" share a path
        name += "'"
    if isinstance(node, Tensor):
        tensors[name] = node.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"$torch": name}
    try:
        tensors[name] = torch.from_numpy(np.array(node, order="C"))
    except (TypeError, ValueError):  # objects, complex numbers, foreign byte orders
        message = f"{name} is an array of {node.dtype}, which has no safe form"
        raise TypeError(message) from None
    return {"$numpy" if isinstance(node, np.ndarray) else "$scalar": name}


def _decode_tagged(tag: str, value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return what a tagged JSON object stands for."""
    if tag in ("$torch", "$numpy", "$scalar"):
        if value not in tensors:
            raise ValueError(f"the tensor {value} is missing")
        array = tensors[value].clone()  # matrix products round by how their operands are aligned
        if tag == "$torch":
            return array
        return array.numpy() if tag == "$numpy" else array.numpy()[()]
    if tag == "$tuple":
        return tuple(unflatten(item, tensors) for item in value)
    if tag == "$items":
        return {key: unflatten(item, tensors) for key, item in value}
    if tag == "$float":
        return float(value)
    if tag == "$bytes":
        return base64.b64decode(value)
    raise ValueError(f"the kind {tag} is not known")


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
