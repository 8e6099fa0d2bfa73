"""What a world model owes: better predictions than none, and honesty about their error."""

import pytest
import torch
from brains_helpers import world_model
from recorded_body import hopper

from brains.expectation import Sensed
from brains.recurrent import tree_map

TAUGHT, SEGMENT = 32, 16
"""Rows to learn from, the rest is held out; steps over which gradients flow."""


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
    model = world_model("predictive", layout, hidden_size=48)
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
