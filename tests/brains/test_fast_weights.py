"""The equations of fast weights, their kernel, and what survives an episode."""

import math

import pytest
import torch

from brains.fast_weights import (
    Association,
    FastWeightRule,
    FastWeights,
    fast_weights_read,
    fast_weights_sequence,
    fast_weights_step,
)
from brains.kernels import KernelError
from brains.kernels.fast_weights import fast_weights_kernel_name
from brains.recurrent import Lasting, reset_where

KERNEL = "WETWARE_FAST_WEIGHTS_KERNEL"
STEPS, ROWS = 9, 4


def random_segment(post, pre, *, dtype=torch.float32, lasting=False, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        drawn = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return drawn.to(dtype).requires_grad_()

    shown = Association(draw(STEPS, ROWS, post), draw(STEPS, ROWS, pre), draw(STEPS, ROWS, post))
    state = FastWeights(draw(ROWS, post, pre), draw(ROWS, post, pre))
    decay = (torch.rand(post, generator=generator, dtype=torch.float64) * 0.2 + 0.8).to(dtype)
    starts = torch.rand(STEPS, ROWS, generator=generator) < 0.2
    query = draw(STEPS, ROWS, pre)
    return shown, query, starts, state, FastWeightRule(0.2, 2.0, lasting, decay.requires_grad_())


def answers_and_gradients(shown, query, starts, state, rule):
    answers, after = fast_weights_sequence(shown, query, starts, state, rule)
    weighing = torch.linspace(-1, 1, answers.numel(), dtype=answers.dtype).reshape(answers.shape)
    loss = (answers * weighing).sum() + after.weights.square().sum() + after.eligibility.sin().sum()
    leaves = [*shown, query, *state, rule.decay]
    return [answers, *after, *torch.autograd.grad(loss, leaves)]


def test_a_step_is_the_equation_by_hand():
    rule = FastWeightRule(0.25, 2.0, False, torch.tensor([0.5]))
    state = FastWeights(torch.tensor([[[4.0, 0.0]]]), torch.tensor([[[1.0, 3.0]]]))
    shown = Association(torch.tensor([[2.0]]), torch.tensor([[-1.0, 8.0]]), torch.tensor([[0.5]]))
    after = fast_weights_step(shown, state, rule)
    torch.testing.assert_close(after.eligibility, torch.tensor([[[2.5, 4.0]]]))
    torch.testing.assert_close(after.weights, torch.tensor([[[1.75, 2.0]]]))  # 3.5 is beyond
    answer = fast_weights_read(torch.tensor([[1.0, -1.0]]), after)
    torch.testing.assert_close(answer, torch.tensor([[-0.25]]))


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("sizes", [(16, 16), (5, 7), (3, 33)])
def test_the_kernel_equals_autograd_in_double_precision(sizes, lasting, monkeypatch):
    if fast_weights_kernel_name() != "compiled":
        pytest.skip("no compiler on this machine")
    compiled = answers_and_gradients(*random_segment(*sizes, lasting=lasting))
    exact = answers_and_gradients(*random_segment(*sizes, lasting=lasting, dtype=torch.float64))
    monkeypatch.setenv(KERNEL, "torch")
    plain = answers_and_gradients(*random_segment(*sizes, lasting=lasting))
    for fast, slow, truth in zip(compiled, plain, exact, strict=True):
        torch.testing.assert_close(fast.double(), truth, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(slow, fast, rtol=1e-4, atol=1e-5)


def test_the_kernel_gives_the_same_bits_for_a_step_alone_and_for_any_number_of_threads():
    shown, query, _, state, rule = random_segment(40, 40)
    nowhere = torch.zeros(STEPS, ROWS, dtype=torch.bool)
    before = torch.get_num_threads()
    whole = answers_and_gradients(shown, query, nowhere, state, rule)
    torch.set_num_threads(2)
    try:
        again = answers_and_gradients(shown, query, nowhere, state, rule)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))
    for step in range(STEPS):
        one = slice(step, step + 1)
        seen = Association(*(part[one] for part in shown))
        answer, state = fast_weights_sequence(seen, query[one], nowhere[one], state, rule)
        if fast_weights_kernel_name() == "compiled":
            assert torch.equal(answer[0], whole[0][step])


def test_the_gradient_of_the_torch_form_is_that_of_finite_differences():
    shown, query, starts, state, rule = random_segment(2, 3, dtype=torch.float64, seed=3)

    def function(post, pre, gain, query, eligibility, weights, decay):
        answers, after = fast_weights_sequence(
            Association(post, pre, gain), query, starts, FastWeights(eligibility, weights),
            rule._replace(decay=decay),
        )  # fmt: skip
        return answers.sum() + after.weights.sin().sum()

    assert torch.autograd.gradcheck(function, (*shown, query, *state, rule.decay))


def test_a_kernel_that_does_not_exist_is_refused_by_name(monkeypatch):
    monkeypatch.setenv(KERNEL, "cuda")
    with pytest.raises(KernelError, match="must be one of auto, compiled, torch, got 'cuda'"):
        fast_weights_kernel_name()


def test_only_what_is_marked_as_lasting_outlives_an_episode():
    kept, lost = torch.ones(3, 2), torch.ones(3, 4, 4)
    state = (Lasting(kept), (lost,))
    fresh = (Lasting(torch.zeros(3, 2)), (torch.zeros(3, 4, 4),))
    begins = torch.tensor([False, True, False])
    (lasting, (gone,)) = reset_where(begins, fresh, state)
    assert torch.equal(lasting.value, kept)
    assert gone[1].sum() == 0 and torch.equal(gone[[0, 2]], lost[[0, 2]])
    assert math.isclose(lost.sum(), 48)
