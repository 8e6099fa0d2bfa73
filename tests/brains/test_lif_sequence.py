"""The segment pass against plain autograd, and the compiled kernel against torch."""

import itertools
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from brains.kernels import lif_kernel_name
from brains.lif import LIFParameters, LIFState, lif_step
from brains.lif_sequence import lif_control_step, lif_sequence
from brains.recurrent import reset_where, tree_map

SLOPE = 5.0
VARIANTS = list(itertools.product((True, False), (True, False), (True, False), (1, 3)))
variants = pytest.mark.parametrize(("adapts", "normed", "modulated", "substeps"), VARIANTS)
needs_compiler = pytest.mark.skipif(lif_kernel_name() == "torch", reason="no C compiler here")


class Segment(NamedTuple):
    drive: Tensor
    episode_start: Tensor
    state: LIFState
    parameters: LIFParameters
    gain: Tensor | None


def random_segment(
    adapts: bool,
    normed: bool,
    modulated: bool = False,
    *,
    steps: int = 7,
    rows: int = 11,
    neurons: int = 38,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> Segment:
    """Sizes that fill no register exactly; rows restart in mid-segment; memory is not at rest."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

    def leaf(value: Tensor) -> Tensor:
        return value.to(dtype).requires_grad_()

    shape = (rows, neurons)
    spikes = (uniform(0, 1, *shape) < 0.2).double()
    state = LIFState(0.5 * normal(*shape), spikes, uniform(0, 1, *shape), uniform(0, 1, *shape))
    parameters = LIFParameters(
        recurrent_weight=leaf(normal(neurons, neurons) / neurons**0.5),
        norm_weight=leaf(1 + 0.1 * normal(neurons)) if normed else None,
        norm_bias=leaf(0.1 * normal(neurons)) if normed else None,
        membrane_decay=leaf(uniform(0.5, 0.9, neurons)),
        readout_decay=leaf(uniform(0.5, 0.9, neurons)),
        adaptation_decay=leaf(uniform(0.9, 0.99, neurons)) if adapts else None,
        adaptation_strength=leaf(uniform(0.1, 0.6, neurons)) if adapts else None,
    )
    episode_start = uniform(0, 1, steps, rows) < 0.15
    drive = leaf(normal(steps, *shape))
    gain = leaf(uniform(0.6, 1.6, steps, rows, 1)) if modulated else None
    return Segment(drive, episode_start, tree_map(leaf, state), parameters, gain)


def by_steps(segment: Segment, substeps: int) -> tuple[Tensor, LIFState]:
    state, readouts = segment.state, []
    rest = LIFState(*(torch.zeros_like(leaf) for leaf in state))
    for step, starts in enumerate(segment.episode_start):
        state = reset_where(starts, rest, state)
        gain = None if segment.gain is None else segment.gain[step]
        for _ in range(substeps):
            state = lif_step(segment.drive[step], state, segment.parameters, slope=SLOPE, gain=gain)
        readouts.append(state.readout)
    return torch.stack(readouts), state


def at_once(segment: Segment, substeps: int) -> tuple[Tensor, LIFState]:
    return lif_sequence(
        segment.drive,
        segment.episode_start,
        segment.state,
        segment.parameters,
        slope=SLOPE,
        substeps=substeps,
        gain=segment.gain,
    )


def leaves_of(segment: Segment) -> dict[str, Tensor]:
    parameters = {name: p for name, p in segment.parameters._asdict().items() if p is not None}
    inputs = {"drive": segment.drive, "gain": segment.gain}
    present = {name: value for name, value in inputs.items() if value is not None}
    return {**present, **segment.state._asdict(), **parameters}


def gradients(outcome: tuple[Tensor, LIFState], segment: Segment) -> dict[str, Tensor]:
    """Of a random weighting of everything that comes out."""
    readout, final = outcome
    generator = torch.Generator().manual_seed(1)
    loss = readout.new_zeros(())
    for output in (readout, *final):
        loss = loss + (output * torch.randn(output.shape, generator=generator)).sum()
    leaves = leaves_of(segment)
    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def assert_equal(found: dict[str, Tensor], wanted: dict[str, Tensor], tolerance: float) -> None:
    for name, value in wanted.items():
        scale = float(value.abs().max())
        assert scale > 0, f"{name} tests nothing: it is zero everywhere"
        error = float((found[name] - value).abs().max())
        assert error <= tolerance * scale, f"{name}: {error} of {scale}"


@variants
def test_the_segment_pass_and_its_gradients_equal_plain_autograd(
    adapts, normed, modulated, substeps
):
    segment = random_segment(adapts, normed, modulated, dtype=torch.float64)
    plain, found = by_steps(segment, substeps), at_once(segment, substeps)
    torch.testing.assert_close(found, plain, rtol=1e-10, atol=1e-10)
    assert_equal(gradients(found, segment), gradients(plain, segment), 1e-9)


@needs_compiler
@variants
def test_the_compiled_kernel_equals_torch(adapts, normed, modulated, substeps, monkeypatch):
    segment = random_segment(adapts, normed, modulated)
    found = {}
    for kernel in ("torch", "compiled"):
        monkeypatch.setenv("WETWARE_LIF_KERNEL", kernel)
        outcome = at_once(segment, substeps)
        found[kernel] = outcome, gradients(outcome, segment)
    (readout, final), compiled_gradients = found["compiled"]
    (torch_readout, torch_final), torch_gradients = found["torch"]
    assert torch.equal(final.spikes, torch_final.spikes)
    torch.testing.assert_close(readout, torch_readout, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(final, torch_final, rtol=1e-4, atol=1e-5)
    assert_equal(compiled_gradients, torch_gradients, 1e-4)


@needs_compiler
@pytest.mark.parametrize("neurons", [1, 8, 32, 64, 100, 256])
@pytest.mark.parametrize("rows", [1, 4, 9, 32])
def test_no_size_of_population_or_batch_is_special(neurons, rows, monkeypatch):
    segment = random_segment(True, neurons > 1, True, neurons=neurons, rows=rows, steps=4)
    found = {}
    for kernel in ("torch", "compiled"):
        monkeypatch.setenv("WETWARE_LIF_KERNEL", kernel)
        outcome = at_once(segment, 1)
        found[kernel] = gradients(outcome, segment)
    for name, gradient in found["torch"].items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(
            found["compiled"][name], gradient, rtol=0, atol=1e-4 * scale + 1e-6, msg=name
        )


@needs_compiler
@variants
def test_a_compiled_step_gives_bit_for_bit_what_a_compiled_segment_gives(
    adapts, normed, modulated, substeps
):
    segment = random_segment(adapts, normed, modulated, rows=13)
    readout, final = at_once(segment, substeps)
    rest = LIFState(*(torch.zeros_like(leaf) for leaf in segment.state))
    with torch.inference_mode():
        state = segment.state
        for step, starts in enumerate(segment.episode_start):
            state = lif_control_step(
                segment.drive[step],
                reset_where(starts, rest, state),
                segment.parameters,
                slope=SLOPE,
                substeps=substeps,
                gain=None if segment.gain is None else segment.gain[step],
            )
            assert torch.equal(state.readout, readout[step])
    assert all(torch.equal(*pair) for pair in zip(state, final, strict=True))


@needs_compiler
def test_the_number_of_threads_changes_no_bit():
    segment = random_segment(True, True, True, steps=8, rows=40, neurons=256)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 2):
            torch.set_num_threads(threads)
            outcome = at_once(segment, 1)
            found.append([outcome[0], *outcome[1], *gradients(outcome, segment).values()])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(*pair) for pair in zip(found[0], other, strict=True))


@needs_compiler
def test_a_row_is_computed_the_same_in_any_company():
    segment = random_segment(True, True, True, rows=12)
    chosen = torch.tensor([10, 3])
    alone = Segment(
        segment.drive[:, chosen],
        segment.episode_start[:, chosen],
        LIFState(*(leaf[chosen] for leaf in segment.state)),
        segment.parameters,
        segment.gain[:, chosen],
    )
    assert torch.equal(at_once(alone, 1)[0], at_once(segment, 1)[0][:, chosen])


@pytest.mark.parametrize("kernel", ["torch", pytest.param("compiled", marks=needs_compiler)])
def test_without_adaptation_its_memory_passes_through_and_restarts(kernel, monkeypatch):
    monkeypatch.setenv("WETWARE_LIF_KERNEL", kernel)
    segment = random_segment(False, True)
    restarted = segment.episode_start.any(dim=0)
    assert restarted.any()
    assert not restarted.all()
    expected = segment.state.adaptation.masked_fill(restarted.unsqueeze(-1), 0.0)
    assert torch.equal(at_once(segment, 2)[1].adaptation, expected)


@pytest.mark.parametrize("kernel", ["torch", pytest.param("compiled", marks=needs_compiler)])
@pytest.mark.parametrize("name", ["drive", "potential", "recurrent_weight", "membrane_decay"])
def test_a_nan_that_goes_in_comes_out(name, kernel, monkeypatch):
    monkeypatch.setenv("WETWARE_LIF_KERNEL", kernel)
    segment = random_segment(True, True)
    segment = segment._replace(episode_start=torch.zeros_like(segment.episode_start))
    with torch.no_grad():
        leaves_of(segment)[name].view(-1)[5] = torch.nan
    outcome = at_once(segment, 1)
    assert outcome[1].potential.isnan().any()
    found = gradients(outcome, segment)
    assert found["drive"].isnan().any()
    assert found["membrane_decay"].isnan().any()
    assert found["recurrent_weight"].isnan().any()


@pytest.mark.parametrize("kernel", ["torch", pytest.param("compiled", marks=needs_compiler)])
def test_a_gain_of_one_everywhere_changes_no_bit(kernel, monkeypatch):
    monkeypatch.setenv("WETWARE_LIF_KERNEL", kernel)
    segment = random_segment(True, True)
    ones = torch.ones(*segment.episode_start.shape, 1)
    plain, modulated = at_once(segment, 2), at_once(segment._replace(gain=ones), 2)
    pairs = [*zip(plain[1], modulated[1], strict=True), (plain[0], modulated[0])]
    assert all(torch.equal(*pair) for pair in pairs)
    wanted, found = gradients(plain, segment), gradients(modulated, segment)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@needs_compiler
def test_inputs_that_are_views_are_read_as_the_values_they_show():
    segment = random_segment(True, True, True)
    turned = segment._replace(
        drive=segment.drive.transpose(0, 1).contiguous().transpose(0, 1),
        gain=segment.gain.transpose(0, 1).contiguous().transpose(0, 1),
        parameters=segment.parameters._replace(
            recurrent_weight=segment.parameters.recurrent_weight.t().contiguous().t()
        ),
    )
    straight, found = at_once(segment, 1), at_once(turned, 1)
    assert torch.equal(found[0], straight[0])
    wanted = gradients(straight, segment)
    for name, gradient in gradients(found, turned).items():
        assert torch.equal(gradient, wanted[name]), name
