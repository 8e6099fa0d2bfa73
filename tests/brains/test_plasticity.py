"""What every part that learns while it acts owes the brain."""

import hashlib
from pathlib import Path

import pytest
import torch
from brains_helpers import INPUT_SIZE, small_body
from omegaconf import OmegaConf

from brains import brain_from_config, detach, reset_where, tree_leaves, tree_map
from brains.factory import factory_from_config
from brains.plasticity import PlasticInput, PlasticOutput
from tests.brains.test_build import described

OPTIONS = Path(__file__).parents[2] / "conf" / "brain" / "plasticity"
PARTS = sorted(file.stem for file in OPTIONS.glob("*.yaml") if file.stem != "none")
SIZES = {"code_size": 6, "memory_size": 12, "drive_size": 24, "action_size": 2}
STEPS, ROWS = 8, 4
CONTROLLERS = ("spiking", "gru", "lstm", "mlp")


def build(name, **changes):
    torch.manual_seed(1)
    config = {**OmegaConf.load(OPTIONS / f"{name}.yaml"), "initial_alpha": 0.5, **changes}
    return factory_from_config(config, trusted=("brains.",))(**SIZES)


@pytest.fixture(params=PARTS)
def name(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["forgets", "survives"])
def part(request, name):
    return build(name, survives_episodes=request.param)


def segment_for(part, seed=2, gate=True):
    generator = torch.Generator().manual_seed(seed)

    def draw(size):
        return torch.randn(STEPS, ROWS, size, generator=generator)

    inputs = PlasticInput(draw(6), draw(12), draw(part.gate_size) if gate else None)
    starts = torch.zeros(STEPS, ROWS, dtype=torch.bool)
    starts[0, 0] = starts[3, 1] = starts[5, 2] = True
    return inputs, starts


def at(inputs, step):
    return PlasticInput(*(None if leaf is None else leaf[step] for leaf in inputs))


def stack(outputs):
    columns = zip(*outputs, strict=True)
    return PlasticOutput(*(None if one[0] is None else torch.stack(one) for one in columns))


def step_through(part, inputs, starts, state):
    outputs = []
    for step, begins in enumerate(starts):
        state = reset_where(begins, part.initial_state(ROWS), state)
        output, state = part(at(inputs, step), state)
        outputs.append(output)
    return stack(outputs), state


def lived_state(part, seed=9):
    inputs, _ = segment_for(part, seed)
    return detach(step_through(part, inputs, torch.zeros(STEPS, ROWS, dtype=bool),
                               part.initial_state(ROWS))[1])  # fmt: skip


def added(output):
    return [leaf for leaf in output if leaf is not None]


def test_both_forms_of_plasticity_are_in_the_suite():
    assert PARTS == ["associative", "hebbian"]


