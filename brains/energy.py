"""What a brain's decisions cost: operations from real activity, joules under published constants.

Counted per action and body: multiplications of a real number by a synapse with the addition that
follows (multiply-accumulates), and additions alone where what arrives is a spike or a unit of
exactly 1 (synaptic operations); what arrives as 0 costs nothing. Work per neuron (decays,
thresholds, norms, squashing) is counted neither for spiking nor for other parts. `docs/energy.md`
says what that leaves out.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn

if TYPE_CHECKING:
    from brains.brain import Brain, BrainState

Count = float | Tensor
"""A number, or a scalar tensor where it was measured; means over rows."""


class Operations(NamedTuple):
    """What is done per action.

    Attributes:
        macs: Multiply-accumulates.
        synaptic_ops: Accumulates caused by spikes, one per synapse that a spike reaches.
        spikes: Spikes.
        dense_macs: Multiply-accumulates of the same connections if every unit passed on a real
            number, once per action: a dense network of the same size.
    """

    macs: Count
    synaptic_ops: Count
    spikes: Count
    dense_macs: Count


class Constants(NamedTuple):
    """Energy of an operation, pJ."""

    synaptic_op: float
    mac: float


CONSTANTS: Mapping[str, Constants] = {
    "45nm": Constants(synaptic_op=0.9, mac=4.6),
    "neuromorphic": Constants(synaptic_op=0.077, mac=3.97),
    "45nm_with_memory": Constants(synaptic_op=0.9 + 3 * 5.0, mac=4.6 + 5.0),
}
"""Energy per operation, by the literature that uses it.

`45nm`: 32-bit floating point in 45 nm CMOS, an addition .9 pJ and a multiplication 3.7 pJ; Horowitz
2014, doi:10.1109/ISSCC.2014.6757323. `neuromorphic`: 77 fJ per synaptic operation and 3.97 pJ per
multiply-accumulate, which papers on spiking control use, such as Xu et al. 2025, arXiv:2505.24161.
`45nm_with_memory`: the first, and 5 pJ for each access to a 32-bit word in a small SRAM (Han et al.
2015, arXiv:1506.02626): the weight for either; for a synaptic operation also the potential, read
and written back, since spikes come one by one, where a dense layer adds up in a register. That
memory decides such comparisons: Lemaire et al. 2022, arXiv:2210.13107.
"""


def matrix_macs(part: nn.Module, *, idle: Iterable[str] = ()) -> int:
    """Return the multiply-accumulates of a part in which every matrix is used once, densely.

    Args:
        part: Its parameters of two dimensions are its matrices.
        idle: Names of submodules that learning alone uses.
    """
    every = sum(parameter.numel() for parameter in part.parameters() if parameter.ndim == 2)
    return every - sum(matrix_macs(part.get_submodule(name)) for name in idle)


def dense_operations(part: nn.Module, *, idle: Iterable[str] = ()) -> Operations:
    """Return the operations of a part whose units all pass on real numbers, see `matrix_macs`."""
    macs = matrix_macs(part, idle=idle)
    return Operations(macs, 0, 0, macs)


def total(operations: Iterable[Operations]) -> Operations:
    """Return the sum over parts."""
    return Operations(*(sum(counts) for counts in zip(*operations, strict=True)))


def operations_of(brain: "Brain", state: "BrainState") -> dict[str, Operations]:
    """Return what each part does per action, given the memory after a step; means over rows.

    The critic counts only where a neuromodulator listens to it: otherwise it serves learning alone.
    """
    parts = {
        "world_model": brain.world_model.operations(state.world_model),
        "perception": dense_operations(brain.perception),
        "controller": _without_silence(
            brain.controller.operations(state.controller), brain.controller.drive_size, brain, state
        ),
        "plasticity": _without_silence(
            brain.plasticity.operations(state.plasticity), brain.plasticity.code_fan, brain, state
        ),
        "neuromodulator": brain.neuromodulator.operations(state.neuromodulator),
        "action_head": dense_operations(brain.action_head),
        "reflex": dense_operations(brain.reflex),
    }
    if brain.neuromodulator.names:
        parts["critic"] = dense_operations(brain.critic)
    return parts


def _without_silence(
    counted: Operations, synapses: int, brain: "Brain", state: "BrainState"
) -> Operations:
    """Return a part's operations without those that silent units of the code save it.

    Every unit of the code reaches the part by so many synapses. One that says 0 needs none of them,
    one that says 1 needs no multiplication.
    """
    if not state.code.shape[-1]:
        return counted
    # A gain that all winners share could stand in the synapses as well.
    ones = (state.code == brain.perception.code_gain).sum(-1).float().mean()
    zeros = (state.code == 0.0).sum(-1).float().mean()
    return counted._replace(
        macs=counted.macs - synapses * (zeros + ones),
        synaptic_ops=counted.synaptic_ops + synapses * ones,
    )


def nanojoules(operations: Operations, constants: Constants) -> float:
    """Return the energy of an action, nJ."""
    spent = operations.macs * constants.mac + operations.synaptic_ops * constants.synaptic_op
    return float(spent) / 1000


def dense_nanojoules(operations: Operations, constants: Constants) -> float:
    """Return the energy of an action of the dense network of the same size, nJ."""
    return float(operations.dense_macs) * constants.mac / 1000


def report(operations: Operations) -> dict[str, dict[str, float] | dict[str, dict[str, float]]]:
    """Return operations per action, and their energy, nJ, beside that of the dense network."""
    return {
        "operations_per_action": {
            name: float(count) for name, count in operations._asdict().items()
        },
        "nanojoules_per_action": {
            name: {
                "brain": nanojoules(operations, constants),
                "dense": dense_nanojoules(operations, constants),
            }
            for name, constants in CONSTANTS.items()
        },
    }
