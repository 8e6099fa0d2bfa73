"""Where neuromodulators act: bounded functions of their levels, one per sink."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class Sink(nn.Module):
    """Sets one thing from the levels, within bounds; at rest it leaves the brain as it is.

        s = C levels + W hidden          C: couplings, configured, then learned; W: starts at 0

    | sink | value | at rest | within |
    |---|---|---|---|
    | plasticity | b tanh(s + atanh(r)) | b r | [-b, b] |
    | gain, attention | exp(b tanh(s)) | 1 | [exp(-b), exp(b)] |
    | exploration | b tanh(s) | 0 | [-b, b] |

    Args:
        name: Which sink.
        size: Numbers that it sets.
        modulators: Names of the levels.
        hidden_size: Units of the network that learns how levels combine.
        bound: b.
        rest: r, share of its bound at which the gate of plasticity stands when all levels are 0; at
            0 only what is better, worse or other than expected is learned.
        learned: Whether couplings learn with the policy. Exploration had better not: a policy is
            paid at once for giving it up.
        **couplings: Initial couplings by modulator; 0 for those that are not named.

    Raises:
        ValueError: If the sink or a coupling is unknown, `bound` is negative, or `rest` is not for
            this sink or not within (-1, 1).
    """

    def __init__(
        self,
        name: str,
        size: int,
        modulators: Sequence[str],
        hidden_size: int,
        *,
        bound: float,
        rest: float = 0.0,
        learned: bool = True,
        **couplings: float,
    ) -> None:
        super().__init__()
        if name not in SHAPES:
            raise ValueError(f"no sink is called {name!r}; there are {sorted(SHAPES)}")
        unknown = sorted(set(couplings) - set(modulators))
        if unknown:
            raise ValueError(f"{name} couples to {unknown[0]!r}, but there are {list(modulators)}")
        if not bound >= 0.0:
            raise ValueError(f"sinks.{name}.bound must be at least 0, got {bound}")
        if rest and name != "plasticity":
            raise ValueError(f"only the gate of plasticity has a rest, not {name}")
        if not -1.0 < rest < 1.0:
            raise ValueError(f"rest must lie within (-1, 1), got {rest}")
        self.shape, self.bound, self.offset = SHAPES[name], bound, math.atanh(rest)
        row = torch.tensor([float(couplings.get(modulator, 0.0)) for modulator in modulators])
        self.couplings = nn.Parameter(row.repeat(size, 1), requires_grad=learned)
        self.combined = nn.Linear(hidden_size, size, bias=False) if learned else None
        if self.combined is not None:
            nn.init.zeros_(self.combined.weight)

    def forward(self, levels: Tensor, hidden: Tensor) -> Tensor:
        """Return what the sink is set to, [..., size], from levels and hidden units, [..., n]."""
        wish = nn.functional.linear(levels, self.couplings)
        if self.combined is not None:
            wish = wish + self.combined(hidden)
        return self.shape(wish + self.offset if self.offset else wish, self.bound)


def _factor(wish: Tensor, bound: float) -> Tensor:
    return (bound * wish.tanh()).exp()


def _signed(wish: Tensor, bound: float) -> Tensor:
    return bound * wish.tanh()


SHAPES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "plasticity": _signed,
    "gain": _factor,
    "exploration": _signed,
    "attention": _factor,
}
