"""Challenges from their names: the descriptions are the files of conf/challenge."""

import copy
import difflib
import importlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from mujoco.batch import Batch

from envs.challenges.base import Body, Challenge, Unsuited
from envs.challenges.composition import Composition
from envs.challenges.fields import ModelFields
from envs.registration import build_task, native_names, native_spec
from envs.task import Task

CONFIGS = Path(__file__).resolve().parents[2] / "conf" / "challenge"
TRUSTED = "envs.challenges."

Description = str | Challenge | Mapping[str, Any]
"""A name in conf/challenge, a challenge, or parts by name with a `_target_` each."""

Described = Description | Sequence[Description] | None


def challenge_names() -> list[str]:
    """Return the names of all challenges."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem != "none")


def onset_names() -> list[str]:
    """Return the names of all schedules."""
    return sorted(path.stem for path in (CONFIGS / "onset").glob("*.yaml"))


def onset_name(numbers: Mapping[str, Any]) -> str | None:
    """Return what a schedule is called; None if no file has its numbers.

    Args:
        numbers: Arguments of `Onset`, by name.
    """
    return next((name for name, known in _onsets().items() if known == numbers), None)


@cache
def _onsets() -> dict[str, Any]:
    """Return the numbers of all schedules by name."""
    from omegaconf import OmegaConf

    files = {name: CONFIGS / "onset" / f"{name}.yaml" for name in onset_names()}
    return {name: OmegaConf.to_container(OmegaConf.load(file)) for name, file in files.items()}


def named_challenge(
    name: str,
    *,
    severity: str | None = None,
    onset: str | None = None,
    split: str | None = None,
    **changes: Any,
) -> Challenge:
    """Make a challenge from its file in conf/challenge.

    Args:
        name: Of the file.
        severity: `easy`, `medium` or `hard`; None for what the file says.
        onset: Name of a schedule in conf/challenge/onset; None for what the file says.
        split: `all`, `train` or `test`; None for what the file says.
        **changes: Other arguments of its class, such as `held_out=[0]`.

    Raises:
        ValueError: There is no such challenge, schedule or option.
    """
    from omegaconf import DictConfig, OmegaConf  # which those who name none need not wait for

    _require(name, challenge_names(), "challenge")
    shared = OmegaConf.load(CONFIGS / "shared" / "common.yaml")
    (default_onset,) = (str(part).split("@")[0].rpartition("/")[2] for part in shared.defaults)
    onset = onset or default_onset
    _require(onset, onset_names(), "onset")
    shared.onset = OmegaConf.load(CONFIGS / "onset" / f"{onset}.yaml")
    shared.update({"severity": severity} if severity else {})
    shared.update({"split": split} if split else {})
    own = OmegaConf.load(CONFIGS / f"{name}.yaml")
    part = OmegaConf.load(CONFIGS / "shared" / "part.yaml")
    described = OmegaConf.merge(part, own.parts[name])
    for change in changes:
        _require(change, [str(key) for key in described], f"option of {name}")
    merged = OmegaConf.merge(described, changes)
    whole = OmegaConf.create({"challenge": OmegaConf.merge(shared, {"parts": {name: merged}})})
    assert isinstance(whole, DictConfig)
    description: Any = OmegaConf.to_container(whole.challenge.parts[name], resolve=True)
    return _build(name, description)


def parts_of(described: Described) -> dict[str, Challenge]:
    """Return challenges by name, each new and unbound, from any form that describes some.

    Raises:
        ValueError: A name is unknown or used twice, or a description does not fit its class.
    """
    parts: dict[str, Challenge] = {}
    for name, challenge in _each(described):
        if name in parts:
            raise ValueError(f"the challenge {name!r} is there twice")
        parts[name] = challenge
    return parts


def compose(described: Described, body: Body) -> Composition:
    """Return the challenges of a body as one.

    Raises:
        ValueError: A description is wrong, or the body cannot have a challenge: the message names
            those that can.
    """
    parts = parts_of(described)
    try:
        return Composition(parts, body)
    except Unsuited as error:
        fresh = parts_of(described)  # those that were bound hold the whole body
        culprit = next(part for part in fresh.values() if not _suits(part, body))
        others = [name for name in native_names() if _suits_native(culprit, name)]
        able = f"those that can have it: {', '.join(others) or 'none of the native bodies'}"
        raise ValueError(
            f"challenge {culprit.name!r} needs a body with {culprit.needs}; "
            f"{body.name} has {error}; {able}"
        ) from None


def refuse_elsewhere(described: Described, name: str) -> None:
    """Refuse challenges for an environment that is not stepped by the engine.

    Raises:
        ValueError: There are some.
    """
    parts = parts_of(described)
    if parts:
        raise ValueError(
            f"challenge {next(iter(parts))!r} needs a native body; {name} is stepped by Gymnasium; "
            f"those that can have challenges: {', '.join(native_names())}"
        )


def _each(described: Described) -> Iterator[tuple[str, Challenge]]:
    if described is None or described == "none":
        return
    if isinstance(described, str):
        yield described, named_challenge(described)
    elif isinstance(described, Challenge):
        yield described.name, copy.deepcopy(described)
    elif isinstance(described, Mapping):
        for name, part in described.items():
            yield str(name), _build(str(name), part)
    else:
        for description in described:
            yield from _each(description)


def _build(name: str, description: Mapping[str, Any]) -> Challenge:
    """Make a challenge from a mapping with a `_target_`.

    Raises:
        ValueError: The target is not a challenge of this package, or takes other arguments.
    """
    challenge = _construct(name, description)
    if not isinstance(challenge, Challenge):
        raise ValueError(f"{description['_target_']} is no challenge")
    challenge.name = name
    return challenge


def _construct(name: str, node: Any) -> Any:
    if not isinstance(node, Mapping):
        return node
    values = {key: _construct(name, value) for key, value in node.items() if key != "_target_"}
    target = str(node.get("_target_", ""))
    if not target:
        return values
    module, _, kind = target.rpartition(".")
    if not target.startswith(TRUSTED):
        raise ValueError(f"challenge {name!r}: _target_ {target!r} must begin with {TRUSTED}")
    try:
        found = getattr(importlib.import_module(module), kind)
    except (ImportError, AttributeError):
        raise ValueError(f"challenge {name!r}: there is no {target}") from None
    if not inspect.isclass(found) or not found.__module__.startswith(TRUSTED):
        raise ValueError(f"challenge {name!r}: {target} is no class of challenges")
    try:
        return found(**values)
    except TypeError as error:
        raise ValueError(f"challenge {name!r}: {error}") from None


def _require(name: str, known: Sequence[str], kind: str) -> None:
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.3)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(known)}"
        raise ValueError(f"unknown {kind} {name!r}; {hint}")


def _suits_native(challenge: Challenge, name: str) -> bool:
    spec = native_spec(name)
    if spec is None:
        return False
    return _suits(challenge, probe(build_task(spec.kwargs["task"], name, {}), name))


def probe(task: Task, name: str) -> Body:
    """Return one row of a task, to see what suits it."""
    batch = Batch(task.model, 1, 1, task.persistent)
    task.bind(batch)
    size = task.observe().shape[1]
    return Body(name, task, batch, ModelFields(batch), np.zeros(1, np.int64), size, 1000)


def _suits(challenge: Challenge, body: Body) -> bool:
    try:
        copy.deepcopy(challenge).bind(body)
    except Unsuited:
        return False
    except ValueError:  # what is wrong is not the body
        return True
    return True
