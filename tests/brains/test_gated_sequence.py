"""The gated segment passes against plain autograd over single steps."""

import pytest
import torch

from brains.controller import Controller
from brains.gated import GRUController, LSTMController
from brains.recurrent import tree_leaves, tree_map

KINDS = pytest.mark.parametrize("kind", [GRUController, LSTMController])


def lived(kind, *, modulated, restarts=True):
    """A controller in double precision, memory that is not empty, and a segment."""
    torch.manual_seed(0)
    memory = kind(input_size=5, hidden_size=7).double()
    torch.nn.init.normal_(memory.recurrent.bias)
    codes = torch.randn(9, 6, 5, dtype=torch.float64)
    starts = torch.rand(9, 6) < (0.2 if restarts else 0.0)
    state = tree_map(lambda leaf: torch.randn_like(leaf).requires_grad_(), memory.initial_state(6))
    gain = (0.5 + torch.rand(9, 6, 1, dtype=torch.float64)).requires_grad_() if modulated else None
    return memory, codes.requires_grad_(), starts, state, gain


def outcome(respond_all, memory, codes, starts, state, gain):
    """Features, final memory and the gradients of a random weighting of all of them."""
    features, final = respond_all(memory, memory.drive(codes), starts, state, gain)
    outputs = [features, *tree_leaves(final)]
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(o.shape, generator=generator, dtype=o.dtype) for o in outputs]
    loss = torch.stack([(o * w).sum() for o, w in zip(outputs, weights, strict=True)]).sum()
    leaves = [codes, *tree_leaves(state), *memory.parameters()]
    if gain is not None:
        leaves.append(gain)
    return outputs, torch.autograd.grad(loss, leaves)


@KINDS
@pytest.mark.parametrize("modulated", [True, False])
@pytest.mark.parametrize("restarts", [True, False])
def test_the_segment_pass_and_its_gradients_equal_plain_autograd(kind, modulated, restarts):
    segment = lived(kind, modulated=modulated, restarts=restarts)
    wanted = outcome(Controller.respond_all, *segment)
    found = outcome(kind.respond_all, *segment)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


@KINDS
def test_a_nan_in_the_memory_of_an_ended_episode_stays_behind(kind):
    memory, codes, starts, state, _ = lived(kind, modulated=False)
    starts[0] = True
    poisoned = tree_map(lambda leaf: torch.full_like(leaf, torch.nan), state)
    features, _ = memory.respond_all(memory.drive(codes), starts, poisoned)
    assert features.isfinite().all()
