"""The attributes of an environment as JSON, exactly, for environments that know no checkpoints."""

import functools
import types
from collections import deque
from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium.envs.registration import EnvSpec
from mujoco.batch import DATA_FIELDS

from envs.errors import UnsavableError

Json = Any
_MUJOCO_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
# What never decides the future of an episode, or is saved by other means.
_STATIC = (
    gymnasium.Env,
    gymnasium.Space,
    EnvSpec,
    mujoco.MjModel,
    mujoco.MjData,
    functools.partial,
    types.BuiltinFunctionType,
    types.FunctionType,
    types.MethodType,
    types.ModuleType,
    type,
)
_DRAWING_MODULES = ("pygame", "gymnasium.envs.mujoco.mujoco_rendering")


def environment_state(env: gymnasium.Env) -> Json:
    """Return the attributes of an environment and of all its wrappers as plain JSON.

    Raises:
        UnsavableError: Some attribute is neither plain data nor known to be static.
    """
    return [
        {
            name: _encode(value, f"{type(layer).__name__}.{name}")
            for name, value in vars(layer).items()
            if not _is_static(value)
        }
        for layer in _layers(env)
    ]


def load_environment_state(env: gymnasium.Env, state: Json) -> None:
    """Put an environment of the same kind into a saved state."""
    for layer, attributes in zip(_layers(env), state, strict=True):
        for name, value in attributes.items():
            setattr(layer, name, _decode(value))


def physics_state(env: gymnasium.Env) -> np.ndarray:
    """Return the simulation of an environment that has one, and an empty array for others.

    Beside the integration state it holds the fields that MuJoCo computes from it: tasks read some
    of them, a step old, before they step.
    """
    body: Any = env.unwrapped
    if not isinstance(getattr(body, "data", None), mujoco.MjData):
        return np.zeros(0)
    row = np.zeros(mujoco.mj_stateSize(body.model, _MUJOCO_STATE))
    mujoco.mj_getState(body.model, body.data, row, _MUJOCO_STATE)
    return np.concatenate([row, *(field.ravel() for field in _computed_fields(body.data))])


def load_physics_state(env: gymnasium.Env, state: np.ndarray) -> None:
    """Put the simulation of an environment, if it has one, into a saved state."""
    if state.size == 0:
        return
    body: Any = env.unwrapped
    size = mujoco.mj_stateSize(body.model, _MUJOCO_STATE)
    mujoco.mj_setState(body.model, body.data, np.array(state[:size]), _MUJOCO_STATE)
    for field in _computed_fields(body.data):
        field[...] = state[size : size + field.size].reshape(field.shape)
        size += field.size


def _computed_fields(data: Any) -> list[np.ndarray]:
    """Return the arrays of fixed size in a simulation's data."""
    fields = [getattr(data, name) for name in sorted(DATA_FIELDS)]
    return [field for field in fields if isinstance(field, np.ndarray) and field.size]


def _layers(env: gymnasium.Env) -> list[gymnasium.Env]:
    """Return the wrappers of an environment, outermost first, and the environment itself."""
    layers = [env]
    while isinstance(layers[-1], gymnasium.Wrapper):
        layers.append(layers[-1].env)
    return layers


def _is_static(value: Any) -> bool:
    return isinstance(value, _STATIC) or type(value).__module__.startswith(_DRAWING_MODULES)


def _encode(value: Any, where: str, depth: int = 0) -> Json:
    if value is None or type(value) in (bool, int, float, str):
        return value
    kind = type(value).__name__
    if depth < 20:  # deeper is a cycle
        if type(value) in (list, tuple, set, deque):
            return {kind: [_encode(item, where, depth + 1) for item in value]}
        if isinstance(value, np.random.Generator):
            return {"generator": _encode(value.bit_generator.state, where, depth + 1)}
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufSU":
            kind = "array" if isinstance(value, np.ndarray) else "number"
            array = np.asarray(value)
            return {kind: [array.dtype.str, list(array.shape), array.tobytes().hex()]}
        if isinstance(value, dict):
            pairs = [(key, item) for key, item in value.items() if not _is_static(item)]
            return {"dict": [[_encode(part, where, depth + 1) for part in pair] for pair in pairs]}
        if isinstance(value, bytes):
            return {"bytes": value.hex()}
    raise UnsavableError(f"{where} ({kind}) cannot be saved, so runs here cannot be resumed")


def _decode(value: Json) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {_decode(key): _decode(item) for key, item in content}
    if kind in ("array", "number"):
        dtype, shape, data = content
        array = np.frombuffer(bytes.fromhex(data), dtype).reshape(shape).copy()
        return array if kind == "array" else array[()]
    if kind == "generator":
        state = _decode(content)
        bit_generator = getattr(np.random, state["bit_generator"])()
        bit_generator.state = state
        return np.random.Generator(bit_generator)
    if kind == "bytes":
        return bytes.fromhex(content)
    containers = {"list": list, "tuple": tuple, "set": set, "deque": deque}
    return containers[kind](_decode(item) for item in content)
