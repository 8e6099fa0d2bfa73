"""Which challenge a run is tested under: its own, changed or not, or another."""

import copy
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from agents.errors import UsageError

Choice = Mapping[str, Any] | None
"""The `challenge` section of a configuration; without `parts`, changes to a run's own."""

CHANGES = ("severity", "split", "onset")


def under_challenge(config: DictConfig, choice: Choice) -> DictConfig:
    """Return a run's configuration with the challenge that it is to be tested under.

    Args:
        config: Of the run.
        choice: With `parts`, that challenge, whatever the run was trained under. Without, the
            run's own, with `severity`, `split` and `onset` changed where they are not None.

    Raises:
        UsageError: There is nothing to change: the run has no challenge of its own.
    """
    if choice is not None and "parts" in choice:
        return _with(config, dict(choice))
    changes = {key: (choice or {}).get(key) for key in CHANGES}
    changes = {key: value for key, value in changes.items() if value is not None}
    if not changes:
        return config
    plain: Any = OmegaConf.to_container(config)
    own = copy.deepcopy(plain.get("challenge") or {})
    if not own.get("parts"):
        first = next(iter(changes))
        raise UsageError(
            f"challenge.{first} changes nothing: this run has no challenge of its own; "
            "choose one with challenge=..."
        )
    for part in own["parts"].values():
        onset = {**part["onset"], **changes.get("onset", {})}
        part.update({**changes, "onset": onset})
    return _with(config, {**own, **changes})


def described(config: DictConfig) -> dict[str, Any] | None:
    """Return the challenges of a configuration, by name with all their numbers; None for none."""
    plain: Any = OmegaConf.to_container(config)
    return (plain.get("challenge") or {}).get("parts") or None


def title(parts: Mapping[str, Any] | None) -> str:
    """Return challenges in a few words: `leg_loss (hard, test)`; empty for none.

    Args:
        parts: As `described` returns them.
    """
    told = []
    for name, part in (parts or {}).items():
        split = f", {part['split']}" if part["held_out"] is not None else ""
        told.append(f"{name} ({part['severity']}{split})")
    return " + ".join(told)


def _with(config: DictConfig, challenge: Mapping[str, Any]) -> DictConfig:
    changed = OmegaConf.create(OmegaConf.to_container(config))
    assert isinstance(changed, DictConfig)
    changed.challenge = challenge
    return changed
