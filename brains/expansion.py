"""Perception by expansion: many units, each of which listens to all that is known of the senses."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from brains.percept import Percept
from brains.perception import ErrorUnit, Perception
from brains.ranges import require_at_least
from brains.senses import Layout


def modality_weights(sizes: Sequence[int], units: int) -> Tensor:
    """Return initial weights with which every modality moves a unit equally, [units, sum of sizes].

    Each modality has a linear map of its own, and what the maps say is summed, which is one matrix
    side by side. Its inputs are taken to have a variance of one; so has what a unit receives.
    """
    heard = [size for size in sizes if size]
    maps = [torch.randn(units, size) / (size * len(heard)) ** 0.5 for size in heard]
    return torch.cat(maps, dim=1)


class ExpansionPerception(Perception):
    """Encodes belief, error and context in many units; whether they compete is the subclass's.

        u = W [b, e, h]               code = [g f(u), b]

    Args:
        layout: Where each modality lies among the senses.
        columns: Which of the senses are predicted, [P].
        context_size: Numbers of the world model's context.
        units: Units of the expansion, N.
        skip: Whether the belief is in the code as it is too, beside the units.
        error_only: Whether units hear nothing but the prediction's error and the context. What is
            passed on beside them is the error then, so that no sense comes through unexplained.
        error_unit: In which deviations errors are told; see `Perception`.
        context_gain: How loud the context is.
        code_gain: How loud the units are, g, for whoever hears the code.

    Raises:
        ValueError: If there are no units, or the error is all that may be heard and nothing is
            predicted.

    Source: expansion as in cerebellum and mushroom body, Babadi and Sompolinsky 2014,
        doi:10.1016/j.neuron.2014.07.035.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        columns: Tensor,
        context_size: int,
        units: int,
        skip: bool,
        error_only: bool,
        error_unit: ErrorUnit,
        context_gain: float,
        code_gain: float,
    ) -> None:
        super().__init__(
            layout=layout,
            columns=columns,
            context_size=context_size,
            error_unit=error_unit,
            context_gain=context_gain,
        )
        self.code_gain = code_gain
        require_at_least(1, units=units)
        if error_only and self.predicted_size == 0:
            raise ValueError(
                "error_only perception hears only what a world model got wrong: choose a world "
                "model (brain/world_model=...), or set error_only=false"
            )
        sizes = [*([] if error_only else layout.heard_sizes), self.predicted_size, context_size]
        self.skip, self.error_only = skip, error_only
        self.code_size = units
        self.encoder = nn.Linear(sum(sizes), units)
        with torch.no_grad():
            self.encoder.weight.copy_(modality_weights(sizes, units))
        passed = self.predicted_size if error_only else len(layout.heard)
        self.output_size = units + (passed if skip else 0)

    def forward(self, percept: Percept, attention: Tensor | None) -> Tensor:
        """Return the units and what is passed on beside them, [..., N + Q]."""
        passed, heard = self._heard(percept, attention)
        code = self.code_gain * self.encode(heard)
        return torch.cat([code, passed], dim=-1) if self.skip else code

    def _heard(self, percept: Percept, attention: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what may be passed on beside the units, and all that they hear."""
        belief, error = self.belief_and_error(percept, attention)
        if self.predicted_size + self.context_size == 0:
            return belief, belief
        known = [error, self.context(percept)]
        if self.error_only:
            return error, torch.cat(known, dim=-1)
        return belief, torch.cat([belief, *known], dim=-1)

    @abstractmethod
    def encode(self, heard: Tensor) -> Tensor:
        """Return what units say, [..., N], that hear all this, [..., H]."""

    def activity(self, code: Tensor) -> dict[str, Tensor]:
        """Return how many units are active, and how alike the codes of different rows are.

        Overlap is the mean cosine between the codes of two rows: the share of winners in common,
        weighted by how strongly they fire.
        """
        unit = nn.functional.normalize(code, dim=-1)
        rows = len(unit)
        pairs = unit.sum(0).square().sum() - unit.square().sum()
        return {
            "code_active_share": (code > 0).float().mean(),
            "code_overlap": pairs / max(rows * (rows - 1), 1),
        }


class DensePerception(ExpansionPerception):
    """The same expansion without competition: every unit with a positive potential fires."""

    def encode(self, heard: Tensor) -> Tensor:
        """Return the positive parts of what units receive, [..., N]."""
        return self.encoder(heard).relu()
