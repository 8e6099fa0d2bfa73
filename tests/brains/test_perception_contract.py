"""What every perception owes the brain."""

import pytest
import torch
from brains_helpers import CONTEXT_SIZE, LAYOUT, PRIVATE_LAYOUT, perceptions, percepts

from brains import tree_leaves, tree_map
from brains.perception import DirectPerception

STEPS, ROWS = 5, 4
PERCEPTIONS = perceptions()
NEEDS_PREDICTION = {"sparse, error only"}
ATTENTION = torch.linspace(0.5, 2.0, STEPS * ROWS).reshape(STEPS, ROWS, 1)


@pytest.fixture(params=sorted(PERCEPTIONS))
def part(request):
    torch.manual_seed(1)
    return PERCEPTIONS[request.param](True)


def test_every_perception_of_the_configuration_is_in_the_suite():
    assert {"none", "dense", "sparse"} <= set(PERCEPTIONS)
    assert len(PERCEPTIONS) == 7


@pytest.mark.parametrize("predicted", [True, False])
@pytest.mark.parametrize("name", sorted(PERCEPTIONS))
def test_the_code_has_the_size_that_is_announced(name, predicted):
    if name in NEEDS_PREDICTION and not predicted:
        pytest.skip("hears nothing but errors of prediction")
    part = PERCEPTIONS[name](predicted)
    code = part(percepts(ROWS, predicted=predicted), None)
    assert code.shape == (ROWS, part.output_size)
    assert code.dtype == torch.float32
    assert torch.isfinite(code).all()
    assert part.code_size <= part.output_size


def test_a_segment_gives_what_its_steps_give(part):
    segment = percepts(STEPS, ROWS)
    whole = part(segment, ATTENTION)
    assert whole.shape == (STEPS, ROWS, part.output_size)
    for step in range(STEPS):
        alone = part(tree_map(lambda leaf, at=step: leaf[at], segment), ATTENTION[step])
        torch.testing.assert_close(whole[step], alone)


def test_a_row_never_affects_another(part):
    percept = percepts(ROWS)
    changed = percept._replace(senses=percept.senses.clone())
    changed.senses[2] += 1.0
    plain, disturbed = part(percept, ATTENTION[0]), part(changed, ATTENTION[0])
    assert torch.equal(plain[[0, 1, 3]], disturbed[[0, 1, 3]])
    assert not torch.equal(plain[2], disturbed[2])


@pytest.mark.parametrize("name", sorted(PERCEPTIONS))
def test_what_is_private_never_enters_the_code(name):
    part = PERCEPTIONS[name](True, PRIVATE_LAYOUT)
    percept = percepts(ROWS)
    told = percept._replace(senses=percept.senses.clone())
    told.senses[:, PRIVATE_LAYOUT.action] += 1.0
    code = part(percept, ATTENTION[0])
    assert code.shape == (ROWS, part.output_size)
    assert torch.equal(part(told, ATTENTION[0]), code)
    told.senses[:, PRIVATE_LAYOUT.body] += 1.0
    assert not torch.equal(part(told, ATTENTION[0]), code)


def test_a_belief_stands_where_its_sense_stood():
    part = PERCEPTIONS["none"](True, PRIVATE_LAYOUT)
    percept = percepts(ROWS)
    belief, _ = part.belief_and_error(percept, None)
    torch.testing.assert_close(belief, PRIVATE_LAYOUT.hear(percept.senses))


@pytest.mark.parametrize("name", ["dense", "sparse"])
def test_units_are_as_loud_as_their_gain_says(name):
    part = PERCEPTIONS[name](True)
    code = part(percepts(ROWS), None)
    said = code[:, : part.code_size].clone()
    part.code_gain *= 0.5
    assert torch.equal(part(percepts(ROWS), None)[:, : part.code_size], 0.5 * said)


def test_perceiving_leaves_no_trace(part):
    percept, others = percepts(ROWS), percepts(ROWS, seed=1)
    before = tree_map(torch.clone, percept)
    kept = {name: value.clone() for name, value in part.state_dict().items()}
    first = part(percept, ATTENTION[0])
    part(others, None)
    assert torch.equal(part(percept, ATTENTION[0]), first)
    assert all(map(torch.equal, tree_leaves(percept), tree_leaves(before)))
    assert all(torch.equal(kept[name], value) for name, value in part.state_dict().items())


def test_attention_of_one_is_no_attention(part):
    percept = percepts(ROWS)
    assert torch.equal(part(percept, torch.ones(ROWS, 1)), part(percept, None))


def test_gradients_are_finite_and_reach_every_weight(part):
    code = part(percepts(STEPS, ROWS), None)
    assert code.requires_grad == bool(list(part.parameters()))
    if code.requires_grad:
        code.square().sum().backward()
    for parameter in part.parameters():
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.abs().sum() > 0


def test_what_is_watched_has_a_name_and_is_a_scalar(part):
    code = part(percepts(ROWS), None)[..., : part.code_size]
    for name, value in part.activity(code).items():
        assert name.isidentifier()
        assert value.shape == ()
        assert torch.isfinite(value)


@pytest.mark.parametrize("name", sorted(PERCEPTIONS))
def test_what_homeostasis_changes_is_kept_with_the_weights(name):
    segment = percepts(STEPS, ROWS)
    part, copy = PERCEPTIONS[name](True), PERCEPTIONS[name](True)
    part.homeostasis(segment, ATTENTION)
    copy.load_state_dict(part.state_dict())
    assert torch.equal(copy(segment, None), part(segment, None))


def test_without_perception_the_senses_pass_as_they_are():
    direct = PERCEPTIONS["none"](False)
    percept = percepts(ROWS, predicted=False)
    assert torch.equal(direct(percept, None), percept.senses)


@pytest.mark.parametrize("unit", ["senses", "predicted"])
def test_without_perception_error_and_context_stand_beside_the_senses(unit):
    percept = percepts(ROWS)
    prediction = percept.prediction
    direct = DirectPerception(
        layout=LAYOUT,
        columns=LAYOUT.body,
        context_size=CONTEXT_SIZE,
        error_unit=unit,
        context_gain=0.5,
    )
    code = direct(percept, None)
    senses, error, context = code.split([LAYOUT.size, len(LAYOUT.body), CONTEXT_SIZE], -1)
    torch.testing.assert_close(senses, percept.senses)
    expected = percept.senses[..., LAYOUT.body] - prediction.mean
    if unit == "predicted":
        expected = expected / prediction.deviation
    torch.testing.assert_close(error, expected)
    assert torch.equal(context, 0.5 * prediction.context)
