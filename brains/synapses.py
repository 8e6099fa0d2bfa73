"""Synapses from a sparse code: silence costs nothing."""

from torch import Tensor, nn

from brains.kernels.sparse import CompiledEvents, sparse_kernel_runs


class EventSynapses(nn.Module):
    """A linear map whose first inputs are mostly silent; equals the map that it replaces.

    Only the synapses of units that are not zero are visited, forwards and backwards, where a C
    compiler is at hand. A silent unit gets no gradient then: for codes whose silent units would
    not pass it on.

    Args:
        linear: The map to replace; its parameters are taken over.
        units: How many inputs, from the first, are mostly silent.
    """

    def __init__(self, linear: nn.Linear, units: int) -> None:
        super().__init__()
        self.units = units
        # The shape is that of any linear map; in memory, the synapses of a unit lie side by side.
        self.weight = nn.Parameter(linear.weight.detach().t().contiguous().t())
        self.bias = linear.bias

    def forward(self, code: Tensor) -> Tensor:
        """Return what a code, [..., inputs], drives, [..., outputs]."""
        if not sparse_kernel_runs(code, self.weight):
            return nn.functional.linear(code, self.weight, self.bias)
        drive = CompiledEvents.apply(  # type: ignore[no-untyped-call]
            code.flatten(0, -2), self.weight, self.bias, self.units
        )
        return drive.unflatten(0, code.shape[:-1])
