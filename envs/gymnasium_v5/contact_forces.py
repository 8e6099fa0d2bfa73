"""The forces that touch bodies: `cfrc_ext`, which a step of MuJoCo leaves uncomputed."""

import ctypes
import sys

import mujoco
import numpy as np
from mujoco.batch import Batch

# MuJoCo's C functions, through the extension module that is linked with them. `PyDLL` keeps the
# interpreter's lock: giving it back and taking it again would cost as much as the function.
_MUJOCO = ctypes.PyDLL(sys.modules[mujoco.MjData.__module__].__file__)
_SUM_FORCES = _MUJOCO.mj_rnePostConstraint
_SUM_FORCES.argtypes, _SUM_FORCES.restype = (ctypes.c_void_p, ctypes.c_void_p), None
_CONTROL_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


class ContactForces:
    """Sums the external forces on every body, as they were in the last physics step.

    `mj_rnePostConstraint` sums them from the contacts of the integrator's last stage, which only a
    row's own MjData holds: no state or sensor tells them. So it is called there, in place; copying
    every MjData out first costs several times as much.

    Args:
        batch: The rows; persistent, so that each has an MjData of its own.

    Attributes:
        values: Torque and force on every body, the world first, N m and N, [N, 6 bodies].
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._model = batch.model._address
        self._data = _addresses(batch)
        self._computed = batch.bind("cfrc_ext").reshape(batch.nsim, -1)
        self.values = np.zeros(self._computed.shape)

    def sum_up(self, rows: np.ndarray | None) -> None:
        """Sum the forces of the last physics step in `rows`, sorted indices [n]; None for all."""
        for data in self._data if rows is None else [self._data[row] for row in rows.tolist()]:
            _SUM_FORCES(self._model, data)
        self._batch.forward(rows, mujoco.mjtStage.mjSTAGE_NONE)  # computes nothing, copies it out
        chosen = slice(None) if rows is None else rows
        self.values[chosen] = self._computed[chosen]

    def clear(self, rows: np.ndarray) -> None:
        """Forget the forces in `rows`: at the start of an episode Gymnasium knows none yet."""
        self.values[rows] = 0.0


def _addresses(batch: Batch) -> list[int]:
    """Return where the MjData of each row is; it stays there as long as the batch lives.

    MuJoCo hands it to callbacks, so one is installed while each row is computed alone.

    Raises:
        ValueError: The rows share their MjData.
        RuntimeError: The callback did not meet every row once.
    """
    if not batch.persistent:
        raise ValueError("contact forces need a persistent batch, in which rows share no MjData")
    met: list[int] = []
    callback = _CONTROL_CALLBACK(lambda _, data: met.append(data))
    state, installed = batch.state.copy(), mujoco.get_mjcb_control()
    mujoco.set_mjcb_control(callback)
    try:
        for row in range(batch.nsim):
            batch.forward([row])
    finally:
        mujoco.set_mjcb_control(installed)
        batch.state[...] = state  # the solver's warm start has moved
    if len(met) != batch.nsim:
        raise RuntimeError(
            f"met {len(met)} MjData in {batch.nsim} rows: their model must have actuation enabled, "
            "and no other thread may step MuJoCo while an environment is built"
        )
    return met
