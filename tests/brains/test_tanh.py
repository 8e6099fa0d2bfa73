"""The compiled tangent against double precision."""

import pytest
import torch

from brains.kernels.tanh import fast_tanh


@pytest.mark.parametrize("reach", [12.0, 1.0, 1e-3, 1e-30])
def test_the_fast_tangent_is_the_true_one_to_single_precision(reach):
    values = torch.linspace(-reach, reach, 40_001)
    true = values.double().tanh()
    error = (fast_tanh(values).double() - true).abs()
    assert (error <= 2e-7 * true.abs()).all()


def test_what_is_not_finite_stays_what_it_is():
    found = fast_tanh(torch.tensor([torch.inf, -torch.inf, torch.nan, 0.0, -0.0]))
    assert found[:2].tolist() == [1.0, -1.0]
    assert found[2].isnan()
    assert torch.signbit(found[3:]).tolist() == [False, True]


def test_its_slope_is_one_minus_its_square():
    values = torch.linspace(-5, 5, 333).requires_grad_()
    result = fast_tanh(values)
    result.sum().backward()
    torch.testing.assert_close(values.grad, 1 - result.detach().square(), rtol=0, atol=1e-7)


def test_a_number_comes_out_the_same_wherever_it_stands():
    values = torch.randn(7, 129)
    whole = fast_tanh(values)
    assert torch.equal(fast_tanh(values[2:3, 5:70]), whole[2:3, 5:70])
    assert torch.equal(fast_tanh(values.t()), whole.t())


def test_double_precision_is_left_to_torch():
    values = torch.randn(10, dtype=torch.float64)
    assert torch.equal(fast_tanh(values), values.tanh())
