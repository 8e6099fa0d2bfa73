"""Parts of a brain combine freely: every option, and a sample of all combinations, learns."""

import math
import random

import pytest
import torch

from agents import composition
from agents.build import build_agent, make_env
from agents.config_check import check_config
from tests.command_line import CONFIGS

PARTS = (
    "world_model", "perception", "controller", "plasticity", "neuromodulator", "critic", "reflex",
)  # fmt: skip
OPTIONS = {
    part: sorted(path.stem for path in (CONFIGS / "brain" / part).glob("*.yaml")) for part in PARTS
}
SMALL = (
    "env=InvertedPendulum-v5", "num_envs=4", "num_threads=1", "brain.size=small",
    "agent.n_steps=32", "agent.n_epochs=1", "agent.n_minibatches=2",
)  # fmt: skip
SAMPLE = 12


def sampled():
    """Combinations of options, drawn with a seed; every option of a part is equally likely."""
    drawn = random.Random(0)
    return [tuple((part, drawn.choice(OPTIONS[part])) for part in PARTS) for _ in range(SAMPLE)]


def small_agent(*changes):
    overrides = ["brain=full", *changes, *SMALL]
    with composition.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = composition.compose("train", overrides)
    named = [override for override in overrides if "." not in override.split("=")[0]]
    config = check_config(config, composition.reference_config("train", named))
    return build_agent(config, make_env(config))


def train_two_updates(*chosen):
    agent = small_agent(*(f"brain/{part}={option}" for part, option in chosen))
    before = [parameter.detach().clone() for parameter in agent.brain.parameters()]
    agent.learn(2 * 32 * 4)
    agent.get_env().close()
    assert agent.updates == 2
    moved = [
        not torch.equal(old, new) for old, new in zip(before, agent.brain.parameters(), strict=True)
    ]
    assert sum(moved) > len(moved) / 2
    row = {name: value for name, value in agent.progress_row().items() if value is not None}
    assert all(math.isfinite(value) for value in row.values()), row


@pytest.mark.parametrize(
    ("part", "option"), [(part, option) for part in PARTS for option in OPTIONS[part]]
)
def test_the_full_brain_learns_with_any_option_of_a_part(part, option):
    train_two_updates((part, option))


@pytest.mark.parametrize("chosen", sampled(), ids=lambda chosen: "-".join(o for _, o in chosen))
def test_a_combination_of_options_learns(chosen):
    train_two_updates(*chosen)


SINKS = ("plasticity", "gain", "exploration", "attention")


@pytest.mark.parametrize("sink", SINKS)
def test_the_full_brain_learns_with_any_sink_switched_off(sink):
    agent = small_agent(f"brain.neuromodulator.sinks.{sink}.bound=0")
    agent.learn(32 * 4)
    modulation = agent.brain.neuromodulator.modulate(torch.randn(3, 4))
    assert getattr(modulation, sink) is None
    assert sum(field is None for field in modulation) == 1
