"""The short way from senses to action, beside the controller."""

import torch
from torch import Tensor, nn


class LinearReflex(nn.Module):
    """A linear map from senses to action that starts at zero and is learned with the rest.

    Args:
        input_size: Numbers of the normalised senses.
        action_size: Numbers of the action.
    """

    def __init__(self, *, input_size: int, action_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(action_size, input_size))

    def forward(self, senses: Tensor) -> Tensor:
        """Return what is added to the action, [..., A]."""
        return nn.functional.linear(senses, self.weight)


class NoReflex(nn.Module):
    """Adds nothing: the controller alone moves the body.

    Args:
        input_size: Unused; the same signature as a reflex.
        action_size: Numbers of the action.
    """

    def __init__(self, *, input_size: int, action_size: int) -> None:
        super().__init__()
        del input_size
        self.action_size = action_size

    def forward(self, senses: Tensor) -> Tensor:
        """Return zeros, [..., A]."""
        return senses.new_zeros((*senses.shape[:-1], self.action_size))
