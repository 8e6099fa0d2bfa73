"""Which actuators move which joint, and how strong each of them is."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.challenges.base import Unsuited
from envs.challenges.fields import ModelFields

_SCALAR_JOINTS = (int(mujoco.mjtJoint.mjJNT_SLIDE), int(mujoco.mjtJoint.mjJNT_HINGE))
_LINEAR_GAINS = (int(mujoco.mjtGain.mjGAIN_FIXED), int(mujoco.mjtGain.mjGAIN_AFFINE))
_MUSCLE = int(mujoco.mjtGain.mjGAIN_MUSCLE)
_AFFINE_BIAS = int(mujoco.mjtBias.mjBIAS_AFFINE)
_MUSCLE_FORCE, _MUSCLE_SCALE = 2, 3  # columns of gainprm; a force below 0 is computed from scale
_LEAST_MOMENT = 1e-9


def actuators_of_joints(model: mujoco.MjModel) -> dict[str, NDArray[np.int64]]:
    """Return the actuators that move each hinge and slide, by its name, in the actuators' order.

    Directly or by a tendon: all that have a moment about the joint where the model is at rest.
    """
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    moments = np.zeros((model.nu, model.nv))
    if model.nu:
        mujoco.mju_sparse2dense(
            moments,
            data.actuator_moment,
            data.moment_rownnz,
            data.moment_rowadr,
            data.moment_colind,
        )
    found: dict[str, NDArray[np.int64]] = {}
    for index in range(model.njnt):
        if model.jnt_type[index] in _SCALAR_JOINTS:
            moves = np.abs(moments[:, model.jnt_dofadr[index]]) > _LEAST_MOMENT
            if moves.any():
                found[model.joint(index).name or f"joint {index}"] = np.flatnonzero(moves)
    return dict(sorted(found.items(), key=lambda item: int(item[1][0])))


def actuator_names(model: mujoco.MjModel) -> list[str]:
    """Return a name for each actuator: its own, or that of the joint that it alone moves."""
    alone = {int(acts[0]): joint for joint, acts in actuators_of_joints(model).items()}
    return [
        model.actuator(index).name or alone.get(index, f"actuator {index}")
        for index in range(model.nu)
    ]


class Strength:
    """Scales the force of actuators, whatever their kind, and leaves what they mean alone.

    A motor's gain, a servo's gain and bias (its set-point stays), a muscle's peak force (what it
    resists when stretched stays).

    Args:
        model: The body.
        fields: Model fields of the rows.

    Raises:
        Unsuited: An actuator is of a kind whose force is not understood.
    """

    def __init__(self, model: mujoco.MjModel, fields: ModelFields) -> None:
        gains, biases = model.actuator_gaintype, model.actuator_biastype
        muscle = gains == _MUSCLE
        if not (muscle | np.isin(gains, _LINEAR_GAINS)).all():
            raise Unsuited("an actuator whose force is not known to be proportional to its gain")
        gain_columns = np.zeros(model.actuator_gainprm.shape, bool)
        gain_columns[~muscle, :3] = True
        computed = model.actuator_gainprm[:, _MUSCLE_FORCE] < 0
        gain_columns[muscle & ~computed, _MUSCLE_FORCE] = True
        gain_columns[muscle & computed, _MUSCLE_SCALE] = True
        bias_columns = np.zeros(model.actuator_biasprm.shape, bool)
        bias_columns[biases == _AFFINE_BIAS, :3] = True
        self._gain, self._gain_columns = fields.factor("actuator_gainprm"), gain_columns
        self._bias_columns = bias_columns if bias_columns.any() else None
        if self._bias_columns is not None:
            self._bias = fields.factor("actuator_biasprm")

    def scale(self, rows: NDArray[np.int64], strength: NDArray[np.float64]) -> None:
        """Set the strength of the actuators of `rows`, shares of the nominal one, [n, nu]."""
        strength = strength[:, :, np.newaxis]
        self._gain[rows] = np.where(self._gain_columns, strength, 1.0)
        if self._bias_columns is not None:
            self._bias[rows] = np.where(self._bias_columns, strength, 1.0)
