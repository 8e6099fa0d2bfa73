"""What any world model owes: equal replay, rows apart, and silence about what it cannot sense."""

import pytest
import torch
from brains_helpers import world_model
from recorded_body import hopper

from brains.recurrent import detach, reset_where, tree_leaves, tree_map
from brains.senses import Layout


@pytest.fixture(params=["linear", "predictive"])
def part(request):
    """A model of any kind whose every weight matters."""
    changes = {"hidden_size": 7} if request.param == "predictive" else {}
    model = world_model(request.param, hopper().layout, **changes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


@pytest.fixture
def segment():
    """Nine steps of five rows in which sensors go missing and episodes begin."""
    senses, _, layout = hopper()
    senses = senses[40:49, :5].clone()
    missing = torch.rand(9, 5, len(layout.body), generator=torch.Generator().manual_seed(3)) < 0.3
    senses[..., layout.columns["alive"]] -= missing.float()
    starts = torch.zeros(9, 5, dtype=torch.bool)
    starts[0, 0] = starts[3, 1] = starts[3, 2] = starts[8, 1] = True
    return senses, starts


def lived_state(part, rows=5):
    """Memory that is not the initial one."""
    senses = hopper().senses[:6, :rows]
    nowhere = torch.zeros(6, rows, dtype=torch.bool)
    return detach(part.unroll(senses, nowhere, part.initial_state(rows))[1])


def stepped(part, senses, starts, state):
    told = []
    for step, begins in zip(senses, starts, strict=True):
        state = reset_where(begins, part.initial_state(len(begins)), state)
        prediction, state = part(step, state)
        told.append(prediction)
    return tree_map(lambda *steps: torch.stack(steps), *told), state


def assert_same(left, right, **tolerances):
    for one, other in zip(tree_leaves(left), tree_leaves(right), strict=True):
        torch.testing.assert_close(one, other, **tolerances)


@pytest.mark.parametrize("fills_in", [True, False])
def test_unrolling_equals_stepping(part, segment, fills_in):
    part.fills_in = fills_in
    senses, starts = segment
    assert_same(
        part.unroll(senses, starts, lived_state(part)),
        stepped(part, senses, starts, lived_state(part)),
    )


def test_gradients_of_unrolling_equal_those_of_stepping(part, segment):
    senses, starts = segment
    gradients = []
    for advance in (part.unroll, lambda *given: stepped(part, *given)):
        part.zero_grad()
        prediction, _ = advance(senses, starts, lived_state(part))
        sum((leaf * leaf).mean() for leaf in prediction).backward()
        gradients.append([p.grad.clone() for p in part.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(list(part.parameters())) - 2  # but the map to reward
    assert_same(tuple(gradients[0]), tuple(gradients[1]), rtol=1e-4, atol=1e-4)


def test_neither_stepping_nor_unrolling_nor_imagining_writes_into_its_state(part, segment):
    senses, starts = segment
    state = lived_state(part)
    before = tree_map(torch.clone, state)
    part(senses[0], state)
    part.unroll(senses, starts, state)
    part.loss(senses, senses[..., 0], starts, state)
    part.imagine(state, senses[..., part.layout.action], horizon=4)
    assert_same(state, before, rtol=0, atol=0)


def test_a_restarted_row_equals_a_fresh_one_and_other_rows_do_not_move(part, segment):
    senses, _ = segment
    state, fresh = lived_state(part), part.initial_state(5)
    restart = torch.tensor([False, True, False, False, False])
    mixed = part(senses[0], reset_where(restart, fresh, state))
    others = [0, 2, 3, 4]
    assert_same(*(tree_map(lambda x: x[1], told) for told in (mixed, part(senses[0], fresh))))
    assert_same(*(tree_map(lambda x: x[others], told) for told in (mixed, part(senses[0], state))))


def test_a_row_never_affects_another(part, segment):
    senses, starts = segment
    changed = senses.clone()
    changed[:, 2, :11] += 1.0
    plain = part.unroll(senses, starts, lived_state(part))[0]
    disturbed = part.unroll(changed, starts, lived_state(part))[0]
    others = [0, 1, 3, 4]
    assert_same(*(tree_map(lambda x: x[:, others], told) for told in (plain, disturbed)))
    assert not torch.equal(disturbed.mean[:, 2], plain.mean[:, 2])


def test_gradients_reach_the_first_senses_through_memory_and_stop_at_detach(segment):
    part = world_model("predictive", hopper().layout, hidden_size=7)
    torch.nn.init.normal_(part.readout.weight)
    senses = segment[0]
    nowhere = torch.zeros(8, 5, dtype=torch.bool)
    first = senses[0].clone().requires_grad_()
    _, state = part(first, part.initial_state(5))
    last = part.unroll(senses[1:], nowhere, state)[0].context[-1].sum()
    (gradient,) = torch.autograd.grad(last, first)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
    last = part.unroll(senses[1:], nowhere, detach(state))[0].context[-1].sum()
    assert torch.autograd.grad(last, first, allow_unused=True) == (None,)


def test_what_a_missing_sensor_reports_changes_nothing(part, segment):
    senses, starts = segment
    layout = part.layout
    broken = senses.clone()
    missing = layout.alive(senses) == 0
    assert missing.any()
    broken[..., :11] = torch.where(missing, 100.0, senses[..., :11])
    told = [part.unroll(one, starts, lived_state(part)) for one in (senses, broken)]
    assert_same(*told, rtol=0, atol=0)
    losses = [part.loss(one, one[..., 0], starts, lived_state(part)) for one in (senses, broken)]
    assert losses[0] == losses[1]


def test_a_body_without_any_sensor_that_reports_makes_no_error(part, segment):
    senses = segment[0][0].clone()
    senses[:, part.layout.columns["alive"]] = -1.0
    _, state = part(senses, lived_state(part))
    assert (state.errors == 0).all()
    _, state = part(segment[0][0], lived_state(part))
    assert (state.errors > 0).all()


def test_a_model_that_does_not_fill_in_expects_and_believes_what_arrives(part, segment):
    senses = segment[0][0]
    missing = part.layout.alive(senses) == 0
    filled, believed = part(senses, lived_state(part))
    part.fills_in = False
    plain, arrived = part(senses, lived_state(part))
    body = senses[..., part.columns]
    assert torch.equal(plain.mean[missing], body[missing])
    assert torch.equal(plain.mean[~missing], filled.mean[~missing])
    assert torch.equal(arrived.mean, body)
    assert not torch.isclose(believed.mean[missing], body[missing]).any()


def test_without_looking_a_model_goes_by_what_it_expects_whether_it_fills_in_or_not(part):
    senses, starts, _ = hopper()
    senses, starts = senses[40:49, :5], torch.zeros(9, 5, dtype=torch.bool)
    state, commands = lived_state(part), torch.randn(4, 5, 3)
    filling = part.loss(senses, senses[..., 0], starts, state), part.imagine(state, commands, 4)
    part.fills_in = False
    plain = part.loss(senses, senses[..., 0], starts, state), part.imagine(state, commands, 4)
    assert plain[0]["open_loop_loss"] == filling[0]["open_loop_loss"]
    assert_same(plain[1], filling[1])


def test_the_first_step_of_an_episode_is_expected_to_be_as_the_senses_are_on_average(part):
    prediction, state = part(hopper().senses[0], part.initial_state(40))
    assert (prediction.mean == 0).all()
    assert (prediction.deviation == 1).all()
    assert (state.begun == 1).all()


def test_a_first_step_alone_teaches_nothing_about_the_senses(part):
    senses = hopper().senses[:1]
    losses = part.loss(
        senses, senses[..., 0], senses[..., 0] == senses[..., 0], lived_state(part, 40)
    )
    assert losses["prediction_loss"] == 0
    assert "open_loop_loss" not in losses


def test_an_untrained_model_expects_no_change():
    model = world_model("predictive", hopper().layout)
    senses = hopper().senses[1]
    _, state = model(senses, model.initial_state(40))
    prediction, _ = model(hopper().senses[2], state)
    torch.testing.assert_close(prediction.mean, senses[:, model.columns])


def test_a_model_needs_neither_an_efference_copy_nor_a_reward_nor_to_know_what_is_alive():
    model = world_model("predictive", Layout({"senses": 4}))
    prediction, state = model(torch.randn(3, 4), model.initial_state(3))
    assert prediction.mean.shape == prediction.deviation.shape == (3, 4)
    assert list(model.signals(state)) == ["prediction_error/senses"]
    losses = model.loss(torch.randn(6, 3, 4), torch.zeros(6, 3), torch.zeros(6, 3) > 0, state)
    assert list(losses) == ["prediction_loss", "open_loop_loss"]


def test_errors_are_told_by_modality(part, segment):
    prediction, state = part(segment[0][0], lived_state(part))
    senses, alive = segment[0][0], part.layout.alive(segment[0][0])
    error = alive * (senses[:, part.columns] - prediction.mean) / prediction.deviation
    velocity = error[:, 5:].square().sum(-1) / alive[:, 5:].sum(-1).clamp_min(1)
    told = part.signals(state)
    assert list(told) == ["prediction_error/position", "prediction_error/velocity"]
    torch.testing.assert_close(told["prediction_error/velocity"], velocity.sqrt())


def test_a_policy_may_steer_what_is_imagined(part):
    state = lived_state(part)
    commands = torch.randn(4, 5, 3)
    remaining = iter(commands)
    chosen = part.imagine(state, lambda _belief, _context: next(remaining), horizon=4)
    assert_same(chosen, part.imagine(state, commands, horizon=4))
    other = part.imagine(state, -commands, horizon=4)
    assert not torch.allclose(other.mean, chosen.mean)
