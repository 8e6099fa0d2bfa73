"""Competition between units: only the k strongest fire."""

from torch import Tensor, nn

from brains.kernels.sparse import CompiledEncoder, CompiledWinners, sparse_kernel_runs


def strongest_loser(potential: Tensor, winners: int) -> Tensor:
    """Return the largest potential but `winners`, [..., 1], of potentials [..., N]."""
    return potential.topk(winners + 1, dim=-1, sorted=True).values[..., -1:]


def k_winners(potential: Tensor, winners: int) -> Tensor:
    """Let the k strongest units of each row fire by how far they exceed the strongest loser.

        z = max(u - theta, 0),  theta the (k + 1)-th largest u

    Inhibition by the strongest loser makes the code continuous: two units that change places near
    the threshold both say almost nothing. Potentials that differ in the last bit, as those of two
    matrix products of different shapes do, therefore give codes that differ as little. Who ties
    with the strongest loser loses. The threshold carries no gradient, so losers receive none.

    Args:
        potential: [..., N].
        winners: How many win, k < N.

    Returns:
        The code, [..., N]: k positive numbers in each row, zeros elsewhere.

    Source: k winners, Makhzani and Frey 2013, arXiv:1312.5663; inhibition in proportion to
        activity keeps odour codes sparse, Lin et al. 2014, doi:10.1038/nn.3660.
    """
    if sparse_kernel_runs(potential):
        return CompiledWinners.apply(potential, winners)  # type: ignore[no-untyped-call]
    return (potential - strongest_loser(potential.detach(), winners)).relu()


def k_winners_of(heard: Tensor, weight: Tensor, bias: Tensor, winners: int) -> Tensor:
    """Return the code of units that hear through a linear map: `k_winners(heard W^T + bias)`.

    Where the compiled kernel is in use, the backward pass visits the synapses of winners alone.

    Args:
        heard: What every unit hears, [..., H].
        weight: Synapses, [N, H].
        bias: Excitability, [N].
        winners: How many win, k < N.
    """
    if not sparse_kernel_runs(heard, weight, bias):
        return k_winners(nn.functional.linear(heard, weight, bias), winners)
    code = CompiledEncoder.apply(heard.flatten(0, -2), weight, bias, winners)  # type: ignore[no-untyped-call]
    return code.unflatten(0, heard.shape[:-1])
