"""What a world model owes: better predictions than none, and honesty about their error."""

from pathlib import Path

import pytest
import torch
from brains_helpers import described_by
from recorded_body import hopper

from brains.expectation import Sensed
from brains.factory import factory_from_config
from brains.recurrent import detach, reset_where, tree_leaves, tree_map
from brains.senses import Layout

CONFIGS = Path(__file__).parents[2] / "conf" / "brain" / "world_model"
TAUGHT, SEGMENT = 32, 16
"""Rows to learn from, the rest is held out; steps over which gradients flow."""


def model_of(option, layout, **changes):
    config = described_by(CONFIGS / f"{option}.yaml")
    torch.manual_seed(0)
    return factory_from_config({**config, **changes}, trusted=("brains.",))(layout=layout)


def memories(model, senses, starts):
    """Return the memory where each segment begins, [segments * B, ...]."""
    state, found = model.initial_state(senses.shape[1]), []
    with torch.no_grad():
        for steps, begins in zip(senses.split(SEGMENT), starts.split(SEGMENT), strict=True):
            found.append(state)
            _, state = model.unroll(steps, begins, state)
    return tree_map(lambda *states: torch.cat(states), *found)


def cut(leaf):
    return leaf.unflatten(0, (-1, SEGMENT)).transpose(0, 1).flatten(1, 2)


def teach(model, senses, starts, passes, rate=3e-3):
    """Learn as the learner teaches it; return the losses of each step."""
    optimizer = torch.optim.Adam(model.parameters(), rate, eps=1e-5)
    chance, history = torch.Generator().manual_seed(0), []
    for _ in range(passes):
        state, segments, begins = memories(model, senses, starts), cut(senses), cut(starts)
        for rows in torch.randperm(segments.shape[1], generator=chance).split(40):
            memory = tree_map(lambda leaf, rows=rows: leaf[rows], state)
            reward = segments[:, rows, model.layout.columns["reward"]].squeeze(-1)
            losses = model.loss(segments[:, rows], reward, begins[:, rows], memory)
            optimizer.zero_grad()
            sum(losses.values()).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            history.append({name: float(loss.detach()) for name, loss in losses.items()})
    return history


@pytest.fixture(scope="module")
def learned():
    """A model that has learned from most rows, and what its losses were."""
    senses, starts, layout = hopper()
    model = model_of("predictive", layout, hidden_size=48)
    history = teach(model, senses[:, :TAUGHT], starts[:, :TAUGHT], passes=12)
    return model, history


@pytest.fixture(scope="module")
def held_out(learned):
    """Of rows that were not learned from: what was sensed, expected and believed."""
    model, _ = learned
    senses, starts, _ = hopper()
    senses, starts = senses[:, TAUGHT:], starts[:, TAUGHT:]
    sensed = model.sense(senses)
    with torch.no_grad():
        expected, lived = model.live(
            sensed, starts, model.initial_state(senses.shape[1]), fills_in=True
        )
    return sensed, expected, lived, ~starts


def square(error):
    return float(error.square().mean())


def linear_error(senses, starts, layout, taught, tested):
    """Return the error of least squares from the last senses and command to the next senses."""
    past = torch.cat([senses[:-1, :, layout.body], senses[1:, :, layout.action]], dim=-1)
    past = torch.cat([past, torch.ones_like(past[..., :1])], dim=-1)
    following, known = senses[1:, :, layout.body], ~starts[1:]
    fitted = torch.linalg.lstsq(
        past[:, taught][known[:, taught]], following[:, taught][known[:, taught]]
    )
    missed = past[:, tested] @ fitted.solution - following[:, tested]
    return square(missed[known[:, tested]])


def open_loop(model, held_out, horizon):
    """Return what happened, what was imagined, and what was last seen, [k, N, P] each.

    Only of stretches in which no episode ends.
    """
    sensed, _, lived, known = held_out
    told = []
    for start in range(4, len(known) - horizon - 1, 5):
        ahead = slice(start + 1, start + 1 + horizon)
        rows = known[ahead].all(dim=0)
        state = tree_map(lambda leaf, at=start, rows=rows: leaf[at][rows], lived)
        with torch.no_grad():
            imagined = model.imagine(state, sensed.action[ahead][:, rows], horizon)
        seen = sensed.body[start, rows].expand_as(imagined.mean)
        told.append((sensed.body[ahead][:, rows], imagined.mean, imagined.deviation, seen))
    return tuple(torch.cat(column, dim=1) for column in zip(*told, strict=True))


