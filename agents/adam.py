"""Adam that limits the gradient's norm on the way, and takes parameters as they lie in memory."""

from typing import Any

import torch
from torch import Tensor

SMALLEST = 1e-6  # added to a norm that others are divided by


class LimitedAdam(torch.optim.Adam):
    """torch's fused Adam, whose state it shares, in fewer passes over the parameters.

    Limiting the norm by itself would read and write every gradient once more. torch also copies
    gradients that are laid out by columns, as those of synapses that are visited by their events
    are; here they are handed over transposed, which they are without a copy.

    Source: Kingma and Ba 2015, arXiv:1412.6980.
    """

    def forget_gradients(self) -> None:
        """Drop all gradients, before new ones are computed."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def gradient_norm(self) -> Tensor:
        """Return the norm of all gradients together, a scalar."""
        gradients = [
            _by_rows(parameter.grad)
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        return torch.stack(torch._foreach_norm(gradients)).norm()  # pyright: ignore[reportPrivateImportUsage]

    @torch.no_grad()
    def limited_step(self, norm: float, limit: float) -> None:
        """Take one step along gradients that are scaled down to a norm of at most `limit`.

        Args:
            norm: What `gradient_norm` returned.
            limit: Largest norm.
        """
        excess = (norm + SMALLEST) / limit
        scale = torch.tensor(excess) if excess > 1.0 else None
        for group in self.param_groups:
            taught = [one for one in group["params"] if one.grad is not None]
            if taught:
                self._step_group(group, taught, scale)

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        """Return the state of a parameter; at first that with which torch begins."""
        if parameter not in self.state:
            step = torch.zeros((), dtype=torch.float32, device=parameter.device)
            blank = torch.zeros_like(parameter)
            self.state[parameter] = {"step": step, "exp_avg": blank, "exp_avg_sq": blank.clone()}
        return self.state[parameter]

    def _step_group(
        self, group: dict[str, Any], taught: list[Tensor], scale: Tensor | None
    ) -> None:
        states = [self._state_of(one) for one in taught]
        steps = [state["step"] for state in states]
        torch._foreach_add_(steps, 1.0)  # pyright: ignore[reportPrivateImportUsage]
        first, second = group["betas"]
        torch._fused_adam_(  # pyright: ignore[reportPrivateImportUsage]
            [_by_rows(one) for one in taught],
            [_by_rows(one.grad) for one in taught if one.grad is not None],
            [_by_rows(state["exp_avg"]) for state in states],
            [_by_rows(state["exp_avg_sq"]) for state in states],
            [],
            steps,
            lr=group["lr"],
            beta1=first,
            beta2=second,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
            grad_scale=scale,
        )


def _by_rows(tensor: Tensor) -> Tensor:
    """Return a matrix whose columns lie side by side transposed; anything else as it is."""
    return tensor.t() if tensor.ndim == 2 and not tensor.is_contiguous() else tensor
