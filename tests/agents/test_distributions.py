import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents.distributions import distribution_of
from brains import BrainOutput

BOUNDS = (np.array([-2.0, 0.0], np.float32), np.array([2.0, 1.0], np.float32))
GAUSSIAN = distribution_of(spaces.Box(*BOUNDS))
CATEGORICAL = distribution_of(spaces.Discrete(3, start=5))


def said(action, log_std=(0.0, 0.0)):
    return BrainOutput(torch.tensor(action), torch.tensor(log_std), torch.zeros(len(action)))


def test_log_density_and_entropy_equal_torchs():
    output = said([[0.3, -1.2]], (-0.5, 0.2))
    reference = torch.distributions.Normal(output.action, output.log_std.exp())
    action = torch.tensor([[0.1, 0.4]])
    expected = reference.log_prob(action).sum(-1)
    torch.testing.assert_close(GAUSSIAN.log_prob(output, action), expected)
    torch.testing.assert_close(GAUSSIAN.entropy(output), reference.entropy().sum(-1))


def test_the_brains_unit_interval_spans_the_bodys_bounds_and_no_more():
    stretched = GAUSSIAN.to_body(torch.tensor([[1.0, -1.0], [-9.0, 9.0], [0.0, 0.0]]))
    np.testing.assert_allclose(stretched, [[2.0, 0.0], [-2.0, 1.0], [0.0, 0.5]])


def test_unbounded_actions_pass_as_they_are():
    unbounded = distribution_of(spaces.Box(-np.inf, np.inf, (1,)))
    np.testing.assert_allclose(unbounded.to_body(torch.tensor([[7.5]])), [[7.5]])


def test_discrete_choices_follow_their_logits():
    output = said([[0.0, 5.0, 0.0]])
    assert CATEGORICAL.to_body(CATEGORICAL.mode(output)).tolist() == [6]
    reference = torch.distributions.Categorical(logits=output.action)
    log_prob = CATEGORICAL.log_prob(output, torch.tensor([[2.0]]))
    torch.testing.assert_close(log_prob, reference.log_prob(torch.tensor([2])))
    torch.testing.assert_close(CATEGORICAL.entropy(output), reference.entropy())


def test_the_same_generator_state_draws_the_same_action():
    for distribution, output in (
        (GAUSSIAN, said([[0.0, 0.0]])),
        (CATEGORICAL, said([[0.0, 0.0, 0.0]])),
    ):
        first, second = (
            distribution.sample(output, torch.Generator().manual_seed(3)) for _ in range(2)
        )
        assert torch.equal(first, second)


def test_other_spaces_are_refused():
    with pytest.raises(ValueError, match="Box or Discrete"):
        distribution_of(spaces.MultiBinary(2))
