"""What a brain shows of itself while it acts: averages for records, rows for whoever watches."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from brains.energy import CONSTANTS, Operations, dense_nanojoules, nanojoules, operations_of, total

if TYPE_CHECKING:
    from brains.brain import Brain, BrainState


def measures_of(brain: "Brain", state: "BrainState") -> dict[str, Tensor]:
    """Return scalar measures of what the parts are doing, by name; averages over rows."""
    measured = {**brain.controller.activity(state.controller)}
    measured |= brain.plasticity.activity(state.plasticity)
    measured |= brain.world_model.activity(state.world_model)
    measured |= brain.perception.activity(state.code)
    if brain.perception.predicted_size:
        measured["prediction_error"] = state.surprise.mean().sqrt()
    for name, level in zip(brain.neuromodulator.names, state.modulators.unbind(-1), strict=True):
        measured[name] = level.mean()
    return measured | work_of(brain, state)


@torch.no_grad()
def work_of(brain: "Brain", state: "BrainState") -> dict[str, Tensor]:
    """Return operations and energy per action, by column of progress.csv.

    Energy is in nJ, under each set of `brains.energy.CONSTANTS`, beside that of the dense network
    of the same size. Without spikes there are no operations of theirs.
    """
    counts = total(operations_of(brain, state).values())
    done = Operations(*(c.detach() if isinstance(c, Tensor) else c for c in counts))
    spiking = {"synaptic_ops_per_action": done.synaptic_ops, "spikes_per_action": done.spikes}
    work = {name: count for name, count in spiking.items() if isinstance(count, Tensor)}
    costs = {"macs_per_action": float(done.macs), "dense_macs_per_action": float(done.dense_macs)}
    for name, constants in CONSTANTS.items():
        costs[f"energy/{name}"] = nanojoules(done, constants)
        costs[f"dense_energy/{name}"] = dense_nanojoules(done, constants)
    return {**{name: torch.as_tensor(cost) for name, cost in costs.items()}, **work}


def signals_of(brain: "Brain", state: "BrainState") -> dict[str, Tensor]:
    """Return what can be watched in each row, [B] or [B, n] each, by name."""
    shown = {**brain.controller.signals(state.controller)}
    shown |= brain.plasticity.signals(state.plasticity)
    shown |= brain.world_model.signals(state.world_model)
    shown |= dict(zip(brain.neuromodulator.names, state.modulators.unbind(-1), strict=True))
    if brain.perception.predicted_size:
        shown["surprise"] = state.surprise
    if brain.perception.code_size:
        shown["code"] = state.code
    return shown
