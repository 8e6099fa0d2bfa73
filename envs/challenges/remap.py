"""Commands and senses that secretly change places and signs."""

import math
from collections.abc import Sequence
from itertools import combinations, permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.challenges.actuation import actuator_names
from envs.challenges.base import Body, Challenge, Rows, Unsuited

_MOST_VARIANTS = 1_000_000
_TRIES = 20  # to find each variant of the senses, where few differ


class SignedPermutations(Sequence[str]):
    """All ways in which exactly k of n actuators can change places and signs, each once.

    Of the k, none keeps both its place and its sign: that would be a remap of fewer. Ordered by
    the actuators, then by their order, then by the signs; only what is asked for is ever made.

    Args:
        names: Of the actuators, [n].
        count: How many are remapped, k.
    """

    def __init__(self, names: Sequence[str], count: int) -> None:
        self._names = names
        self._choices = list(combinations(range(len(names)), count))
        self._maps = _maps(count)

    def __len__(self) -> int:
        return len(self._choices) * len(self._maps)

    def __getitem__(self, index: Any) -> Any:
        source, sign = self.decode(index)
        moved = [
            f"{name}={'-' if sign[to] < 0 else ''}{self._names[source[to]]}"
            for to, name in enumerate(self._names)
            if source[to] != to or sign[to] < 0
        ]
        return " ".join(moved)

    def decode(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return which command each actuator gets, [n], and with which sign, [n]."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        which, how = divmod(index, len(self._maps))
        chosen = np.array(self._choices[which])
        order, signs = self._maps[how]
        source, sign = np.arange(len(self._names)), np.ones(len(self._names))
        source[chosen], sign[chosen] = chosen[list(order)], signs
        return source, sign


def _maps(count: int) -> list[tuple[tuple[int, ...], tuple[float, ...]]]:
    """Return order and signs of every signed permutation that leaves nothing as it was."""
    ways = product(permutations(range(count)), product((1.0, -1.0), repeat=count))
    return [
        (order, signs)
        for order, signs in ways
        if not any(order[at] == at and signs[at] > 0 for at in range(count))
    ]


class MotorRemap(Challenge):
    """Some actuators secretly get each other's commands, with their signs changed or not.

    In units of half their range about its middle, with a signed permutation P of the variant,

        applied = (1 - intensity) · command + intensity · P command
    """

    needs = "enough actuators"

    def fit(self, body: Body) -> Sequence[str]:
        """Count the ways to remap the actuators."""
        model, count = body.task.model, int(self.level["actuators"])
        ways = math.comb(model.nu, count) * len(_maps(count))
        if model.nu < count:
            raise Unsuited(f"{model.nu} actuators, and this severity remaps {count}")
        if ways > _MOST_VARIANTS:
            raise ValueError(f"{body.name}: remapping {count} actuators has {ways:,} variants")
        low, high = model.actuator_ctrlrange.T
        self._middle, self._half = (low + high) / 2, (high - low) / 2
        self._source = np.zeros((body.batch.nsim, model.nu), np.int64)
        self._sign = np.ones((body.batch.nsim, model.nu))
        self._ways = SignedPermutations(actuator_names(model), count)
        return self._ways

    def take_variant(self, rows: NDArray[np.int64]) -> None:
        """Write down the permutation of each row."""
        for row in rows.tolist():
            self._source[row], self._sign[row] = self._ways.decode(int(self.variant[row]))

    def act(self, actions: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the remapped commands."""
        if not np.count_nonzero(self.intensity):
            return actions
        relative = (actions - self._middle) / self._half
        moved = self._sign * np.take_along_axis(relative, self._source, axis=1)
        share = self.intensity[:, np.newaxis]
        remapped = self._middle + self._half * ((1 - share) * relative + share * moved)
        return np.where(share > 0, remapped, actions)


class SenseRemap(Challenge):
    """Some sensed numbers change places in a ring and, at random, signs.

    Only numbers of one modality change places, velocities among themselves; a share of each such
    group is hit. Variants are drawn from generators that depend on the body's senses alone, and no
    two are alike: one that is held out is never met in training under another number.

        sensed = (1 - intensity) · true + intensity · P true

    Args:
        count: Number of variants; where senses are so few that fewer differ, those.
        **common: See `Challenge`; the levels hold `share`.
    """

    needs = "senses"

    def __init__(self, *, count: int, **common: Any) -> None:
        super().__init__(**common)
        self._count = count

    def fit(self, body: Body) -> Sequence[str]:
        """Draw the variants."""
        groups, size = _alike(body), body.senses_size
        found: dict[bytes, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        for index in range(_TRIES * self._count):
            source, sign = self._draw(groups, np.random.default_rng((index, size)), size)
            found.setdefault(source.tobytes() + sign.tobytes(), (source, sign))
            if len(found) == self._count:
                break
        sources, signs = zip(*found.values(), strict=True)
        self._source, self._sign = np.array(sources), np.array(signs)
        if (self._source == np.arange(size)).all() and (self._sign == 1).all():
            raise Unsuited("too few numbers of a kind for this severity to remap any")
        return tuple(f"remap {index}" for index in range(len(found)))

    def _draw(
        self, groups: Sequence[NDArray[np.int64]], generator: np.random.Generator, size: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return which number each of a variant gets, and with which sign, both [size]."""
        source, sign = np.arange(size), np.ones(size)
        for group in groups:
            hit = round(self.level["share"] * group.size)
            chosen = generator.choice(group, hit, replace=False)
            source[chosen] = np.roll(chosen, 1)
            # One that has nobody to change places with changes its sign.
            sign[chosen] = -1.0 if hit == 1 else generator.choice((1, -1), hit)
        return source, sign

    def sense(self, observation: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
        """Return the remapped numbers."""
        share = self.intensity[rows][:, np.newaxis]
        if not np.count_nonzero(share):
            return observation
        variant = self.variant[rows]
        moved = self._sign[variant] * np.take_along_axis(observation, self._source[variant], axis=1)
        return np.where(share > 0, (1 - share) * observation + share * moved, observation)


def _alike(body: Body) -> list[NDArray[np.int64]]:
    """Return the columns of each kind of number: by modality, velocities apart."""
    columns = body.task.columns or {"": slice(0, body.senses_size)}
    velocity = np.isin(np.arange(body.senses_size), body.task.velocity_columns)
    groups = []
    for where in columns.values():
        here = np.arange(where.start, where.stop)
        groups += [here[~velocity[here]], here[velocity[here]]]
    return [group for group in groups if group.size]
