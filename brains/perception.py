"""From senses and what was expected of them to the code that the controller reads."""

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from brains.percept import Percept
from brains.senses import Layout

ERROR_LIMIT = 5.0  # deviations; a collision that nobody expected must not drown the rest

ErrorUnit = Literal["senses", "predicted"]
"""In whose deviations errors are told: the normalised senses' own, or those that were predicted."""


class Perception(nn.Module):
    """Encodes a percept; called as `code = perception(percept, attention)`. Has no memory.

    What the world model predicts is compared with what arrives (`belief` and `error`):

        e = m (x - x_hat)              b = x_hat + k e

    with `m` = 0 for a sensor that is known not to report, and `k` the attention; k = 1 believes the
    senses wherever they report. Without a world model the belief is the senses, without error.

    What the controller hears of the error is clip(e), in deviations of the senses: what was
    predicted well is quiet, what was not is loud. In predicted deviations, clip(e / sigma_hat), all
    errors are equally loud, and most of them are the noise of exploration.

    Args:
        layout: Where each modality lies among the senses.
        columns: Which of the senses are predicted, [P].
        context_size: Numbers of the world model's context.
        error_unit: In which deviations errors are told.
        context_gain: How loud the context is. A policy moves further per step of its weights the
            louder its inputs are, and a context of many numbers would drown the senses.

    Attributes:
        output_size: Numbers of the code.
        code_size: How many of them, from the first, are units that can be watched; 0 for none.
        code_gain: How loud those units are: what one says is its own value times this.

    Source: predictive coding, Rao and Ballard 1999, doi:10.1038/4580; attention as gain on
        prediction errors, Feldman and Friston 2010, doi:10.3389/fnhum.2010.00215.
    """

    output_size: int
    code_size: int = 0
    code_gain: float = 1.0
    columns: Tensor
    places: Tensor

    def __init__(
        self,
        *,
        layout: Layout,
        columns: Tensor,
        context_size: int,
        error_unit: ErrorUnit,
        context_gain: float,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.error_unit, self.context_gain = error_unit, context_gain
        self.context_size = context_size
        self.predicted_size = len(columns)
        self.register_buffer("columns", columns, persistent=False)
        # Where predictions stand among what is heard; the body's senses are never private.
        places = torch.searchsorted(layout.heard, columns)
        self.register_buffer("places", places, persistent=False)

    def belief_and_error(self, percept: Percept, attention: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what is believed of what is heard, [..., Q], and the error that is told, [..., P].

        Args:
            percept: What arrived.
            attention: Gain on the error, [..., 1]; None for 1.
        """
        heard = self.layout.hear(percept.senses)
        if self.predicted_size == 0:
            return heard, percept.prediction.mean
        error = self._error(percept)
        kept = error if attention is None else error * attention
        belief = heard.index_copy(-1, self.places, percept.prediction.mean + kept)
        if self.error_unit == "predicted":
            error = error / percept.prediction.deviation
        return belief, error.clamp(-ERROR_LIMIT, ERROR_LIMIT)

    def surprise(self, percept: Percept) -> Tensor:
        """Return the mean squared prediction error, in predicted variances, [...]; 0 if none."""
        if self.predicted_size == 0:
            return percept.reward * 0.0
        error = self._error(percept) / percept.prediction.deviation
        return error.clamp(-ERROR_LIMIT, ERROR_LIMIT).square().mean(-1)

    def _error(self, percept: Percept) -> Tensor:
        difference = percept.senses[..., self.columns] - percept.prediction.mean
        return difference * self.layout.alive(percept.senses)

    def context(self, percept: Percept) -> Tensor:
        """Return the world model's context as loud as it is heard, [..., H]."""
        return self.context_gain * percept.prediction.context

    @abstractmethod
    def forward(self, percept: Percept, attention: Tensor | None) -> Tensor:
        """Return the code, [..., output]."""

    def synapses(self, linear: nn.Linear) -> nn.Module:
        """Return a linear map of the code as the controller had better hear it at the start.

        Args:
            linear: The map through which it hears the code; not used any further.
        """
        return self.events(linear)

    def events(self, linear: nn.Linear) -> nn.Module:
        """Return what does the same as a linear map of the code, at less cost where that is known.

        Args:
            linear: The map through which another part hears the code; not used any further.
        """
        return linear

    def homeostasis(self, percepts: Percept, attention: Tensor | None) -> None:
        """Adapt slowly to what a rollout brought, [T, B, ...]; called between updates only."""
        del percepts, attention

    def activity(self, code: Tensor) -> dict[str, Tensor]:
        """Return scalar measures of the rows' units, [B, code_size], by name; none by default."""
        del code
        return {}


class DirectPerception(Perception):
    """Passes everything on: belief, error and context side by side; `Perception` has the arguments.

    Args:
        layout: Where each modality lies among the senses.
        columns: Which of the senses are predicted, [P].
        context_size: Numbers of the world model's context.
        error_unit: In which deviations errors are told.
        context_gain: How loud the context is.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        columns: Tensor,
        context_size: int,
        error_unit: ErrorUnit = "senses",
        context_gain: float = 1.0,
    ) -> None:
        super().__init__(
            layout=layout,
            columns=columns,
            context_size=context_size,
            error_unit=error_unit,
            context_gain=context_gain,
        )
        self.output_size = len(layout.heard) + self.predicted_size + context_size

    def forward(self, percept: Percept, attention: Tensor | None) -> Tensor:
        """Return belief, error and context, [..., Q + P + H]."""
        belief, error = self.belief_and_error(percept, attention)
        if self.predicted_size + self.context_size == 0:
            return belief
        return torch.cat([belief, error, self.context(percept)], dim=-1)
