"""The contract of synapses that learn while the brain acts, and their absence."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn

from brains.recurrent import NoState, RecurrentModule


class PlasticInput(NamedTuple):
    """What fast weights see of a step.

    Attributes:
        code: What perception says, [..., P].
        memory: The controller's output of the step before, as data, [..., F].
        gate: Signed factor on what is learned, [..., gate]; None for 1.
    """

    code: Tensor
    memory: Tensor
    gate: Tensor | None


class PlasticOutput(NamedTuple):
    """What fast weights add.

    Attributes:
        current: To the controller's drive, [..., D]; None for nothing.
        action: To the action, [..., A]; None for nothing.
    """

    current: Tensor | None
    action: Tensor | None


class Plasticity(RecurrentModule[Any]):
    """Fast weights, one set per row; called as `output, state = plasticity(inputs, state)`.

    A step learns first and adds what is known by then: the gate of a step acts in that step. The
    halves `learn` and `read` are there by themselves for whoever stands in between (lesions).

    Built with the sizes of the code, of the controller's output (`memory_size`) and drive
    (`drive_size`), and of the action (`action_size`).

    Attributes:
        memory_size: Numbers of the controller's output that it learns from; 0 for none.
        gate_size: Numbers of the gate that it takes; 0 for none.
        code_fan: Synapses by which each unit of the code reaches it; 0 if it hears no code.
    """

    memory_size: int
    gate_size: int
    code_fan: int = 0

    def listen_through(self, synapses: Callable[[nn.Linear], nn.Module]) -> None:
        """Put in the place of a map that hears the code, if any, what `synapses` makes of it."""
        del synapses

    @abstractmethod
    def learn(self, inputs: PlasticInput, state: Any) -> Any:
        """Return the memory after learning from a step, [B, ...]."""

    @abstractmethod
    def read(self, inputs: PlasticInput, state: Any) -> PlasticOutput:
        """Return what is added to a step, [B, ...], by memory that has learned from it."""

    def forward(self, inputs: PlasticInput, state: Any) -> tuple[PlasticOutput, Any]:
        """Learn from one step, then add what is known."""
        state = self.learn(inputs, state)
        return self.read(inputs, state), state


class NoPlasticity(Plasticity):
    """Learns nothing while it acts.

    Args:
        code_size: Unused, like all sizes; the same signature as a part that is there.
        memory_size: Unused.
        drive_size: Unused.
        action_size: Unused.
    """

    memory_size = 0
    gate_size = 0

    def __init__(
        self, *, code_size: int, memory_size: int, drive_size: int, action_size: int
    ) -> None:
        super().__init__()
        del code_size, memory_size, drive_size, action_size

    def initial_state(self, batch_size: int) -> NoState:
        """Return no memory."""
        del batch_size
        return NoState()

    def learn(self, inputs: PlasticInput, state: NoState) -> NoState:
        """Learn nothing."""
        del inputs
        return state

    def read(self, inputs: PlasticInput, state: NoState) -> PlasticOutput:
        """Add nothing."""
        del inputs, state
        return PlasticOutput(None, None)

    def unroll(
        self, inputs: PlasticInput, episode_start: Tensor, state: NoState
    ) -> tuple[PlasticOutput, NoState]:
        """Add nothing to any step."""
        del inputs, episode_start
        return PlasticOutput(None, None), state
