"""Bodies and worlds whose mass, friction or gravity changes."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from envs.challenges.base import Body, Challenge, Unsuited
from envs.challenges.felt import feels_friction, feels_gravity

Quantity = Literal["mass", "friction", "gravity"]
_VARIANTS = ("less", "more")


class ScaledPhysics(Challenge):
    """A quantity of the model is multiplied by a factor, or divided by it.

        value = (1 + intensity · (factor - 1)) · nominal value

    with 1 / factor in the variant `less`. Mass is that of all links, inertia with it; friction is
    that of sliding, of all surfaces; gravity keeps its direction.

    Args:
        quantity: What changes.
        **common: See `Challenge`; the levels hold `factor`.
    """

    def __init__(self, *, quantity: Quantity, **common: Any) -> None:
        super().__init__(**common)
        self._quantity = quantity
        self.needs = {
            "mass": "mass",
            "friction": "surfaces that rub against each other",
            "gravity": "joints or sensors that feel gravity",
        }[quantity]

    def fit(self, body: Body) -> Sequence[str]:
        """Take hold of the fields."""
        if self.level["factor"] <= 0:
            raise ValueError(f"factor must be positive, got {self.level['factor']}")
        model = body.task.model
        self._scaled: list[tuple[NDArray[np.float64], tuple[Any, ...]]] = []
        if self._quantity == "mass":
            for field in ("body_mass", "body_inertia"):
                self._scale(body, field, ...)
        elif self._quantity == "friction":
            if not feels_friction(model):
                raise Unsuited("none")
            self._scale(body, "geom_friction", ..., 0)
            if model.npair:
                self._scale(body, "pair_friction", ..., slice(0, 2))
        else:
            if not feels_gravity(model):
                there_is = np.any(model.opt.gravity)
                raise Unsuited("no joint and no sensor that feels it" if there_is else "no gravity")
            self._scale(body, "opt.gravity", ...)
        return _VARIANTS

    def _scale(self, body: Body, field: str, *where: Any) -> None:
        self._scaled.append((body.fields.factor(field), where))

    def write_factors(self, rows: NDArray[np.int64]) -> None:
        """Write the factors."""
        factor = self.level["factor"]
        full = np.where(self.variant[rows] == _VARIANTS.index("more"), factor, 1.0 / factor)
        now = 1.0 + self.intensity[rows] * (full - 1.0)
        for field, where in self._scaled:
            part = field[rows]
            target = part[(slice(None), *where)]
            target[...] = now.reshape(-1, *[1] * (target.ndim - 1))
            field[rows] = part