@pytest.mark.parametrize("gated", [True, False])
def test_unrolling_equals_stepping_with_its_gradients(part, gated):
    inputs, starts = segment_for(part, gate=gated)
    found = []
    for advance in (step_through, lambda part, *rest: part.unroll(*rest)):
        output, after = advance(part, inputs, starts, lived_state(part))
        part.zero_grad()
        sum((leaf * leaf.detach().cos()).sum() for leaf in added(output)).backward()
        slopes = [parameter.grad.clone() for parameter in part.parameters()]
        found.append([*added(output), *tree_leaves(after), *slopes])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_step_is_to_learn_and_then_to_read(part):
    inputs, _ = segment_for(part)
    state = lived_state(part)
    output, after = part(at(inputs, 0), state)
    learned = part.learn(at(inputs, 0), state)
    for one, other in zip(tree_leaves(after), tree_leaves(learned), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(added(output), added(part.read(at(inputs, 0), learned)), strict=True):
        assert torch.equal(one, other)


def test_a_row_never_affects_another_and_the_state_is_left_alone(part):
    inputs, starts = segment_for(part)
    state = lived_state(part)
    before = tree_map(torch.clone, state)
    plain, _ = part.unroll(inputs, starts, state)
    moved = tree_map(torch.clone, inputs)
    for leaf in moved:
        leaf[:, 2] += 1.0
    disturbed, _ = part.unroll(moved, starts, state)
    others = [0, 1, 3]
    for one, other in zip(added(plain), added(disturbed), strict=True):
        torch.testing.assert_close(one[:, others], other[:, others])
        assert not torch.equal(one[:, 2], other[:, 2])
    for one, other in zip(tree_leaves(state), tree_leaves(before), strict=True):
        assert torch.equal(one, other)


def test_fast_weights_stay_within_their_bound_whatever_comes(part):
    inputs, starts = segment_for(part)
    violent = PlasticInput(inputs.code * 100, inputs.memory * 100, inputs.gate * 1e4)
    _, after = part.unroll(violent, starts, part.initial_state(ROWS))
    assert part.fast(after).weights.abs().max() == part.bound
    assert part.activity(after)["fast_weights_clipped"] > 0.5


def test_a_new_episode_forgets_the_weights_unless_they_survive(part):
    state = lived_state(part)
    begins = torch.tensor([False, True, False, False])
    after = part.fast(reset_where(begins, part.initial_state(ROWS), state))
    survived = bool(after.weights[1].abs().sum() > 0)
    assert survived == part.survives_episodes
    assert after.eligibility[1].abs().sum() == 0
    assert torch.equal(after.weights[[0, 2, 3]], part.fast(state).weights[[0, 2, 3]])


def test_the_gate_is_signed_and_a_negative_one_unlearns(name):
    part = build(name)
    inputs, starts = segment_for(part)
    nowhere = torch.zeros_like(starts)
    ones = torch.ones_like(inputs.gate)

    def learned(gate):
        _, after = part.unroll(inputs._replace(gate=gate), nowhere, part.initial_state(ROWS))
        return part.fast(after).weights

    torch.testing.assert_close(learned(-ones), -learned(ones))
    torch.testing.assert_close(learned(ones), learned(None))
    assert learned(0 * ones).abs().sum() == 0
    written_then_unwritten = ones.clone()
    written_then_unwritten[STEPS // 2 :] = -1.0
    assert learned(written_then_unwritten).norm() < learned(ones).norm()


def test_gradients_reach_every_parameter_and_the_gate_of_the_last_step(name):
    part = build(name, initial_alpha=0.01)
    inputs, starts = segment_for(part)
    gate = inputs.gate.clone().requires_grad_()
    output, _ = part.unroll(inputs._replace(gate=gate), starts, lived_state(part))
    sum((leaf * leaf.detach().cos()).sum() for leaf in added(output)).backward()
    for label, parameter in part.named_parameters():
        assert parameter.grad.abs().sum() > 0, label
    assert gate.grad[0].abs().sum() > 0 and gate.grad[-1].abs().sum() > 0


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_a_brain_with_an_alpha_of_zero_equals_its_twin_without_fast_weights(name, controller):
    outputs = []
    for option in (name, "none"):
        config = described(controller, f"brain/plasticity={option}")
        if option != "none":
            config["plasticity"]["initial_alpha"] = 0.0
        torch.manual_seed(0)
        brain = brain_from_config(config, *small_body())
        state = brain.initial_state(3)
        generator = torch.Generator().manual_seed(4)
        for _ in range(5):
            output, state = brain(torch.randn(3, INPUT_SIZE, generator=generator), state)
        outputs.append(output)
    for one, other in zip(*outputs, strict=True):
        assert torch.equal(one, other)


def test_fast_weights_go_on_changing_while_no_slow_weight_does(name):
    brain = brain_from_config(described("spiking", f"brain/plasticity={name}"), *small_body())
    brain.eval()

    def digest():
        numbers = [leaf.detach().numpy().tobytes() for leaf in brain.state_dict().values()]
        return hashlib.sha256(b"".join(numbers)).hexdigest()

    before, state = digest(), brain.initial_state(3)
    norms = []
    with torch.no_grad():
        for _ in range(12):
            _, state = brain(torch.randn(3, INPUT_SIZE) * 3, state)
            norms.append(brain.signals(state)["fast_weight_norm"])
    assert digest() == before
    assert norms[-1].shape == (3,)
    assert (norms[-1] > 0).all() and not torch.equal(norms[-1], norms[-2])


def test_rates_decays_and_alphas_learn_at_their_own_pace(name):
    told = described("gru", f"brain/plasticity={name}", "brain.plasticity.rate_scale=3.0")
    brain = brain_from_config(told, *small_body())
    paces = {label: brain.rate_scale(label) for label, _ in brain.named_parameters()}
    quick = {label.rpartition(".")[2] for label, pace in paces.items() if pace == 3.0}
    assert (
        {"alpha", "rate", "decay_logit"} <= quick <= {"alpha", "alpha_pre", "rate", "decay_logit"}
    )


def test_a_population_without_a_drive_for_every_unit_is_refused_by_the_hebbian_form():
    config = {**OmegaConf.load(OPTIONS / "hebbian.yaml")}
    builder = factory_from_config(config, trusted=("brains.",))
    with pytest.raises(ValueError, match="a drive for every unit, got 7 for 12 units"):
        builder(**{**SIZES, "drive_size": 7})


@pytest.mark.parametrize(("setting", "value"), [("trace_rate", 0.0), ("bound", -1.0), ("size", 0)])
def test_a_number_that_makes_no_sense_is_refused_by_its_name(name, setting, value):
    with pytest.raises(ValueError, match=f"{setting} must"):
        build(name, **{setting: value})
