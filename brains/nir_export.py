"""Spiking controllers as NIR, the intermediate representation that neuromorphic tools share.

NIR's own LIF forgets what lay above the threshold when it fires; this population's does not. The
population therefore leaves as what it is made of, and nothing is lost:

    input -> drive -> membrane (LI) -> spikes (Threshold) -> readout (LI) -> action -> output
                          ^---- recurrent: W - v_th 1 ----'
    input -> reflex -> output, where there is one

Read with forward Euler at the step `dt`, v + dt / tau (r I - v), a membrane with tau = dt / (1 - b)
keeps the share b of its potential; what goes around the cycle arrives one step later.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from brains.brain import Brain
from brains.lif import THRESHOLD
from brains.neuromodulation import NoNeuromodulator
from brains.perception import DirectPerception
from brains.plasticity import NoPlasticity
from brains.reflex import LinearReflex, NoReflex
from brains.senses import ALIVE
from brains.spiking import SpikingController
from brains.world_model import NoWorldModel


class ExportError(ValueError):
    """A brain that NIR cannot express, or a file that cannot be written; one line says why."""


def nir_library() -> Any:
    """Return the NIR library.

    Raises:
        ExportError: If it is not installed.
    """
    try:
        import nir
    except ImportError as error:
        raise ExportError(f"NIR is not installed ({error}): pip install nir") from error
    return nir


def spiking_graph(brain: Brain, *, dt: float) -> Any:
    """Return a brain's controller and action head as a NIR graph.

    The graph's input is the normalised senses, its output the centre of the action in [-1, 1] units
    (or logits). `metadata` of the graph holds what lies around it: the step, s, and the senses'
    mean, deviation and clip. The critic stays behind.

    Args:
        brain: The brain; left as it was.
        dt: Length of a control step, s.

    Raises:
        ExportError: If the brain has a part that NIR cannot express, or NIR is not installed.
    """
    controller = _exportable(brain)
    nir = nir_library()
    step = controller.parameters_of_step()
    size = controller.output_size
    membrane, readout = _numbers(step.membrane_decay), _numbers(step.readout_decay)
    # Reset by subtraction is a synapse of every neuron onto itself.
    recurrent = _numbers(step.recurrent_weight) - THRESHOLD * np.eye(size)
    drive, head = cast(nn.Linear, controller.input), brain.action_head
    rest = np.zeros(size)
    nodes = {
        "input": nir.Input(input_type=np.array([drive.in_features])),
        "drive": nir.Affine(_numbers(drive.weight), _numbers(drive.bias)),
        "membrane": nir.LI(tau=dt / (1 - membrane), r=1 / (1 - membrane), v_leak=rest),
        "spikes": nir.Threshold(np.full(size, THRESHOLD)),
        "recurrent": nir.Linear(recurrent),
        "readout": nir.LI(tau=dt / (1 - readout), r=np.ones(size), v_leak=rest),
        "action": nir.Affine(_numbers(head.weight), _numbers(head.bias)),
        "output": nir.Output(output_type=np.array([head.out_features])),
    }
    path = ["input", "drive", "membrane", "spikes", "readout", "action", "output"]
    edges = [*pairwise(path)]
    edges += [("spikes", "recurrent"), ("recurrent", "membrane")]
    if isinstance(brain.reflex, LinearReflex):
        nodes["reflex"] = nir.Linear(_numbers(brain.reflex.weight))
        edges += [("input", "reflex"), ("reflex", "output")]
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata=_surroundings(brain, dt))


def write_graph(graph: Any, path: Path) -> None:
    """Write a graph to a file.

    Raises:
        ExportError: If the file cannot be written.
    """
    try:
        nir_library().write(path, graph)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}") from error


def _exportable(brain: Brain) -> SpikingController:
    """Return the brain's controller if NIR can say all of it.

    Raises:
        ExportError: If it cannot, with the setting that it needs.
    """
    controller = brain.controller
    if not isinstance(controller, SpikingController):
        raise _refusal(f"controller, a {type(controller).__name__}", "brain/controller=spiking")
    options = "brain.controller"
    parts: list[tuple[bool, str, str]] = [
        (controller.norm is not None, "layer norm", f"{options}.normalise_current=false"),
        (controller.adaptive, "adaptive thresholds", f"{options}.adaptation_strength=0"),
        (controller.substeps > 1, "several spiking steps per input", f"{options}.substeps=1"),
        (not isinstance(brain.world_model, NoWorldModel), "world model", "brain/world_model=none"),
        (not isinstance(brain.perception, DirectPerception), "perception", "brain/perception=none"),
        (not isinstance(brain.plasticity, NoPlasticity), "fast weights", "brain/plasticity=none"),
        (
            not isinstance(brain.neuromodulator, NoNeuromodulator),
            "neuromodulated gain",
            "brain/neuromodulator=none",
        ),
        (
            not isinstance(brain.reflex, LinearReflex | NoReflex),
            f"reflex, a {type(brain.reflex).__name__}",
            "brain/reflex=none",
        ),
    ]
    for present, what, setting in parts:
        if present:
            raise _refusal(what, setting)
    return controller


def _refusal(what: str, setting: str) -> ExportError:
    return ExportError(f"NIR has no word for this brain's {what}: train it with {setting}")


def _surroundings(brain: Brain, dt: float) -> dict[str, Any]:
    senses = brain.senses
    heard, columns = senses.layout.heard, senses.layout.columns
    mean, deviation = senses.mean.clone(), (senses.variance + senses.epsilon).sqrt()
    if ALIVE in columns:  # which is shifted, not normalised
        mean[columns[ALIVE]] = deviation[columns[ALIVE]] = 1.0
    named = [name for name, at in columns.items() if at.start in heard.tolist()]
    return {
        "dt": dt,
        "integration": "forward Euler",
        "senses": " ".join(f"{name}:{senses.sizes[name]}" for name in named),
        "senses_mean": _numbers(mean[heard]),
        "senses_deviation": _numbers(deviation[heard]),
        "senses_clip": senses.clip,
    }


def _numbers(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy().copy()
