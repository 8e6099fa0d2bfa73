import math

import numpy as np
import pytest
import torch
from gymnasium import spaces
from test_build import described

from brains import brain_from_config
from brains.ascending import LEVEL_CLIP, AscendingNeuromodulator
from brains.neuromodulation import Event
from brains.recurrent import tree_leaves

ROWS = 3
NEUTRAL = {"rate_exponent": 0.5, "entropy_exponent": 0.5, "value_exponent": 0.5}
SINKS = {
    "plasticity": {"bound": 2.0, "rest": 0.5, "dopamine": 0.5},
    "gain": {"bound": 0.3, "noradrenaline": 0.5},
    "exploration": {"bound": 0.3, "dopamine": -0.5},
    "attention": {"bound": 0.7, "acetylcholine": 0.5},
}
OFF = {name: {"bound": 0.0} for name in SINKS}


def modulator(**changes):
    options = {
        "gate_size": 4,
        "action_size": 2,
        "gamma": 0.9,
        "dopamine_decay": 0.0,
        "slow_decay": 0.99,
        "fast_decay": 0.8,
        "hidden_size": 8,
        "sinks": SINKS,
        **NEUTRAL,
    }
    return AscendingNeuromodulator(**{**options, **changes})


def event(reward, value, surprise=1.0):
    return Event(*(torch.full((ROWS,), float(number)) for number in (reward, value, surprise)))


def levels_after(part, *events):
    state = part.initial_state(ROWS)
    levels = None
    for one in events:
        levels, state = part(one, state)
    return dict(zip(part.names, levels[0].tolist(), strict=True))


def level_row(**levels):
    return torch.tensor([levels.get(name, 0.0) for name in AscendingNeuromodulator.names])


def test_dopamine_is_the_reward_prediction_error():
    levels = levels_after(modulator(), event(0.0, 2.0), event(1.5, 3.0))
    assert levels["dopamine"] == pytest.approx(1.5 + 0.9 * 3.0 - 2.0)


def test_dopamine_is_zero_when_the_reward_was_predicted():
    levels = levels_after(modulator(), event(0.0, 2.0), event(1.1, 1.0))
    assert levels["dopamine"] == pytest.approx(0.0, abs=1e-6)


def test_dopamine_is_negative_when_a_predicted_reward_fails_to_come():
    assert levels_after(modulator(), event(0.0, 1.0), event(0.0, 0.0))["dopamine"] < 0


def test_an_episode_begins_without_error_whatever_its_value():
    part = modulator()
    assert levels_after(part, event(0.0, 100.0))["dopamine"] == 0.0
    assert levels_after(part, event(0.0, 0.0, surprise=7.0))["noradrenaline"] == 0.0


def test_dopamine_is_told_in_its_usual_size_after_some_rollouts():
    part = modulator()
    for _ in range(60):
        delta = 0.05 / part.unit
        part.homeostasis(delta.expand(8, ROWS, 4))
    assert float(part.unit) == pytest.approx(0.05, rel=0.05)


def test_expected_and_unexpected_surprise_are_told_apart():
    part = modulator()
    steady = [event(0.0, 0.0, surprise=4.0)] * 200
    used_to = levels_after(part, *steady)
    startled = levels_after(part, *steady, event(0.0, 0.0, surprise=40.0))
    assert used_to["acetylcholine"] == pytest.approx(math.log1p(4.0), rel=1e-3)
    assert used_to["noradrenaline"] == pytest.approx(0.0, abs=1e-3)
    assert startled["noradrenaline"] > 0.5


def test_serotonin_follows_the_long_run_reward_rate():
    levels = levels_after(modulator(), *[event(0.5, 0.0)] * 1000)
    assert levels["serotonin"] == pytest.approx(0.5, rel=1e-3)


def test_levels_stay_within_bounds_whatever_happens():
    levels = levels_after(modulator(), event(0.0, 0.0, 0.0), event(1e6, -1e6, 1e12))
    assert all(abs(level) <= LEVEL_CLIP for level in levels.values())


def test_at_rest_every_sink_leaves_the_brain_as_it_is():
    modulation = modulator().modulate(torch.zeros(ROWS, 4))
    torch.testing.assert_close(modulation.plasticity, torch.ones(ROWS, 4))
    torch.testing.assert_close(modulation.gain, torch.ones(ROWS, 1))
    torch.testing.assert_close(modulation.attention, torch.ones(ROWS, 1))
    torch.testing.assert_close(modulation.exploration, torch.zeros(ROWS, 2))


@pytest.mark.parametrize(
    ("sink", "modulator_name", "sign"),
    [
        ("plasticity", "dopamine", 1),
        ("gain", "noradrenaline", 1),
        ("exploration", "dopamine", -1),
        ("attention", "acetylcholine", 1),
    ],
)
def test_a_sink_moves_as_it_is_coupled(sink, modulator_name, sign):
    part = modulator()
    low, high = (
        getattr(part.modulate(level_row(**{modulator_name: level})), sink) for level in (-1.0, 1.0)
    )
    assert torch.all((high - low) * sign > 0)


def test_a_gate_that_rests_at_zero_learns_only_where_something_is_told():
    part = modulator(sinks={**SINKS, "plasticity": {"bound": 2.0, "dopamine": 0.5}})
    told = torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0]])
    still, better, worse = part.modulate(told).plasticity
    assert (still == 0).all()
    torch.testing.assert_close(better, torch.full((4,), 2 * math.tanh(0.5)))
    torch.testing.assert_close(worse, -better)


