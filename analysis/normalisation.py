"""Scores that tasks share: 0 is what random actions earn, 1 what a reference earns.

    score = (return - random) / (reference - random)

Returns of different tasks have different units and are never averaged themselves. Both anchors are
measured numbers in a task's configuration; where one is missing, the task stays out of averages.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

Floats = NDArray[np.float64]


class Anchors(NamedTuple):
    """Returns that count as 0 and as 1.

    Attributes:
        random: Of random actions.
        reference: Of a scripted controller or of a recorded training.
        source: What the reference is; empty where the configuration does not say.
    """

    random: float
    reference: float
    source: str = ""

    def normalise(self, returns: Floats) -> Floats:
        """Return scores in place of returns, any shape."""
        return (np.asarray(returns, np.float64) - self.random) / (self.reference - self.random)


def anchors_of(env: Mapping[str, Any]) -> Anchors | None:
    """Return the anchors that an `env` section of a configuration names, if it names both."""
    told = env.get("normalisation") or {}
    random, reference = told.get("random"), told.get("reference")
    if random is None or reference is None or random == reference:
        return None
    return Anchors(float(random), float(reference), str(told.get("source") or ""))


def read_anchors(folder: Path) -> dict[str, Anchors]:
    """Return the anchors of tasks by their id.

    Args:
        folder: Holds a YAML file per task.
    """
    anchors: dict[str, Anchors] = {}
    for path in sorted(folder.glob("*.yaml")):
        env: Any = OmegaConf.to_container(OmegaConf.load(path))
        found = anchors_of(env)
        if found is not None:
            anchors[str(env["id"])] = found
    return anchors
