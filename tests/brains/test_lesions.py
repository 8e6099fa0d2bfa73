"""A lesion takes one part out of action, and nothing else."""

from pathlib import Path

import pytest
import torch
from brains_helpers import INPUT_SIZE, small_body
from omegaconf import OmegaConf

from brains import brain_from_config, tree_leaves
from brains.lesions import (
    HISTORY,
    LESIONS,
    ClampedModulators,
    FixedAttention,
    ShuffledModulators,
    stop_learning,
)
from brains.neuromodulation import Event, Modulation, Neuromodulator
from brains.recurrent import NoState
from brains.world_model import NoWorldModel
from tests.brains.test_build import described

OPTIONS = Path(__file__).parents[2] / "conf" / "brain" / "plasticity"
PARTS = sorted(file.stem for file in OPTIONS.glob("*.yaml") if file.stem != "none")
STEPS, ROWS = 10, 3
OF_FAST_WEIGHTS = [name for name in LESIONS if name.startswith("fast_weights")]


class Clock(Neuromodulator):
    """Its level is the number of steps so far; it sets attention and gain by it."""

    names = ("count",)

    def initial_state(self, batch_size):
        return (torch.zeros(batch_size, 1),)

    def forward(self, inputs, state):
        counted = state[0] + 1.0
        return counted, (counted,)

    def modulate(self, modulators):
        return Modulation(None, modulators + 1.0, None, modulators * 2.0)


@pytest.fixture(params=PARTS)
def part(request):
    return request.param


def plastic_brain(part, **changes):
    config = described("gru", f"brain/plasticity={part}")
    changed = {"initial_alpha": 0.5, **changes}
    if part == "none":
        changed = {}
    config["plasticity"] = {**OmegaConf.load(OPTIONS / f"{part}.yaml"), **changed}
    torch.manual_seed(0)
    return brain_from_config(config, *small_body())


@torch.no_grad()
def live(brain, stops=None):
    """Return actions, [T, B, A], and the norm of the fast weights, [T, B]."""
    generator = torch.Generator().manual_seed(4)
    state = brain.initial_state(ROWS)
    actions, norms = [], []
    for step in range(STEPS):
        if stops is not None:
            state = stop_learning(state, stops[step])
        output, state = brain(torch.randn(ROWS, INPUT_SIZE, generator=generator) * 2, state)
        actions.append(output.action)
        norms.append(brain.signals(state).get("fast_weight_norm", torch.zeros(ROWS)))
    return torch.stack(actions), torch.stack(norms)


def lesioned(part, *lesions):
    brain = plastic_brain(part)
    for name in lesions:
        LESIONS[name](brain)
    return brain


def test_with_fast_weights_zeroed_the_brain_acts_as_its_twin_without_any(part):
    actions, norms = live(lesioned(part, "fast_weights_zeroed"))
    twin, _ = live(plastic_brain("none"))
    intact, _ = live(plastic_brain(part))
    assert torch.equal(actions, twin)
    assert norms.sum() == 0
    assert not torch.equal(actions, intact)


def test_frozen_fast_weights_stop_at_the_onset_of_their_row_and_act_on(part):
    stops = torch.zeros(STEPS, ROWS, dtype=torch.bool)
    stops[4:, 1] = True
    stops[:, 2] = True  # a change that was there from the start: nothing is ever learned
    intact, intact_norms = live(plastic_brain(part))
    actions, norms = live(lesioned(part, "fast_weights_frozen"), stops)
    torch.testing.assert_close(actions[:, 0], intact[:, 0])
    torch.testing.assert_close(norms[:4, 1], intact_norms[:4, 1])
    assert torch.equal(norms[4:, 1], norms[3, 1].expand(STEPS - 4)) and norms[3, 1] > 0
    assert norms[:, 2].sum() == 0
    zeroed, _ = live(lesioned(part, "fast_weights_zeroed"))
    torch.testing.assert_close(actions[:, 2], zeroed[:, 2])
    assert not torch.allclose(actions[5:, 1], zeroed[5:, 1])


