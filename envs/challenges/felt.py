"""What of the physics a body can feel: asked of its model, so that nothing is changed in vain."""

import copy
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

_POSES = 4
_SLIDE = 1.0  # how far joints without limits are moved in them, m
_ROUNDING = 1e-10  # of what is compared


def feels_gravity(model: mujoco.MjModel) -> bool:
    """Return whether gravity exerts a force along some joint, or shows in some sensor.

    An arm whose joints all turn about vertical axes feels none, whatever its pose. Asked in a few
    random poses, in each of which one that feels it does: without contacts, which pass on only
    what joints feel.

    Args:
        model: A compiled model; left as it was.
    """
    heavy, weightless = copy.copy(model), copy.copy(model)
    weightless.opt.gravity[:] = 0.0
    generator = np.random.default_rng(0)
    for _ in range(_POSES):
        pose = _random_pose(model, generator)
        told = []
        for variant in (heavy, weightless):
            variant.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)
            data = mujoco.MjData(variant)
            data.qpos[:] = pose
            mujoco.mj_forward(variant, data)
            told.append(np.concatenate([data.qfrc_smooth, data.sensordata]))
        if not np.allclose(*told, rtol=_ROUNDING, atol=_ROUNDING):
            return True
    return False


def _random_pose(model: mujoco.MjModel, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return positions within the limits of all joints, [nq]."""
    pose = generator.uniform(-_SLIDE, _SLIDE, model.nq)
    for joint in range(model.njnt):
        kind, place = model.jnt_type[joint], model.jnt_qposadr[joint]
        if kind in (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE):
            if model.jnt_limited[joint]:
                pose[place] = generator.uniform(*model.jnt_range[joint])
        else:  # a free joint is a place and a quaternion, a ball joint a quaternion alone
            place += 3 if kind == mujoco.mjtJoint.mjJNT_FREE else 0
            pose[place : place + 4] /= np.linalg.norm(pose[place : place + 4])
    return pose


def feels_friction(model: mujoco.MjModel) -> bool:
    """Return whether two surfaces, one of them on a body that moves, may rub against each other.

    Asks by the rules by which MuJoCo looks for contacts, not whether the two ever come near.

    Args:
        model: A compiled model; left as it was.
    """
    if model.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_CONTACT):
        return False
    if model.nflex or np.any((model.pair_dim > 1) & (model.pair_friction[:, :2] > 0).any(axis=1)):
        return True
    priority = model.geom_priority
    dimensions = _of_contacts(model.geom_condim, priority)
    friction = _of_contacts(model.geom_friction[:, 0], priority)
    return bool(np.any(_may_meet(model) & (dimensions > 1) & (friction > 0)))


def _of_contacts(values: NDArray[Any], priority: NDArray[Any]) -> NDArray[Any]:
    """Return what holds where two geoms touch: the value of the one that has priority, or more."""
    first, second = values[:, np.newaxis], values
    ahead, behind = priority[:, np.newaxis] > priority, priority[:, np.newaxis] < priority
    return np.where(ahead, first, np.where(behind, second, np.maximum(first, second)))


def _may_meet(model: mujoco.MjModel) -> NDArray[np.bool_]:
    """Return which pairs of geoms MuJoCo looks at and a contact could move, [ngeom, ngeom]."""
    bodies = model.geom_bodyid
    fixed_to = model.body_weldid[bodies]  # bodies without joints are one with what they stand on
    parent = model.body_weldid[model.body_parentid[fixed_to]]
    chosen = model.geom_contype[:, np.newaxis] & model.geom_conaffinity != 0
    moves = model.body_treeid[bodies] >= 0
    meet = (chosen | chosen.T) & (moves[:, np.newaxis] | moves)
    meet &= fixed_to[:, np.newaxis] != fixed_to
    if not model.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_FILTERPARENT):
        child = (fixed_to[:, np.newaxis] > 0) & (parent > 0) & (fixed_to[:, np.newaxis] == parent)
        meet &= ~(child | child.T)
    for signature in model.exclude_signature.tolist():
        one, other = (bodies == signature >> 16), (bodies == signature & 0xFFFF)
        meet &= ~(np.outer(one, other) | np.outer(other, one))
    return meet
