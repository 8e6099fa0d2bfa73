"""Surrogate gradients: a step forward, a smooth slope backward."""

import torch
from torch import Tensor


def spike(distance: Tensor) -> Tensor:
    """Return 1 where the potential is above threshold, else 0; same dtype as the input."""
    return (distance > 0).to(distance.dtype)


def fast_sigmoid_slope(distance: Tensor, slope: float) -> Tensor:
    """Return the pseudo-derivative of a spike.

        dS/dv = 1 / (1 + slope |v - v_th|)^2

    Its tails never vanish, so a neuron far from threshold still learns (a rectangular window
    leaves saturated neurons without gradient).

    Args:
        distance: Potential minus threshold, any shape.
        slope: Sharpness; larger is nearer to the true step.

    Source: SuperSpike, Zenke and Ganguli 2018, doi:10.1162/neco_a_01086.
    """
    return distance.abs().mul_(slope).add_(1.0).square_().reciprocal_()


class FastSigmoidSpike(torch.autograd.Function):
    """Heaviside step whose backward pass is `fast_sigmoid_slope`."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, distance: Tensor, slope: float) -> Tensor:
        """Return spikes of the same shape as `distance`."""
        ctx.save_for_backward(distance)
        ctx.slope = slope  # type: ignore[attr-defined]
        return spike(distance)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        """Return the gradient with respect to `distance`."""
        (distance,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return gradient * fast_sigmoid_slope(distance, ctx.slope), None  # type: ignore[attr-defined]


def surrogate_spike(distance: Tensor, slope: float) -> Tensor:
    """Return spikes, 0 or 1, that carry a fast-sigmoid gradient."""
    return FastSigmoidSpike.apply(distance, slope)  # type: ignore[no-any-return]