def test_training_lowers_every_loss(learned):
    _, history = learned
    for name in ("prediction_loss", "open_loop_loss", "reward_loss"):
        early, late = (
            sum(losses[name] for losses in part) / len(part)
            for part in (history[:10], history[-10:])
        )
        assert late < early - 0.1, name


def test_it_predicts_held_out_episodes_better_than_no_change_and_than_least_squares(held_out):
    senses, starts, layout = hopper()
    sensed, expected, _, known = held_out
    error = square((sensed.body - expected.mean)[known])
    unchanged = square((sensed.body[1:] - sensed.body[:-1])[known[1:]])
    linear = linear_error(senses, starts, layout, slice(TAUGHT), slice(TAUGHT, None))
    assert error < linear < unchanged


def test_it_predicts_reward_on_held_out_episodes(learned, held_out):
    model, _ = learned
    sensed, expected, _, known = held_out
    senses, _, layout = hopper()
    reward = senses[:, TAUGHT:, layout.columns["reward"]]
    with torch.no_grad():
        missed = model.expected_reward(expected, sensed.action) - reward
    assert square(missed[known]) < 0.25 * float(reward[known].var())


def test_one_step_ahead_as_many_errors_as_it_says_are_within_its_deviations(held_out):
    sensed, expected, _, known = held_out
    error = ((sensed.body - expected.mean) / expected.deviation)[known].abs()
    assert (error < 1.96).float().mean() == pytest.approx(0.95, abs=0.045)
    # Errors of a body with impacts have more peak and more tail than a Gaussian: not 0.683.
    assert 0.65 < (error < 1.0).float().mean() < 0.9


def test_what_it_imagines_grows_unsure_as_much_as_it_grows_wrong(learned, held_out):
    happened, imagined, deviation, seen = open_loop(learned[0], held_out, horizon=6)
    spread = deviation.mean((1, 2))
    assert (spread[1:] > spread[:-1]).all()
    error = (happened - imagined).abs()
    assert (error < deviation).float().mean() == pytest.approx(0.683, abs=0.12)
    assert (error < 1.96 * deviation).float().mean() == pytest.approx(0.95, abs=0.06)
    assert square(happened - imagined) < 0.3 * square(happened - seen)


def test_a_missing_sensor_is_filled_in_nearer_to_the_truth_than_its_last_value(learned, held_out):
    model, _ = learned
    sensed, _, lived, known = held_out
    for sensor in (1, 6, 9):
        filled, held = [], []
        for start in range(4, len(known) - 7, 5):
            rows = known[start + 1 : start + 7].all(dim=0)
            state = tree_map(lambda leaf, at=start, rows=rows: leaf[at][rows], lived)
            for at in range(start + 1, start + 7):
                body, action = sensed.body[at, rows], sensed.action[at, rows]
                alive = torch.ones_like(body)
                alive[:, sensor] = 0.0
                with torch.no_grad():
                    _, state = model.advance(
                        Sensed(body * alive, alive, action), state, fills_in=True
                    )
                filled.append((state.mean - body)[:, sensor])
                held.append((sensed.body[start, rows] - body)[:, sensor])
        assert square(torch.cat(filled)) < 0.5 * square(torch.cat(held)), sensor


@pytest.fixture(params=["linear", "predictive"])
def part(request):
    """A model of any kind whose every weight matters."""
    changes = {"hidden_size": 7} if request.param == "predictive" else {}
    model = model_of(request.param, hopper().layout, **changes)
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
        sum((leaf * leaf).sum() for leaf in prediction).backward()
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
    part = model_of("predictive", hopper().layout, hidden_size=7)
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
    model = model_of("predictive", hopper().layout)
    senses = hopper().senses[1]
    _, state = model(senses, model.initial_state(40))
    prediction, _ = model(hopper().senses[2], state)
    torch.testing.assert_close(prediction.mean, senses[:, model.columns])


def test_a_model_needs_neither_an_efference_copy_nor_a_reward_nor_to_know_what_is_alive():
    model = model_of("predictive", Layout({"senses": 4}))
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


def test_a_policy_may_steer_what_is_imagined(learned):
    model, _ = learned
    state = lived_state(model)
    commands = torch.randn(4, 5, 3)
    remaining = iter(commands)
    chosen = model.imagine(state, lambda _belief, _context: next(remaining), horizon=4)
    assert_same(chosen, model.imagine(state, commands, horizon=4))
    other = model.imagine(state, -commands, horizon=4)
    assert not torch.allclose(other.mean, chosen.mean)
