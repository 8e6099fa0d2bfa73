"""A controller without memory: the baseline that every recurrence has to beat."""

from collections.abc import Callable, Sequence
from typing import cast

from torch import Tensor, nn

from brains.controller import Controller
from brains.kernels.tanh import fast_tanh
from brains.ranges import require_layers
from brains.recurrent import NoState


class Tanh(nn.Module):
    """The hyperbolic tangent of every number."""

    def forward(self, values: Tensor) -> Tensor:
        """Return tanh, of the same shape."""
        return fast_tanh(values)


def tanh_layers(input_size: int, hidden_sizes: Sequence[int]) -> nn.Sequential:
    """Return a stack of linear and tanh layers with orthogonal weights of gain sqrt 2.

    Source: initialisation of PPO networks, Andrychowicz et al. 2021, arXiv:2006.05990.
    """
    layers: list[nn.Module] = []
    for hidden_size in hidden_sizes:
        linear = nn.Linear(input_size, hidden_size)
        nn.init.orthogonal_(linear.weight, 2.0**0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear, Tanh()]
        input_size = hidden_size
    return nn.Sequential(*layers)


class MLPController(Controller[NoState]):
    """Multi-layer perceptron with tanh units.

    Args:
        input_size: Numbers that arrive in each control step.
        hidden_sizes: Units of each layer.

    Raises:
        ValueError: If there is no layer, or one without units.
    """

    def __init__(self, *, input_size: int, hidden_sizes: Sequence[int]) -> None:
        super().__init__()
        require_layers(hidden_sizes=hidden_sizes)
        self.layers = tanh_layers(input_size, hidden_sizes)
        self.drive_size, self.output_size = hidden_sizes[0], hidden_sizes[-1]

    def initial_state(self, batch_size: int) -> NoState:
        """Return no memory."""
        del batch_size
        return NoState()

    def listen_through(self, synapses: Callable[[nn.Linear], nn.Module]) -> None:
        """Put in the place of the first layer what `synapses` makes of it."""
        self.layers[0] = synapses(cast(nn.Linear, self.layers[0]))

    def drive(self, code: Tensor) -> Tensor:
        """Return what drives the first layer, [..., D]."""
        return self.layers[0](code)

    def respond(
        self, drive: Tensor, state: NoState, gain: Tensor | None = None
    ) -> tuple[Tensor, NoState]:
        """Return the last layer, [B, N]."""
        return self.layers[1:](drive if gain is None else drive * gain), state

    def respond_all(
        self, drive: Tensor, episode_start: Tensor, state: NoState, gain: Tensor | None = None
    ) -> tuple[Tensor, NoState]:
        """Return the last layer for every step at once, [T, B, N]."""
        del episode_start
        return self.respond(drive, state, gain)