def test_whether_a_row_is_stopped_outlives_the_restart_of_its_memory(part):
    from brains import reset_where

    brain = lesioned(part, "fast_weights_frozen")
    state = stop_learning(brain.initial_state(ROWS), torch.ones(ROWS, dtype=torch.bool))
    state = reset_where(torch.ones(ROWS, dtype=torch.bool), brain.initial_state(ROWS), state)
    assert state.plasticity.stopped.value.all()


def test_shuffled_fast_weights_learn_as_ever_but_answer_another_row():
    actions, norms = live(lesioned("associative", "fast_weights_shuffled"))
    intact, intact_norms = live(plastic_brain("associative"))
    torch.testing.assert_close(norms[0], intact_norms[0])
    assert not torch.allclose(actions[1], intact[1])
    assert (norms[-1] > 0).all()


def test_several_lesions_act_at_once(part):
    stops = torch.zeros(STEPS, ROWS, dtype=torch.bool)
    both = lesioned(part, "fast_weights_frozen", "fast_weights_shuffled")
    alone, _ = live(lesioned(part, "fast_weights_shuffled"))
    torch.testing.assert_close(live(both, stops)[0], alone)
    stops[4:] = True
    assert torch.equal(*live(both, stops)[1][4:6])


def test_a_lesion_moves_no_parameter(part):
    before = [leaf.clone() for leaf in plastic_brain(part).parameters()]
    for name in OF_FAST_WEIGHTS:
        brain = lesioned(part, name)
        live(brain)
        pairs = zip(before, brain.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs), name


def told(neuromodulator, steps):
    state, levels = neuromodulator.initial_state(ROWS), []
    for _ in range(steps):
        nothing = torch.zeros(ROWS)
        level, state = neuromodulator(Event(nothing, nothing, nothing), state)
        levels.append(level)
    return torch.stack(levels)[:, 0, 0]


def test_clamped_modulators_stay_where_an_episode_begins():
    assert told(Clock(), 3).tolist() == [1.0, 2.0, 3.0]
    assert told(ClampedModulators(Clock()), 3).tolist() == [0.0, 0.0, 0.0]


def test_shuffled_modulators_tell_levels_of_every_recent_age_equally_often():
    levels = told(ShuffledModulators(Clock()), 4 * HISTORY)
    ages = (torch.arange(4 * HISTORY) + 1.0 - levels)[HISTORY:]
    for start in range(0, 3 * HISTORY, HISTORY):
        assert sorted(ages[start : start + HISTORY].tolist()) == list(range(HISTORY))


def test_fixed_attention_leaves_the_other_effects_as_they_are():
    level = torch.full((ROWS, 1), 3.0)
    intact, fixed = Clock().modulate(level), FixedAttention(Clock()).modulate(level)
    assert fixed.attention is None and intact.attention is not None
    assert torch.equal(fixed.gain, intact.gain)


def test_lesions_of_a_brain_with_the_part_put_another_in_its_place():
    for name in ("modulator_clamped", "modulator_shuffled", "attention_fixed"):
        brain = plastic_brain("none")
        brain.neuromodulator = Clock()
        LESIONS[name](brain)
        assert type(brain.neuromodulator.part) is Clock
        assert brain.initial_state(2).modulators.shape == (2, 1)
    brain = plastic_brain("none")
    brain.world_model = NoWorldModel(layout=brain.senses.layout)
    brain.world_model.columns = torch.arange(2)
    LESIONS["fill_in_off"](brain)
    assert brain.world_model.fills_in is False


@pytest.mark.parametrize("name", sorted(LESIONS))
def test_a_brain_without_the_part_is_refused_in_a_line(name):
    with pytest.raises(ValueError, match="this brain") as refused:
        LESIONS[name](plastic_brain("none"))
    assert "\n" not in str(refused.value)


def test_no_memory_is_the_state_of_a_brain_without_fast_weights():
    assert isinstance(plastic_brain("none").initial_state(1).plasticity, NoState)
    assert tree_leaves(plastic_brain("associative").initial_state(1).plasticity)
