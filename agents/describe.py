"""Shows what a brain is made of and what it costs: python -m agents.describe brain=gru env=Ant-v5.

It stands here and not in `brains`, which knows neither bodies nor configurations.
"""

import sys
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from agents import cli
from agents.build import build_agent, make_env
from agents.episodes import Actor
from agents.errors import UsageError
from brains import Brain
from brains.energy import CONSTANTS, Operations, dense_nanojoules, nanojoules, operations_of, total

HEADINGS = ("part", "kind", "matrices", "parameters", "MACs", "synaptic ops", "dense MACs")
LEFT = 3  # columns of words; the others hold numbers
STEPS, ROWS = 64, 4


def describe(config: DictConfig) -> None:
    """Print parts, shapes, parameters and operations per action of a new brain in its body."""
    import torch

    torch.set_num_threads(1)
    config = config.copy()
    config.update({"num_envs": ROWS, "num_threads": 1})
    env = make_env(config)
    try:
        model: Any = build_agent(config, env)
        brain = getattr(model, "brain", None)
        if not isinstance(brain, Brain):
            raise UsageError("this agent brings its own network: describe a brain (agent=ppo)")
        spent = live_a_little(model, env, brain)
    finally:
        env.close()
    lines = aligned([HEADINGS, *rows_of(brain, spent)])
    print(
        f"{config.env.id}: {brain.senses.output_size} senses, {len(brain.log_std)} action numbers"
    )
    print("\n".join(lines))
    print(f"\nOperations per action, untrained, mean over its first {STEPS} steps. Energy, nJ:")
    everything = total(spent.values())
    for name, constants in CONSTANTS.items():
        own, dense = nanojoules(everything, constants), dense_nanojoules(everything, constants)
        print(f"  {name:<18} {own:>10,.1f}   a dense network of the same size {dense:>10,.1f}")


def live_a_little(model: Actor, env: VecEnv, brain: Brain) -> dict[str, Operations]:
    """Return the mean operations per action of each part over the first steps in a body."""
    observation, state, starts = env.reset(), None, None
    lived: list[dict[str, Operations]] = []
    for _ in range(STEPS):
        actions, state = model.predict(observation, state=state, episode_start=starts)
        lived.append(operations_of(brain, state))
        observation, _, starts, _ = env.step(actions)
    return {
        name: Operations(*(float(count) / STEPS for count in total(step[name] for step in lived)))
        for name in lived[0]
    }


def rows_of(brain: Brain, spent: dict[str, Operations]) -> list[tuple[str, ...]]:
    """Return a row per part that is there, and their sum."""
    parts = {name: part for name, part in brain.named_children() if _size(part)}
    rows = [
        (name, type(part).__name__, _matrices(part), f"{_size(part):,}", *_told(spent.get(name)))
        for name, part in parts.items()
    ]
    everything = _told(total(spent.values()))
    return [*rows, ("all", "", "", f"{_size(brain):,}", *everything)]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines in which the columns stand below each other, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if at < LEFT else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _size(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


def _matrices(part: nn.Module) -> str:
    """Return the shapes of a part's matrices, inputs before outputs."""
    shapes = [parameter.shape for parameter in part.parameters() if parameter.ndim == 2]
    return " ".join(f"{inputs}→{outputs}" for outputs, inputs in shapes)


def _told(operations: Operations | None) -> tuple[str, str, str]:
    if operations is None:  # serves learning alone
        return ("", "", "")
    return tuple(
        f"{float(count):,.0f}" if float(count) else ""
        for count in (operations.macs, operations.synaptic_ops, operations.dense_macs)
    )  # type: ignore[return-value]


if __name__ == "__main__":
    sys.exit(cli.run(describe, config_name="train"))
