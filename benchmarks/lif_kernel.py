"""How fast the spiking population runs: plain autograd, the hand-written pass, the compiled one.

    python benchmarks/lif_kernel.py --json

A segment is timed forward and backward, at the size of one minibatch of training; a step forward
only, at the size of a rollout. `steps_per_second` counts control steps of all rows; it is that of
the best round, `ratio` the median over the rounds in which the contestants took turns. With one
thread the processor's time is measured, not the wall's, so that a busy machine disturbs little.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor

from brains.kernels import lif_kernel_name
from brains.lif import LIFState, lif_step
from brains.lif_sequence import lif_control_step, lif_sequence
from brains.recurrent import detach
from brains.spiking import SpikingController

SLOPE = 2.0
WARM_UP = 50  # control steps until the population fires as it will go on to
Contestants = dict[str, Callable[[], object]]


def population(neurons: int, adaptation: float) -> SpikingController:
    """Build the controller of conf/brain/controller/spiking.yaml."""
    return SpikingController(
        input_size=neurons,
        hidden_size=neurons,
        substeps=1,
        surrogate_slope=SLOPE,
        membrane_decays=(0.3, 0.95),
        readout_decays=(0.3, 0.9),
        adaptation_decays=(0.5, 0.97),
        adaptation_strength=adaptation,
        recurrent_gain=0.1,
        normalise_current=True,
        recurrent_rate_scale=1.0,
    )


def settle(controller: SpikingController, rows: int) -> LIFState:
    """Return the memory of a population that has been at work for a while."""
    state = controller.initial_state(rows)
    with torch.no_grad():
        for _ in range(WARM_UP):
            _, state = controller(torch.randn(rows, controller.output_size), state)
    return state


def with_kernel(kernel: str, function: Callable[[], object]) -> Callable[[], object]:
    """Return the function, run on a kernel of one's choice."""

    def run() -> object:
        os.environ["WETWARE_LIF_KERNEL"] = kernel
        return function()

    return run


def segment_contestants(controller: SpikingController, steps: int, rows: int) -> Contestants:
    """Return three ways to run a segment forward and backward."""
    state = settle(controller, rows)
    drive = torch.randn(steps, rows, controller.output_size, requires_grad=True)
    weighting = torch.randn_like(drive)
    episode_start = torch.zeros(steps, rows, dtype=torch.bool)

    def gradients(readout: Tensor) -> object:
        return torch.autograd.grad((readout * weighting).sum(), [drive, *controller_parameters])

    controller_parameters = [p for p in controller.parameters() if p is not controller.input.weight]

    def by_autograd() -> object:
        memory, parameters, readouts = (
            detach(state),
            controller.parameters_of_step(),
            list[Tensor](),
        )
        for step in drive:
            memory = lif_step(step, memory, parameters, slope=SLOPE)
            readouts.append(memory.readout)
        return gradients(torch.stack(readouts))

    def by_hand() -> object:
        parameters = controller.parameters_of_step()
        readout, _ = lif_sequence(drive, episode_start, state, parameters, slope=SLOPE, substeps=1)
        return gradients(readout)

    compiled, written = with_kernel("compiled", by_hand), with_kernel("torch", by_hand)
    return {"compiled": compiled, "hand-written torch": written, "autograd": by_autograd}


def step_contestants(controller: SpikingController, rows: int) -> Contestants:
    """Return two ways to run a step of a rollout."""
    state = settle(controller, rows)
    drive = torch.randn(rows, controller.output_size)

    def step() -> object:
        with torch.inference_mode():
            parameters = controller.parameters_of_step()
            return lif_control_step(drive, state, parameters, slope=SLOPE, substeps=1)

    return {"compiled": with_kernel("compiled", step), "torch": with_kernel("torch", step)}


def take_turns(contestants: Contestants, rounds: int, threads: int) -> dict[str, list[float]]:
    """Return the seconds of every turn; the first turn of each warms up and does not count."""
    clock = time.thread_time if threads == 1 else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, contestant in contestants.items():
            start = clock()
            contestant()
            seconds[name].append(clock() - start)
    return {name: turns[1:] for name, turns in seconds.items()}


def records(
    what: str, size: str, seconds: dict[str, list[float]], steps: int
) -> list[dict[str, object]]:
    """Set the first contestant beside each of the others."""
    first, *others = seconds
    return [
        {
            "what": f"{what}, {first}",
            "env": size,
            "steps_per_second": round(steps / min(seconds[first])),
            "ratio": round(
                statistics.median(
                    theirs / own for own, theirs in zip(seconds[first], seconds[other], strict=True)
                ),
                2,
            ),
            "against": other,
            "milliseconds": {name: round(1e3 * min(turns), 3) for name, turns in seconds.items()},
        }
        for other in others
    ]


def main() -> None:
    """Time a segment and a step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--steps", type=int, default=16, help="control steps of a segment")
    parser.add_argument("--rows", type=int, default=32, help="rows of a segment")
    parser.add_argument("--rollout-rows", type=int, default=64, help="rows of a step")
    parser.add_argument("--neurons", type=int, default=256)
    parser.add_argument("--adaptation", type=float, default=0.0, help="strength; 0 switches it off")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    if lif_kernel_name() == "torch":
        raise SystemExit("there is no compiled kernel to compare: install a C compiler")
    controller = population(arguments.neurons, arguments.adaptation)
    size = f"{arguments.neurons} neurons, {arguments.threads} threads"
    steps, rows = arguments.steps, arguments.rows
    segment = take_turns(
        segment_contestants(controller, steps, rows), arguments.rounds, arguments.threads
    )
    step = take_turns(
        step_contestants(controller, arguments.rollout_rows), arguments.rounds, arguments.threads
    )
    for record in [
        *records(f"segment of {steps} x {rows}", size, segment, steps * rows),
        *records(f"step of {arguments.rollout_rows}", size, step, arguments.rollout_rows),
    ]:
        if arguments.json:
            print(json.dumps(record), flush=True)
        else:
            rate, ratio = record["steps_per_second"], record["ratio"]
            print(f"{record['what']:<32} {rate:>9,} steps/s  {ratio:>6} x {record['against']}")


if __name__ == "__main__":
    main()
