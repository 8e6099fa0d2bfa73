"""From senses and what was expected of them to the code that the controller reads."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from brains.percept import Percept
from brains.senses import Layout

ERROR_LIMIT = 5.0  # predicted deviations; a collision that nobody expected must not drown the rest


class Perception(nn.Module):
    """Encodes a percept; called as `code = perception(percept, attention)`. Has no memory.

    What the world model predicts is compared with what arrives (`belief` and `error`):

        e = clip(m (x - x_hat) / sigma_hat)        b = x_hat + k m (x - x_hat)

    with `m` = 0 for a sensor that is known not to report, and `k` the attention; k = 1 believes the
    senses wherever they report. Without a world model the belief is the senses, without error.

    Args:
        layout: Where each modality lies among the senses.
        columns: Which of the senses are predicted, [P].
        context_size: Numbers of the world model's context.

    Attributes:
        output_size: Numbers of the code.
        code_size: How many of them, from the first, are units that can be watched; 0 for none.

    Source: predictive coding, Rao and Ballard 1999, doi:10.1038/4580; attention as gain on
        prediction errors, Feldman and Friston 2010, doi:10.3389/fnhum.2010.00215.
    """

    output_size: int
    code_size: int = 0
    columns: Tensor
    places: Tensor

    def __init__(self, *, layout: Layout, columns: Tensor, context_size: int) -> None:
        super().__init__()
        self.layout = layout
        self.context_size = context_size
        self.predicted_size = len(columns)
        self.register_buffer("columns", columns, persistent=False)
        # Where predictions stand among what is heard; the body's senses are never private.
        places = torch.searchsorted(layout.heard, columns)
        self.register_buffer("places", places, persistent=False)

    def belief_and_error(self, percept: Percept, attention: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what is believed of what is heard, [..., Q], and the prediction's error, [..., P].

        Args:
            percept: What arrived.
            attention: Gain on the error, [..., 1]; None for 1.
        """
        prediction = percept.prediction
        heard = self.layout.hear(percept.senses)
        if self.predicted_size == 0:
            return heard, prediction.mean
        error = percept.senses[..., self.columns] - prediction.mean
        error = error * self.layout.alive(percept.senses)
        kept = error if attention is None else error * attention
        belief = heard.index_copy(-1, self.places, prediction.mean + kept)
        return belief, (error / prediction.deviation).clamp(-ERROR_LIMIT, ERROR_LIMIT)

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
    """Passes everything on as it is: belief, error and context side by side."""

    def __init__(self, *, layout: Layout, columns: Tensor, context_size: int) -> None:
        super().__init__(layout=layout, columns=columns, context_size=context_size)
        self.output_size = len(layout.heard) + self.predicted_size + context_size

    def forward(self, percept: Percept, attention: Tensor | None) -> Tensor:
        """Return belief, error and context, [..., Q + P + H]."""
        belief, error = self.belief_and_error(percept, attention)
        if self.predicted_size + self.context_size == 0:
            return belief
        return torch.cat([belief, error, percept.prediction.context], dim=-1)
