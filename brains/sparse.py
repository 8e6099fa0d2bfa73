"""Sparse perception: units compete, few win, and homeostasis gives every unit its share."""

from typing import Literal

import torch
from torch import Tensor, nn

from brains.competition import k_winners, k_winners_of
from brains.expansion import ExpansionPerception
from brains.percept import Percept
from brains.perception import ErrorUnit
from brains.ranges import require_at_least, require_within
from brains.senses import Layout
from brains.synapses import EventSynapses

ROWS_AT_ONCE = 256  # the units of a whole rollout would fit no cache
DEAD = 0.01  # a unit that wins less than this part of its share counts as dead


class SparsePerception(ExpansionPerception):
    """Expansion in which exactly k units win.

        u = W [b, e, h] + a             z = max(u - theta_k(u), 0)
        d <- d + p (w - d)              a <- clip(a + r (1 - d / d*), -c, c)

    with `w` the share of a rollout in which a unit won, `d* = k / N` the share that is its due, and
    `a` its excitability. Homeostasis acts between updates only, so that code and policy stand still
    while a rollout is lived and replayed.

    Args:
        layout: Where each modality lies among the senses.
        columns: Which of the senses are predicted, [P].
        context_size: Numbers of the world model's context.
        units: Units of the expansion, N.
        skip: Whether the belief is in the code as it is too.
        error_only: Whether units hear nothing but error and context.
        error_unit: In which deviations errors are told; see `Perception`.
        context_gain: How loud the context is.
        code_gain: How loud the winners are, for whoever hears the code.
        winners: How many units win, k.
        values: What a winner says: `graded`, by how far it exceeds the strongest loser; `binary`,
            1, with the gradient of the graded one; a near tie then changes the code in a jump.
        gradient: Whom it reaches: `winners`, or all units (`straight_through`).
        duty_pace: Weight of the newest rollout in the duty cycle, p.
        boost_rate: By how much a unit that never wins becomes more excitable in a rollout, r.
        boost_limit: Bound of excitability, c, in standard deviations of the initial potential.

    Raises:
        ValueError: If the winners are not fewer than the units, or none, or a number of homeostasis
            is out of range.

    Source: boosting by duty cycle, Ahmad and Scheinkman 2019, arXiv:1903.11257; homeostasis of
        intrinsic excitability, Turrigiano and Nelson 2004, doi:10.1038/nrn1327.
    """

    duty_cycle: Tensor
    boost: Tensor

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
        winners: int,
        values: Literal["graded", "binary"],
        gradient: Literal["winners", "straight_through"],
        duty_pace: float,
        boost_rate: float,
        boost_limit: float,
    ) -> None:
        super().__init__(
            layout=layout,
            columns=columns,
            context_size=context_size,
            units=units,
            skip=skip,
            error_only=error_only,
            error_unit=error_unit,
            context_gain=context_gain,
            code_gain=code_gain,
        )
        if not 0 < winners < units:
            raise ValueError(
                f"winners must be at least 1 and fewer than the {units} units, got {winners}"
            )
        require_within(0, 1, duty_pace=duty_pace)
        require_at_least(0, boost_rate=boost_rate, boost_limit=boost_limit)
        self.winners, self.values, self.gradient = winners, values, gradient
        self.duty_pace, self.boost_rate, self.boost_limit = duty_pace, boost_rate, boost_limit
        self.share = winners / units
        self.register_buffer("duty_cycle", torch.full((units,), self.share))
        self.register_buffer("boost", torch.zeros(units))

    def encode(self, heard: Tensor) -> Tensor:
        """Return what units say, [..., N], from all that they hear, [..., H]."""
        weight, excitability = self.encoder.weight, self.encoder.bias + self.boost
        if self.gradient == "straight_through":
            return self.fire(nn.functional.linear(heard, weight, excitability))
        code = k_winners_of(heard, weight, excitability, self.winners)
        return self._said(code, code)

    def fire(self, potential: Tensor) -> Tensor:
        """Return what units with these potentials say, [..., N]."""
        code = k_winners(potential, self.winners)
        return self._said(code, potential if self.gradient == "straight_through" else code)

    def _said(self, code: Tensor, carrier: Tensor) -> Tensor:
        """Return the winners' excess, or 1, with the gradient of what carries it, [..., N]."""
        said = (code > 0).to(code.dtype) if self.values == "binary" else code
        return code if said is carrier else said.detach() + (carrier - carrier.detach())

    def synapses(self, linear: nn.Linear) -> nn.Module:
        """Return synapses that start as strong as if only those that are heard at a time existed.

        Weak ones would let the recurrence within a population prevail over what comes from outside.
        """
        heard = linear.in_features - self.code_size + self.winners
        with torch.no_grad():
            linear.weight *= (linear.in_features / heard) ** 0.5
        return self.events(linear)

    def events(self, linear: nn.Linear) -> nn.Module:
        """Return synapses that are visited only where a unit won, unless losers learn."""
        if self.gradient == "straight_through":
            return linear
        return EventSynapses(linear, self.code_size)

    @torch.no_grad()
    def homeostasis(self, percepts: Percept, attention: Tensor | None) -> None:
        """Make units that won too rarely in a rollout more excitable, and others less."""
        heard = self._heard(percepts, attention)[1].flatten(0, -2)
        won = torch.zeros_like(self.boost)
        for rows in heard.split(ROWS_AT_ONCE):
            won += (self.encode(rows) > 0).sum(0)
        won /= len(heard)
        self.duty_cycle.lerp_(won, self.duty_pace)
        self.boost += self.boost_rate * (1.0 - self.duty_cycle / self.share)
        self.boost.clamp_(-self.boost_limit, self.boost_limit)

    def activity(self, code: Tensor) -> dict[str, Tensor]:
        """Return overlap and activity of the code, and the share of units that hardly ever win."""
        dead = (self.duty_cycle < DEAD * self.share).float().mean()
        return {**super().activity(code), "code_dead_share": dead}
