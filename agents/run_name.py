"""The name of a run says what it computes, so that the same computation always has the same."""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from omegaconf import DictConfig, OmegaConf

LONGEST_NAME = 150
BUDGET_KEYS = (
    *("total_steps", "checkpoint_every", "keep_checkpoints"),
    *("evaluation_episodes", "film", "tracker"),
)
"""What a resumed run may change: how long it goes on and what it leaves, never what it computes."""
PLACE_KEYS = ("run_dir", "resume")
SILENT = ("env", "env.id", "seed", "device", "num_threads", *BUDGET_KEYS, *PLACE_KEYS)
"""What stands elsewhere in the name, or does not decide what is computed."""


def run_name(
    config: DictConfig, overrides: Sequence[str], reference: DictConfig, usual: Mapping[str, str]
) -> str:
    """Return `<env>_<brain>_<agent>_<what else is not as usual>_seed<seed>`.

    Two ways to write the same number, or a value that is the usual one, give the same name.

    Args:
        config: The checked configuration.
        overrides: The command line's.
        reference: The same options of the same groups without any single value changed.
        usual: What each other group has with this body, brain and agent.
    """
    chosen = dict(_split(override) for override in overrides)
    body = str(config.env.id).replace("/", "-")
    parts = [body, *(chosen.pop(group, config.choices[group]) for group in ("brain", "agent"))]
    for key, written in sorted(chosen.items()):
        if key in SILENT or key.startswith(("hydra", "tracker")):
            continue
        if key in usual:
            differs, value = written not in (usual[key], str(usual[key])), written
        else:
            value = _plain(config, key)
            differs = value != _plain(reference, key)
        if differs:
            parts.append(f"{key.replace('/', '.')}-{value}")
    name = re.sub(r"[^\w.+-]+", "-", "_".join(map(str, parts))).strip("-")
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}_{sha256(name.encode()).hexdigest()[:8]}"
    return f"{name}_seed{config.seed}"


def _plain(config: DictConfig, key: str) -> Any:
    value = OmegaConf.select(config, key)
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.lstrip("+~").partition("=")
    return key, value
