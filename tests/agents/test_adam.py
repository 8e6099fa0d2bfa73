"""The optimiser equals torch's, whose gradients were limited before."""

import pytest
import torch
from torch import nn

from agents.adam import LimitedAdam


def parameters():
    drawn = torch.Generator().manual_seed(0)
    shapes = ((40, 30), (30,), (7, 5))
    plain = [torch.randn(shape, generator=drawn) for shape in shapes]
    by_columns = torch.randn(50, 20, generator=drawn).t().contiguous().t()
    return [nn.Parameter(one) for one in (*plain, by_columns)]


@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_steps_equal_those_of_torch_with_gradients_limited_before(limit):
    ours, torchs = parameters(), parameters()
    limited = LimitedAdam([{"params": ours[:2]}, {"params": ours[2:], "lr": 0.03}], lr=0.1)
    whole = torch.optim.Adam([{"params": torchs[:2]}, {"params": torchs[2:], "lr": 0.03}], lr=0.1)
    for _ in range(4):
        limited.forget_gradients()
        whole.zero_grad()
        for members in (ours, torchs):
            sum((one.square() * one).sum() for one in members).backward()
        norm = limited.gradient_norm()
        expected = nn.utils.clip_grad_norm_(torchs, limit)
        torch.testing.assert_close(norm, expected)
        limited.limited_step(float(norm), limit)
        whole.step()
        for one, another in zip(ours, torchs, strict=True):
            torch.testing.assert_close(one, another, rtol=1e-5, atol=1e-6)


def test_what_has_no_gradient_stays_as_it_is():
    taught, idle = parameters()[:2]
    before = idle.detach().clone()
    optimizer = LimitedAdam([taught, idle], lr=0.1)
    taught.square().sum().backward()
    optimizer.limited_step(float(optimizer.gradient_norm()), 1.0)
    assert torch.equal(idle, before)
    assert set(optimizer.state) == {taught}


def test_torch_goes_on_from_its_state():
    ours = parameters()
    optimizer = LimitedAdam(ours, lr=0.1)
    sum(one.square().sum() for one in ours).backward()
    optimizer.limited_step(float(optimizer.gradient_norm()), 1.0)
    torchs = torch.optim.Adam([nn.Parameter(one.detach().clone()) for one in ours], lr=0.1)
    torchs.load_state_dict(optimizer.state_dict())
    assert torchs.state_dict()["state"].keys() == optimizer.state_dict()["state"].keys()
