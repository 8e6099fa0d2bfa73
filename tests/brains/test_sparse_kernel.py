"""The compiled competition and synapses equal torch's."""

import shutil

import pytest
import torch
from torch import nn

from brains.competition import k_winners, k_winners_of
from brains.kernels import KernelError
from brains.kernels.choice import compiled_kernel
from brains.kernels.compiler import load_kernel
from brains.synapses import EventSynapses

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")
VERSIONS = ("compiled", "torch")


@needs_compiler
def test_the_kernel_compiles():
    assert load_kernel("sparse").sparse_winners


def test_an_unknown_version_is_answered_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("WETWARE_SPARSE_KERNEL", "cuda")
    with pytest.raises(KernelError, match="auto, compiled, torch, got 'cuda'"):
        compiled_kernel("sparse")


def in_both(monkeypatch, function):
    results = []
    for version in VERSIONS:
        monkeypatch.setenv("WETWARE_SPARSE_KERNEL", version)
        results.append(function())
    return results


DRAWN = torch.Generator().manual_seed(0)


def noise(*shape):
    return torch.randn(*shape, generator=DRAWN)


POTENTIALS = {
    "many units": (noise(50, 512), 32),
    "units that fill no vector": (noise(50, 37), 5),
    "one loser": (noise(20, 9), 8),
    "a sequence": (noise(4, 5, 24), 1),
    "ties": (noise(200, 37).round(decimals=1), 5),
    "all equal": (torch.ones(3, 20), 4),
    "tiny": (noise(50, 24) * 1e-38, 4),
    "huge": (noise(50, 24) * 1e37, 4),
}


@needs_compiler
@pytest.mark.parametrize("name", POTENTIALS)
def test_compiled_winners_are_torchs_to_the_bit(name, monkeypatch):
    potential, winners = POTENTIALS[name]
    assert torch.equal(*in_both(monkeypatch, lambda: k_winners(potential, winners)))


@needs_compiler
def test_winners_have_the_same_gradient(monkeypatch):
    potential = torch.randn(6, 40, requires_grad=True)
    upstream = torch.randn(6, 40)

    def gradient():
        return torch.autograd.grad(k_winners(potential, 7), potential, upstream)[0]

    assert torch.equal(*in_both(monkeypatch, gradient))


@needs_compiler
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("units", "rest", "outputs"), [(40, 6, 130), (37, 0, 5), (512, 17, 256)])
def test_event_synapses_equal_the_linear_map_that_they_replace(
    units, rest, outputs, bias, monkeypatch
):
    linear = nn.Linear(units + rest, outputs, bias=bias)
    events = EventSynapses(linear, units)
    potential = torch.randn(3, 4, units, requires_grad=True)
    direct = torch.randn(3, 4, rest, requires_grad=True)
    upstream = torch.randn(3, 4, outputs)
    results = []
    for version, synapses in (("torch", linear), ("torch", events), ("compiled", events)):
        monkeypatch.setenv("WETWARE_SPARSE_KERNEL", version)
        drive = synapses(torch.cat([k_winners(potential, 4), direct], -1))
        inputs = [potential, direct, *synapses.parameters()]
        gradients = torch.autograd.grad(drive, inputs, upstream, allow_unused=True)
        results.append([drive, *gradients])
    for other in results[1:]:
        for one, another in zip(results[0], other, strict=True):
            torch.testing.assert_close(one, another, rtol=1e-4, atol=1e-5)


def test_a_silent_code_drives_with_the_bias_alone():
    events = EventSynapses(nn.Linear(24, 8), 24)
    assert torch.equal(events(torch.zeros(2, 24)), events.bias.expand(2, 8))


@needs_compiler
@pytest.mark.parametrize(
    ("rows", "units", "width", "winners"), [(70, 64, 122, 20), (5, 37, 9, 5), (300, 128, 64, 9)]
)
def test_units_that_hear_and_compete_have_torchs_gradients(
    rows, units, width, winners, monkeypatch
):
    heard, weight, bias = noise(rows, width), noise(units, width), noise(units)
    upstream, sources = noise(rows, units + 3)[:, 3:], [heard, weight, bias]
    for source in sources:
        source.requires_grad_()

    def results():
        code = k_winners_of(heard, weight, bias, winners)
        return [code, *torch.autograd.grad(code, sources, upstream)]

    for one, another in zip(*in_both(monkeypatch, results), strict=True):
        torch.testing.assert_close(one, another, rtol=1e-4, atol=1e-4)


@needs_compiler
def test_the_number_of_threads_does_not_change_a_bit():
    events = EventSynapses(nn.Linear(530, 300), 512)
    potential, direct, upstream = noise(300, 512), noise(300, 18), noise(300, 300)
    weight, bias = noise(512, 40).requires_grad_(), noise(512).requires_grad_()
    heard = (potential[:, :40] + 0.0).requires_grad_()

    def results():
        code = k_winners_of(heard, weight, bias, 32)
        drive = events(torch.cat([code, direct], -1))
        inputs = [heard, weight, bias, events.weight]
        return [drive, *torch.autograd.grad(drive, inputs, upstream)]

    found, before = [], torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(results())
    torch.set_num_threads(before)
    for one, another in zip(*found, strict=True):
        assert torch.equal(one, another)
