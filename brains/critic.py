"""The critic: how much reward is still to come."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from brains.feedforward import tanh_layers


class Critic(nn.Module):
    """Multi-layer perceptron on the senses and on what the controller remembers.

    The controller's output is detached, so that the value loss never pulls on the controller.

    Args:
        senses_size: Numbers of the normalised senses.
        memory_size: Numbers of the controller's output.
        hidden_sizes: Units of each layer.
        sees_memory: Whether the controller's output is an input; a controller without memory has
            nothing to add to the senses.
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
        self.sees_memory = sees_memory
        input_size = senses_size + memory_size * sees_memory
        self.layers = tanh_layers(input_size, hidden_sizes)
        self.head = nn.Linear(hidden_sizes[-1], 1)
        nn.init.orthogonal_(self.head.weight, 1.0)
        nn.init.zeros_(self.head.bias)

    def forward(self, senses: Tensor, memory: Tensor) -> Tensor:
        """Return the value, [...], of senses [..., senses] and memory [..., memory]."""
        inputs = torch.cat([senses, memory.detach()], dim=-1) if self.sees_memory else senses
        return self.head(self.layers(inputs)).squeeze(-1)
