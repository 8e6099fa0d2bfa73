"""The critic: how much reward is still to come."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from brains.feedforward import tanh_layers
from brains.kernels.tanh import fast_tanh
from brains.ranges import require_layers


class Critic(nn.Module):
    """Multi-layer perceptron on the senses and on what the controller remembers.

    The controller's output is detached, so that the value loss never pulls on the controller.

    Args:
        senses_size: Numbers of the normalised senses.
        memory_size: Numbers of the controller's output.
        hidden_sizes: Units of each layer.
        sees_memory: Whether the controller's output is an input; a controller without memory has
            nothing to add to the senses.

    Raises:
        ValueError: If there is no layer, or one without units.
    """

    def __init__(
        self,
        *,
        senses_size: int,
        memory_size: int,
        hidden_sizes: Sequence[int],
        sees_memory: bool,
    ) -> None:
        super().__init__()
        require_layers(hidden_sizes=hidden_sizes)
        self.sees_memory = sees_memory
        first, *others = hidden_sizes
        self.from_senses = nn.Linear(senses_size, first)
        self.from_memory = nn.Linear(memory_size, first, bias=False) if sees_memory else None
        self._initialise_first_layer()
        self.layers = tanh_layers(first, others)
        self.head = nn.Linear(hidden_sizes[-1], 1)
        nn.init.orthogonal_(self.head.weight, 1.0)
        nn.init.zeros_(self.head.bias)

    def _initialise_first_layer(self) -> None:
        """Make the weights of senses and memory together one orthogonal matrix."""
        parts = [self.from_senses.weight]
        if self.from_memory is not None:
            parts.append(self.from_memory.weight)
        whole = torch.empty(len(parts[0]), sum(part.shape[1] for part in parts))
        nn.init.orthogonal_(whole, 2.0**0.5)
        with torch.no_grad():
            for part, drawn in zip(parts, whole.split([p.shape[1] for p in parts], 1), strict=True):
                part.copy_(drawn)
        nn.init.zeros_(self.from_senses.bias)

    def forward(self, senses: Tensor, memory: Tensor) -> Tensor:
        """Return the value, [...], of senses [..., senses] and memory [..., memory]."""
        hidden = self.from_senses(senses)
        if self.from_memory is not None:  # added in place of joined: joining copies the memory
            hidden = hidden + self.from_memory(memory.detach())
        return self.head(self.layers(fast_tanh(hidden))).squeeze(-1)
