"""Limbs and joints whose actuators are weak, dead or reversed."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from envs.challenges.actuation import Strength, actuators_of_joints
from envs.challenges.base import Body, Challenge, Unsuited

Part = Literal["limb", "joint"]


class ActuatorFault(Challenge):
    """What befalls the actuators of a limb, or of some joints.

    Variants of a limb are the limbs; of one, ceil(share · n) of its n joints are hit, from the far
    end inwards. Variants of joints are all sets of so many joints.

    Args:
        part: Whether a limb is hit or single joints.
        **common: See `Challenge`; the levels hold `share` or `joints`.
    """

    def __init__(self, *, part: Part, **common: Any) -> None:
        super().__init__(**common)
        self._part = part
        self.needs = "named limbs" if part == "limb" else "actuated joints"

    def fit(self, body: Body) -> Sequence[str]:
        """Find the actuators of every variant."""
        movers = actuators_of_joints(body.task.model)
        sets = self._limbs(body, movers) if self._part == "limb" else self._joints(body, movers)
        self._hit = np.zeros((len(sets), body.task.model.nu), bool)
        for index, joints in enumerate(sets.values()):
            for joint in joints:
                self._hit[index, movers[joint]] = True
        return tuple(sets)

    def _limbs(
        self, body: Body, movers: dict[str, NDArray[np.int64]]
    ) -> dict[str, tuple[str, ...]]:
        limbs = body.task.limbs
        if not limbs:
            raise Unsuited("no limbs that are named")
        for limb, joints in limbs.items():
            for joint in joints:
                if joint not in movers:
                    raise ValueError(f"{body.name}: joint {joint!r} of {limb} has no actuator")
        counts = {
            limb: math.ceil(self.level["share"] * len(joints) - 1e-9)
            for limb, joints in limbs.items()
        }
        return {limb: joints[len(joints) - counts[limb] :] for limb, joints in limbs.items()}

    def _joints(
        self, body: Body, movers: dict[str, NDArray[np.int64]]
    ) -> dict[str, tuple[str, ...]]:
        count = int(self.level["joints"])
        if len(movers) < count:
            raise Unsuited(f"{len(movers)} actuated joints, and this severity takes {count}")
        return {"+".join(joints): joints for joints in combinations(movers, count)}

    def hit(self, rows: NDArray[np.int64] | slice) -> NDArray[np.bool_]:
        """Return which actuators are hit, [n, nu]."""
        return self._hit[self.variant[rows]]


class Weakness(ActuatorFault):
    """Actuators keep a share of their force: strength 1 is whole, 0 is dead.

    force = (1 - intensity · (1 - strength)) · nominal force
    """

    def fit(self, body: Body) -> Sequence[str]:
        """Find the actuators, and take hold of their force."""
        variants = super().fit(body)
        self._strength = Strength(body.task.model, body.fields)
        return variants

    def write_factors(self, rows: NDArray[np.int64]) -> None:
        """Write the force that is left."""
        lost = self.intensity[rows][:, np.newaxis] * (1.0 - self.level["strength"])
        self._strength.scale(rows, np.where(self.hit(rows), 1.0 - lost, 1.0))


class Reversal(ActuatorFault):
    """Commands of some actuators are mirrored in the middle of their range.

    applied = middle + (1 - 2 · intensity) · (command - middle)
    """

    def fit(self, body: Body) -> Sequence[str]:
        """Find the actuators, and the middle of their ranges."""
        self._middle = body.task.model.actuator_ctrlrange.mean(axis=1)
        return super().fit(body)

    def act(self, actions: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the mirrored commands."""
        if not np.count_nonzero(self.intensity):
            return actions
        sign = 1.0 - 2.0 * self.intensity[:, np.newaxis]
        mirrored = self._middle + sign * (actions - self._middle)
        return np.where(self.hit(slice(None)), mirrored, actions)
