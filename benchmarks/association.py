"""Whether fast weights pay where they should: cues mean something else in every episode.

    python benchmarks/association.py --json

An episode shows every cue, followed by its target; then it shows the cues again, in another order,
and asks for the targets. Cues are the same for life, targets are drawn anew, so nothing that slow
weights learn tells them. The brain is the one that acts in bodies, stepped as there, and learns by
backpropagation through the whole episode. Told is the mean squared error of the answers on episodes
that it was not trained on, as a share of that of an ignorant answer: 1 is a guess, 0 is perfect.
Brains are the same but for their fast weights, whose parameters come on top of it.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from gymnasium import spaces
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor

from agents.composition import CONFIGS
from brains import Brain, brain_from_config

CUES, TARGETS = 5, 3
STEPS = 4 * CUES
PARTS = ("none", "associative", "hebbian")


def episodes(rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw episodes.

    Returns:
        What is sensed, [T, rows, CUES + TARGETS]; the answers, [T, rows, TARGETS]; and where they
        are asked for, [T].
    """
    targets = (torch.rand(rows, CUES, TARGETS, generator=generator) < 0.5).float() * 2.0 - 1.0
    sensed = torch.zeros(STEPS, rows, CUES + TARGETS)
    answers = torch.zeros(STEPS, rows, TARGETS)
    each = torch.arange(rows)
    for half, asks in enumerate((False, True)):
        order = torch.rand(rows, CUES, generator=generator).argsort(1)
        for place in range(CUES):
            step, cue = 2 * (half * CUES + place), order[:, place]
            sensed[step, each, cue] = 1.0
            if asks:
                answers[step + 1] = targets[each, cue]
            else:
                sensed[step + 1, :, CUES:] = targets[each, cue]
    asked = torch.zeros(STEPS, dtype=torch.bool)
    asked[2 * CUES + 1 :: 2] = True
    return sensed, answers, asked


def build(plasticity: str, *, controller: str, units: int, seed: int) -> Brain:
    """Build a brain of conf/ with fast weights of a kind, or none."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("train", [f"brain={controller}", f"brain/plasticity={plasticity}"])
    plain: Any = OmegaConf.to_container(config.brain, resolve=True)
    plain.pop("learning")
    plain["controller"]["hidden_size"] = units
    sensed = spaces.Box(-np.inf, np.inf, (CUES + TARGETS,), np.float64)
    torch.manual_seed(seed)
    return brain_from_config(plain, sensed, spaces.Box(-1.0, 1.0, (TARGETS,), np.float32))


def error(brain: Brain, rows: int, generator: torch.Generator) -> Tensor:
    """Return the mean squared error of the answers in new episodes, a scalar."""
    sensed, answers, asked = episodes(rows, generator)
    state, said = brain.initial_state(rows), []
    for observation in sensed:
        output, state = brain(observation, state)
        said.append(output.action)
    return (torch.stack(said) - answers)[asked].square().mean()


def train(brain: Brain, updates: int, *, rows: int, rate: float, seed: int) -> float:
    """Train a brain and return its error on episodes that it was not trained on."""
    generator = torch.Generator().manual_seed(seed)
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in brain.named_parameters():
        groups.setdefault(brain.rate_scale(name), []).append(parameter)
    optimizer = torch.optim.Adam(
        [{"params": members, "lr": rate * scale} for scale, members in groups.items()]
    )
    for _ in range(updates):
        optimizer.zero_grad()
        error(brain, rows, generator).backward()
        torch.nn.utils.clip_grad_norm_(brain.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        return float(error(brain, 512, torch.Generator().manual_seed(10_000 + seed)))


def main() -> None:
    """Train brains with and without fast weights and tell their errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--controller", default="gru", choices=("gru", "lstm", "spiking"))
    parser.add_argument("--plasticity", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--updates", type=int, default=300)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    told = []
    for plasticity in chosen.plasticity:
        for seed in range(chosen.seeds):
            brain = build(plasticity, controller=chosen.controller, units=chosen.units, seed=seed)
            started = time.perf_counter()
            left = train(brain, chosen.updates, rows=chosen.rows, rate=chosen.rate, seed=seed)
            told.append(
                {
                    "controller": chosen.controller,
                    "plasticity": plasticity,
                    "units": chosen.units,
                    "updates": chosen.updates,
                    "seed": seed,
                    "parameters": sum(parameter.numel() for parameter in brain.parameters()),
                    "error": round(left, 4),
                    "seconds": round(time.perf_counter() - started, 1),
                }
            )
            if not chosen.json:
                print("  ".join(f"{key} {value}" for key, value in told[-1].items()), flush=True)
    if chosen.json:
        print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
