import math

import pytest
import torch

from agents.losses import (
    approximate_kl,
    clipped_surrogate,
    explained_variance,
    generalised_advantages,
)


def advantages(rewards, values, starts, last_value, last_start=False, gamma=0.5, gae_lambda=0.5):
    return (
        generalised_advantages(
            torch.tensor(rewards).unsqueeze(1),
            torch.tensor(values).unsqueeze(1),
            torch.tensor(starts).unsqueeze(1),
            torch.tensor([last_value]),
            torch.tensor([last_start]),
            gamma=gamma,
            gae_lambda=gae_lambda,
        )
        .squeeze(1)
        .tolist()
    )


def test_advantages_equal_those_computed_by_hand():
    # delta_1 = 2 + .5 * 4 - 1 = 3; delta_0 = 1 + .5 * 1 - 2 = -.5; A_0 = -.5 + .25 * 3
    found = advantages([1.0, 2.0], [2.0, 1.0], [True, False], last_value=4.0)
    assert found == pytest.approx([0.25, 3.0])


def test_nothing_flows_back_across_the_start_of_an_episode():
    found = advantages([1.0, 2.0], [2.0, 1.0], [True, True], last_value=4.0)
    assert found == pytest.approx([1.0 - 2.0, 3.0])


def test_the_value_after_the_last_step_counts_only_if_the_episode_goes_on():
    assert advantages([1.0], [0.0], [False], last_value=8.0) == pytest.approx([5.0])
    assert advantages([1.0], [0.0], [False], 8.0, last_start=True) == pytest.approx([1.0])


def test_with_lambda_one_advantage_is_return_minus_value():
    found = advantages([1.0, 1.0, 1.0], [0.3, 0.2, 0.1], [True, False, False], 0.0, gae_lambda=1.0)
    assert found == pytest.approx([1.75 - 0.3, 1.5 - 0.2, 1.0 - 0.1])


def test_the_surrogate_stops_its_gradient_where_the_ratio_has_moved_far_enough():
    log_ratio = torch.tensor([math.log(1.5), math.log(0.5), math.log(1.1)], requires_grad=True)
    loss = clipped_surrogate(log_ratio, torch.tensor([1.0, -1.0, 1.0]), 0.2)
    assert loss.item() == pytest.approx(-(1.2 - 0.8 + 1.1) / 3)
    loss.backward()
    assert log_ratio.grad[:2].tolist() == [0.0, 0.0]
    assert log_ratio.grad[2].item() == pytest.approx(-1.1 / 3)


def test_the_divergence_of_a_policy_from_itself_is_zero_and_never_negative():
    assert approximate_kl(torch.zeros(4)).item() == 0.0
    assert approximate_kl(torch.randn(100)).item() > 0.0


def test_a_perfect_critic_explains_everything_and_a_constant_one_nothing():
    returns = torch.tensor([1.0, 2.0, 3.0])
    assert explained_variance(returns, returns) == pytest.approx(1.0)
    assert explained_variance(torch.full((3,), 7.0), returns) == pytest.approx(0.0)
    assert explained_variance(returns, torch.ones(3)) is None