@pytest.mark.parametrize(
    ("sink", "rest", "complaint"),
    [("gain", 0.5, "only the gate of plasticity"), ("plasticity", 1.0, "within")],
)
def test_a_rest_that_cannot_be_is_refused(sink, rest, complaint):
    with pytest.raises(ValueError, match=complaint):
        modulator(sinks={**SINKS, sink: {"bound": 1.0, "rest": rest}})


def test_sinks_stay_within_their_bounds():
    part = modulator()
    for sink in part.sinks.values():
        torch.nn.init.normal_(sink.combined.weight, std=5.0)
    modulation = part.modulate(torch.randn(1000, 4) * LEVEL_CLIP)
    assert modulation.plasticity.abs().max() <= 2.0
    assert modulation.plasticity.min() < 0.0 < modulation.plasticity.max()
    for factor, bound in ((modulation.gain, 0.3), (modulation.attention, 0.7)):
        assert math.exp(-bound) - 1e-6 <= factor.min() <= factor.max() <= math.exp(bound) + 1e-6
    assert modulation.exploration.abs().max() <= 0.3


def test_gradients_reach_couplings_and_network():
    part = modulator()
    modulation = part.modulate(torch.randn(ROWS, 4))
    sum(field.sum() for field in modulation).backward()
    for sink in part.sinks.values():
        assert sink.couplings.grad.abs().sum() > 0
        assert sink.combined.weight.grad.abs().sum() > 0


def test_a_sink_that_is_not_learned_keeps_its_couplings():
    fixed = {**SINKS, "exploration": {**SINKS["exploration"], "learned": False}}
    part = modulator(sinks=fixed)
    modulation = part.modulate(torch.randn(ROWS, 4, requires_grad=True))
    sum(field.sum() for field in modulation).backward()
    assert part.sinks["exploration"].couplings.grad is None
    assert part.sinks["gain"].couplings.grad is not None


def test_a_sink_that_is_off_sets_nothing():
    assert modulator(sinks=OFF).modulate(torch.randn(ROWS, 4)) == (None, None, None, None)


def test_more_error_than_usual_speeds_learning_up_within_bounds():
    part = modulator()
    gains = [part.learner_gains(torch.full((8, ROWS, 4), size)) for size in (0.01, 1.0, 4.0, 100.0)]
    rates = [gain.rate for gain in gains]
    assert rates == sorted(rates)
    assert rates[0] == 0.5
    assert rates[1] == 1.0
    assert rates[3] == 2.0


def test_less_reward_than_expected_calls_for_exploration():
    part = modulator()
    worse, better = (
        part.learner_gains(torch.full((8, ROWS, 4), size)).entropy for size in (-1.0, 1.0)
    )
    assert 0.5 <= better < 1.0 < worse <= 2.0


def test_an_exponent_of_zero_switches_a_factor_off():
    part = modulator(rate_exponent=0.0, entropy_exponent=0.0, value_exponent=0.0)
    assert part.learner_gains(torch.randn(8, ROWS, 4) * 3) == (1.0, 1.0, 1.0)


def test_an_unknown_sink_or_coupling_is_refused_by_name():
    with pytest.raises(ValueError, match="exactly"):
        modulator(sinks={**SINKS, "mood": {"bound": 1.0}})
    with pytest.raises(ValueError, match="oxytocin"):
        modulator(sinks={**SINKS, "gain": {"bound": 1.0, "oxytocin": 1.0}})


def rewarded_body():
    sensed = spaces.Dict(
        {
            "senses": spaces.Box(-np.inf, np.inf, (5,), np.float64),
            "efference_copy": spaces.Box(-1.0, 1.0, (2,), np.float32),
            "reward": spaces.Box(-np.inf, np.inf, (1,), np.float64),
        }
    )
    return sensed, spaces.Box(-1.0, 1.0, (2,), np.float32)


def observations(steps):
    generator = torch.Generator().manual_seed(3)
    sizes = {"senses": 5, "efference_copy": 2, "reward": 1}
    return [
        {name: torch.randn(ROWS, size, generator=generator) for name, size in sizes.items()}
        for _ in range(steps)
    ]


def brain_with(*overrides):
    torch.manual_seed(0)
    return brain_from_config(described("spiking", *overrides), *rewarded_body())


def test_with_all_sinks_off_the_brain_equals_one_without_neuromodulator():
    off = [f"brain.neuromodulator.sinks.{name}.bound=0" for name in SINKS]
    brains = brain_with("brain/neuromodulator=ascending", *off), brain_with()
    states = [brain.initial_state(ROWS) for brain in brains]
    for observation in observations(5):
        outputs = []
        for index, brain in enumerate(brains):
            output, states[index] = brain(observation, states[index])
            outputs.append(output)
        for one, other in zip(*outputs, strict=True):
            assert torch.equal(one, other)
    assert float(states[0].modulators.abs().sum()) > 0


def test_modulators_restart_with_the_episode():
    brain = brain_with("brain/neuromodulator=ascending")
    state = brain.initial_state(ROWS)
    for observation in observations(4):
        _, state = brain(observation, state)
    assert state.modulators.abs().sum() > 0
    assert all(leaf.shape[0] == ROWS for leaf in tree_leaves(state))


def test_a_neuromodulator_without_reward_among_the_senses_is_refused_with_the_way_out():
    body = spaces.Box(-np.inf, np.inf, (5,), np.float64), rewarded_body()[1]
    with pytest.raises(ValueError, match="feedback"):
        brain_from_config(described("spiking", "brain/neuromodulator=ascending"), *body)
