"""What every recurrent part owes the learner."""

from functools import partial

import pytest
import torch
from brains_helpers import INPUT_SIZE, controllers

from brains.recurrent import detach, reset_where, tree_leaves, tree_map

STEPS, ROWS = 7, 4
CONTROLLERS = controllers()


@pytest.fixture(params=sorted(CONTROLLERS))
def part(request):
    torch.manual_seed(1)
    return CONTROLLERS[request.param]()


@pytest.fixture
def inputs():
    return torch.randn(STEPS, ROWS, INPUT_SIZE, generator=torch.Generator().manual_seed(2)) * 3


@pytest.fixture
def starts():
    starts = torch.zeros(STEPS, ROWS, dtype=torch.bool)
    starts[0, 0] = starts[3, 1] = starts[3, 2] = starts[6, 1] = True
    return starts


def step_through(part, inputs, starts, state):
    outputs = []
    for observed, begins in zip(inputs, starts, strict=True):
        state = reset_where(begins, part.initial_state(ROWS), state)
        output, state = part(observed, state)
        outputs.append(output)
    return torch.stack(outputs), state


def lived_state(part):
    """Memory that is not the initial one."""
    state = part.initial_state(ROWS)
    for _ in range(5):
        _, state = part(torch.randn(ROWS, INPUT_SIZE) * 3, state)
    return detach(state)


def assert_same(left, right):
    for one, other in zip(tree_leaves(left), tree_leaves(right), strict=True):
        torch.testing.assert_close(one, other)


def test_every_controller_of_the_configuration_is_in_the_suite():
    assert {"gru", "lstm", "mlp", "rate", "spiking"} <= set(CONTROLLERS)
    assert len(CONTROLLERS) == 8


def test_unrolling_equals_stepping(part, inputs, starts):
    state = lived_state(part)
    stepped, after_steps = step_through(part, inputs, starts, state)
    unrolled, after_unroll = part.unroll(inputs, starts, state)
    torch.testing.assert_close(unrolled, stepped)
    assert_same(after_unroll, after_steps)


def test_gradients_of_unrolling_equal_those_of_stepping(part, inputs, starts):
    gradients = []
    state = lived_state(part)
    for advance in (partial(step_through, part), part.unroll):
        outputs, _ = advance(inputs, starts, state)
        part.zero_grad()
        (outputs * torch.linspace(-1, 1, outputs.numel()).reshape(outputs.shape)).sum().backward()
        gradients.append([parameter.grad.clone() for parameter in part.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_same_inputs_and_state_twice_give_the_same_output_and_leave_the_state_alone(
    part, inputs
):
    state = lived_state(part)
    before = tree_map(torch.clone, state)
    first, _ = part(inputs[0], state)
    second, _ = part(inputs[0], state)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    for one, other in zip(tree_leaves(state), tree_leaves(before), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_unrolling_leaves_its_state_alone(part, inputs, starts):
    state = lived_state(part)
    before = tree_map(torch.clone, state)
    part.unroll(inputs, starts, state)[0].sum().backward()
    for one, other in zip(tree_leaves(state), tree_leaves(before), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_restarted_row_equals_a_fresh_one_and_other_rows_do_not_move(part, inputs):
    state = lived_state(part)
    restart = torch.tensor([False, True, False, False])
    fresh, _ = part(inputs[0], part.initial_state(ROWS))
    kept, _ = part(inputs[0], state)
    mixed, _ = part(inputs[0], reset_where(restart, part.initial_state(ROWS), state))
    torch.testing.assert_close(mixed[1], fresh[1])
    torch.testing.assert_close(mixed[[0, 2, 3]], kept[[0, 2, 3]])


def test_a_row_never_affects_another(part, inputs, starts):
    state = lived_state(part)
    plain, _ = part.unroll(inputs, starts, state)
    changed = inputs.clone()
    changed[:, 2] += 1.0
    disturbed, _ = part.unroll(changed, starts, state)
    others = [0, 1, 3]
    torch.testing.assert_close(disturbed[:, others], plain[:, others])
    assert not torch.equal(disturbed[:, 2], plain[:, 2])


def test_memory_shows_or_there_is_none(part, inputs):
    without_memory = not tree_leaves(part.initial_state(ROWS))
    fresh, _ = part(inputs[0], part.initial_state(ROWS))
    lived, _ = part(inputs[0], lived_state(part))
    assert torch.equal(fresh, lived) == without_memory


def test_gradients_reach_the_first_input_through_memory_and_stop_at_detach(part, inputs):
    if not tree_leaves(part.initial_state(ROWS)):
        pytest.skip("no memory for a gradient to travel through")
    first = inputs[0].clone().requires_grad_()
    nowhere = torch.zeros(STEPS - 1, ROWS, dtype=torch.bool)
    _, state = part(first, part.initial_state(ROWS))
    output, _ = part.unroll(inputs[1:], nowhere, state)
    (gradient,) = torch.autograd.grad(output[-1].sum(), first)
    assert gradient.abs().sum() > 0
    assert torch.isfinite(gradient).all()
    output, _ = part.unroll(inputs[1:], nowhere, detach(state))
    assert torch.autograd.grad(output[-1].sum(), first, allow_unused=True) == (None,)


def test_a_restart_stops_the_gradient(part, inputs):
    if not tree_leaves(part.initial_state(ROWS)):
        pytest.skip("no memory for a gradient to travel through")
    sensed = inputs.clone().requires_grad_()
    starts = torch.zeros(STEPS, ROWS, dtype=torch.bool)
    starts[4] = True
    output, _ = part.unroll(sensed, starts, part.initial_state(ROWS))
    (gradient,) = torch.autograd.grad(output[-1].sum(), sensed)
    assert gradient[:4].abs().sum() == 0
    assert gradient[4:].abs().sum() > 0


def test_every_leaf_of_the_state_is_batch_first(part):
    for leaf in tree_leaves(part.initial_state(3)):
        assert leaf.shape[0] == 3
