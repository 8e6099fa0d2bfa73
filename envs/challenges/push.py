"""Blows that knock a body off its way."""

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.challenges.base import Body, Challenge, Unsuited

_FREE = int(mujoco.mjtJoint.mjJNT_FREE)
_SLIDE = int(mujoco.mjtJoint.mjJNT_SLIDE)
_HORIZONTAL = np.eye(3)[:2]
_ALONG = 0.9  # cosine between a joint's axis and a direction that it counts as free


class Push(Challenge):
    """The trunk is hit from a side, at the onset and at intervals from then on.

    A force over one control step that would change the velocity of the whole free body by `speed`:

        force = intensity · speed · mass / control period

    Variants are the horizontal directions in which the trunk is free to move.

    Args:
        interval: Time between two blows, s.
        **common: See `Challenge`; the levels hold `speed`, m/s.
    """

    needs = "a trunk that is free to move"

    def __init__(self, *, interval: float, **common: Any) -> None:
        super().__init__(**common)
        self._interval = interval

    def fit(self, body: Body) -> Sequence[str]:
        """Find the trunk and the ways that it can go."""
        model = body.task.model
        trunk, directions = _trunk(model)
        self._steps = max(1, round(self._interval / body.task.control_period))
        self._force = body.batch.bind("xfrc_applied")[:, trunk, :3]
        size = self.level["speed"] * model.body_subtreemass[trunk] / body.task.control_period
        self._blows = size * np.array(list(directions.values()))
        return tuple(directions)

    def before_step(self) -> None:
        """Hit the trunk, or let it go."""
        since = self.body.clock - self.begin_step
        hit = np.where((since >= 0) & (since % self._steps == 0), self.intensity, 0.0)
        self._force[...] = hit[:, np.newaxis] * self._blows[self.variant]


def _trunk(model: mujoco.MjModel) -> tuple[int, dict[str, NDArray[np.float64]]]:
    """Return the first body that has joints, and the directions in which they let it go."""
    jointed = np.flatnonzero(model.body_jntnum)
    if not jointed.size:
        raise Unsuited("no joints")
    trunk = int(jointed[0])
    first = int(model.body_jntadr[trunk])
    free = np.zeros(2, bool)
    for joint in range(first, first + int(model.body_jntnum[trunk])):
        if model.jnt_type[joint] == _FREE:
            free[:] = True
        elif model.jnt_type[joint] == _SLIDE:
            free |= np.abs(_HORIZONTAL @ model.jnt_axis[joint]) > _ALONG
    directions = {}
    for axis, name in ((0, "x"), (1, "y")):
        if free[axis]:
            directions[f"+{name}"], directions[f"-{name}"] = _HORIZONTAL[axis], -_HORIZONTAL[axis]
    if not directions:
        raise Unsuited("a trunk that is fixed in place")
    return trunk, directions
