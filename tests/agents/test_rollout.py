from typing import NamedTuple

import pytest
import torch

from agents.rollout import Rollout
from brains import BrainOutput

STEPS, ROWS, SEGMENT = 6, 3, 2


class Marked(NamedTuple):
    mark: torch.Tensor


def filled():
    """A rollout whose numbers say where they belong: 10 * step + row."""
    rollout = Rollout(STEPS, ROWS, SEGMENT, action_size=1, device=torch.device("cpu"))
    for step in range(STEPS):
        marks = 10.0 * step + torch.arange(ROWS)
        output = BrainOutput(marks.unsqueeze(1), torch.zeros(1), marks)
        starts = torch.zeros(ROWS, dtype=torch.bool)
        rollout.add(
            Marked(marks), Marked(marks.unsqueeze(1)), starts, output, marks.unsqueeze(1), marks
        )
        rollout.add_reward(marks)
    nobody = torch.zeros(ROWS, dtype=torch.bool)
    rollout.finish(torch.zeros(ROWS), nobody, gamma=0.9, gae_lambda=0.9)
    return rollout


def test_every_field_of_a_segment_belongs_to_the_same_steps_of_the_same_row():
    for batch in filled().minibatches(3, torch.Generator()):
        marks = batch.percepts.mark.squeeze(-1)
        torch.testing.assert_close(marks[0], batch.state.mark)  # memory from where it begins
        torch.testing.assert_close(marks[1], marks[0] + 10.0)  # steps in order, one row each
        torch.testing.assert_close(batch.actions.squeeze(-1), marks)
        torch.testing.assert_close(batch.log_probs, marks)


def test_a_pass_visits_every_step_exactly_once():
    seen = torch.cat([b.log_probs.flatten() for b in filled().minibatches(4, torch.Generator())])
    expected = [10.0 * step + row for step in range(STEPS) for row in range(ROWS)]
    assert sorted(seen.tolist()) == expected


def test_segments_must_divide_the_rollout():
    with pytest.raises(ValueError, match="6 and 4"):
        Rollout(6, 1, 4, action_size=1, device=torch.device("cpu"))


def test_more_minibatches_than_segments_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match="lower n_minibatches"):
        list(filled().minibatches(10, torch.Generator()))
