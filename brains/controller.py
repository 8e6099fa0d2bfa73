"""The contract of controllers: what drives them, and what else may act on them."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from brains.recurrent import RecurrentModule, reset_where

State = TypeVar("State", bound=tuple[Any, ...])


class Controller(RecurrentModule[State]):
    """Maps a code to features; called as `features, state = controller(code, state)`.

    The work is in two halves, so that other parts can act in between: `drive` is a linear map of
    the code without memory, for a whole segment at once; `respond` is what the units make of it.
    Fast weights add to the drive, neuromodulators set the gain.

    Attributes:
        output_size: Numbers of the features, F.
        drive_size: Numbers of the drive, D.
        input: The linear map from code to drive.
    """

    output_size: int
    drive_size: int
    input: nn.Module

    def listen_through(self, synapses: Callable[[nn.Linear], nn.Module]) -> None:
        """Put in the place of the map that hears the code what `synapses` makes of it."""
        self.input = synapses(cast(nn.Linear, self.input))

    def drive(self, code: Tensor) -> Tensor:
        """Return what a code, [..., P], drives the units with, [..., D]."""
        return self.input(code)

    @abstractmethod
    def respond(
        self, drive: Tensor, state: State, gain: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Advance one step.

        Args:
            drive: [B, D].
            state: Memory before the step; left as it was.
            gain: Excitability of the row's units, positive, [B, 1]; None for 1.

        Returns:
            The features, [B, F], and the memory after the step.
        """

    def respond_all(
        self, drive: Tensor, episode_start: Tensor, state: State, gain: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Advance over a segment of drive [T, B, D], restarting memory where episodes begin."""
        initial = self.initial_state(drive.shape[1])
        any_start = cast(list[bool], cast(Any, episode_start.any(dim=1)).tolist())
        features: list[Tensor] = []
        for step, some in enumerate(any_start):
            before = reset_where(episode_start[step], initial, state) if some else state
            output, state = self.respond(drive[step], before, None if gain is None else gain[step])
            features.append(output)
        return torch.stack(features), state

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance one step from a code, [B, P]."""
        return self.respond(self.drive(inputs), state)

    def unroll(self, inputs: Tensor, episode_start: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance over a segment of codes, [T, B, P]; features are [T, B, F]."""
        return self.respond_all(self.drive(inputs), episode_start, state)
