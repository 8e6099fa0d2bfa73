import math

import pytest
import torch

from brains.lif import LIFParameters, LIFState, lif_step
from brains.spiking import SpikingController
from brains.surrogate import fast_sigmoid_slope, surrogate_spike


def controller(**changes):
    options = {
        "input_size": 5,
        "hidden_size": 16,
        "substeps": 1,
        "surrogate_slope": 2.0,
        "membrane_decays": (0.3, 0.95),
        "readout_decays": (0.3, 0.9),
        "adaptation_decays": (0.5, 0.97),
        "adaptation_strength": 0.0,
        "recurrent_gain": 0.1,
        "normalise_current": True,
        "recurrent_rate_scale": 0.03,
    }
    return SpikingController(**{**options, **changes})


def one_neuron(**changes):
    """A single neuron without synapse to itself or norm: every number by hand."""
    plain = LIFParameters(
        recurrent_weight=torch.zeros(1, 1),
        norm_weight=None,
        norm_bias=None,
        membrane_decay=torch.tensor([0.5]),
        readout_decay=torch.tensor([0.8]),
        adaptation_decay=None,
        adaptation_strength=None,
    )
    return plain._replace(**changes)


def state_of(potential=0.0, spikes=0.0, adaptation=0.0, readout=0.0):
    return LIFState(
        *(torch.tensor([[value]]) for value in (potential, spikes, adaptation, readout))
    )


def test_the_potential_decays_by_its_own_factor_without_input():
    after = lif_step(torch.zeros(1, 1), state_of(potential=0.8), one_neuron(), slope=2.0)
    assert after.potential.item() == pytest.approx(0.4)
    assert after.spikes.item() == 0.0


def test_reset_takes_one_threshold_and_keeps_the_rest():
    first = lif_step(torch.tensor([[1.6]]), state_of(), one_neuron(), slope=2.0)
    second = lif_step(torch.zeros(1, 1), first, one_neuron(), slope=2.0)
    assert (first.potential.item(), first.spikes.item()) == (pytest.approx(1.6), 1.0)
    assert second.potential.item() == pytest.approx(0.5 * 1.6 - 1.0)


def test_the_readout_is_a_leaky_average_of_spikes():
    first = lif_step(torch.tensor([[2.0]]), state_of(readout=0.5), one_neuron(), slope=2.0)
    assert first.readout.item() == pytest.approx(0.8 * 0.5 + 0.2 * 1.0)


def test_adaptation_raises_the_threshold():
    adaptive = one_neuron(
        adaptation_decay=torch.tensor([0.9]), adaptation_strength=torch.tensor([2.0])
    )
    drive, before = torch.tensor([[1.2]]), state_of(adaptation=0.5)
    assert lif_step(drive, before, one_neuron(), slope=2.0).spikes.item() == 1.0
    after = lif_step(drive, before, adaptive, slope=2.0)
    assert after.adaptation.item() == pytest.approx(0.45)
    assert after.spikes.item() == 0.0  # 1.2 lies under 1 + 2 * 0.45


def test_a_gain_divides_the_threshold_but_a_spike_takes_as_much_as_ever():
    drive, population = torch.tensor([[0.8]]), one_neuron()
    assert lif_step(drive, state_of(), population, slope=2.0).spikes.item() == 0.0
    excited = lif_step(drive, state_of(), population, slope=2.0, gain=torch.tensor([[1.3]]))
    assert excited.spikes.item() == 1.0  # 0.8 lies above 1 / 1.3
    after = lif_step(torch.zeros(1, 1), excited, population, slope=2.0)
    assert after.potential.item() == pytest.approx(0.5 * 0.8 - 1.0)


def test_more_gain_makes_a_population_fire_more():
    population, generator = controller(hidden_size=64), torch.Generator().manual_seed(0)
    code = torch.randn(30, 8, 5, generator=generator)
    starts, rest = torch.zeros(30, 8, dtype=torch.bool), population.initial_state(8)
    rates = []
    for gain in (0.5, 1.0, 2.0):
        gains = torch.full((30, 8, 1), gain)
        _, state = population.respond_all(population.drive(code), starts, rest, gains)
        rates.append(state.readout.mean().item())
    assert rates[0] < rates[1] < rates[2]


def test_a_spike_reaches_others_one_step_later():
    weight = torch.tensor([[0.0, 0.0], [0.7, 0.0]])  # from the first neuron to the second
    two = LIFParameters(
        weight, None, None, torch.tensor([0.5, 0.5]), torch.tensor([0.8, 0.8]), None, None
    )
    rest = torch.zeros(1, 2)
    first = lif_step(torch.tensor([[2.0, 0.0]]), LIFState(rest, rest, rest, rest), two, slope=2.0)
    second = lif_step(torch.zeros(1, 2), first, two, slope=2.0)
    assert first.potential[0, 1].item() == 0.0
    assert second.potential[0, 1].item() == pytest.approx(0.7)


def test_the_surrogate_is_one_at_threshold_and_keeps_a_tail():
    distance = torch.tensor([0.0, 0.5, -0.5, 50.0])
    expected = [1.0, 0.25, 0.25, 1 / (1 + 2 * 50) ** 2]
    assert fast_sigmoid_slope(distance, 2.0).tolist() == pytest.approx(expected)
    distance.requires_grad_()
    surrogate_spike(distance, 2.0).sum().backward()
    assert distance.grad.tolist() == pytest.approx(expected)


def test_spikes_are_zero_or_one_and_some_neurons_fire():
    population = controller()
    starts = torch.zeros(50, 8, dtype=torch.bool)
    _, state = population.unroll(torch.randn(50, 8, 5), starts, population.initial_state(8))
    assert set(state.spikes.unique().tolist()) == {0.0, 1.0}


def test_decays_are_spread_over_the_population_as_asked():
    parameters = controller().parameters_of_step()
    assert parameters.membrane_decay.min().item() == pytest.approx(0.3)
    assert parameters.membrane_decay.max().item() == pytest.approx(0.95)
    assert math.isclose(parameters.readout_decay.max().item(), 0.9, rel_tol=1e-5)


def test_time_constants_learn():
    population = controller(adaptation_strength=0.2)
    starts = torch.zeros(20, 8, dtype=torch.bool)
    outputs, _ = population.unroll(torch.randn(20, 8, 5), starts, population.initial_state(8))
    outputs.square().sum().backward()
    for name in ("membrane_logit", "readout_logit", "adaptation_logit", "adaptation_strength"):
        gradient = getattr(population, name).grad
        assert torch.isfinite(gradient).all()
        assert gradient.abs().sum() > 0, name


def test_activity_tells_shares_between_zero_and_one():
    population = controller(substeps=2)
    _, state = population(torch.randn(8, 5), population.initial_state(8))
    activity = population.activity(state)
    for name in ("firing_rate", "silent_share", "saturated_share", "surrogate_support"):
        assert 0.0 <= activity[name].item() <= 1.0
    spikes_per_action = activity["firing_rate"].item() * 16 * 2
    assert population.operations(state).synaptic_ops.item() == pytest.approx(spikes_per_action * 16)


@pytest.mark.parametrize(
    "bad", [{"substeps": 0}, {"membrane_decays": (0.0, 0.5)}, {"readout_decays": (0.9, 0.3)}]
)
def test_impossible_settings_are_refused_with_their_value(bad):
    with pytest.raises(ValueError, match="got"):
        controller(**bad)
