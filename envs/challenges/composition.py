"""All challenges of an engine as one: what befalls the body on its way from brain to world."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.challenges.base import Body, Challenge
from envs.challenges.draws import AT_START, uniform
from envs.challenges.onset import NEVER
from envs.generators import generator_from_state, generator_state

_SPAWN_KEY = (0xC4A11,)  # tells the generators of challenges from those of tasks
_ALL = slice(None)


class Composition:
    """Challenges in the order in which they act; none of them is the null.

    Commands pass through the challenges in their order, senses too. Each row has a generator for
    its challenges beside the task's, from the same seed: episodes start the same with and without.

    Args:
        challenges: By name; each bound here, to this body alone.
        body: The body.

    Raises:
        Unsuited: The body lacks what a challenge needs.
        ValueError: Nothing is held out for the split asked for.
    """

    def __init__(self, challenges: Mapping[str, Challenge], body: Body) -> None:
        self.parts = dict(challenges)
        self._each = tuple(self.parts.values())
        self._body = body
        for name, challenge in self.parts.items():
            challenge.name = name
            challenge.bind(body)
        tested = [challenge for challenge in self._each if challenge.split == "test"]
        if tested and not any(challenge.holds_out for challenge in tested):
            names = ", ".join(challenge.name for challenge in tested)
            raise ValueError(
                f"{body.name}: no variant of {names} is held out for testing; "
                "use split=all, or set held_out"
            )
        self._generators: list[np.random.Generator | None] = [None] * body.batch.nsim

    def seed_row(self, row: int, entropy: int | None) -> None:
        """Give a row its generator."""
        if self._each:
            sequence = np.random.SeedSequence(entropy, spawn_key=_SPAWN_KEY)
            self._generators[row] = np.random.Generator(np.random.PCG64(sequence))

    def begin(self, rows: NDArray[np.int64]) -> None:
        """Start an episode in `rows`, [n] sorted indices, whose clocks are set."""
        if not self._each:
            return
        drawn = [self._generator(row).integers(1 << 63) for row in rows.tolist()]
        keys = np.array(drawn, np.int64)
        when = uniform(keys, AT_START, 1)[:, 0]
        for challenge in self._each:
            challenge.begin(rows, keys, when)
        self._write_fields()

    def _generator(self, row: int) -> np.random.Generator:
        generator = self._generators[row]
        if generator is None:
            raise RuntimeError(f"{self._body.name}: row {row} was reset before it was seeded")
        return generator

    def act(self, actions: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return what reaches the actuators, [N, A], and do what is done to bodies."""
        applied = actions
        for challenge in self._each:
            applied = challenge.act(applied)
        for challenge in self._each:
            challenge.before_step()
        self._write_fields()
        # Rewards round by the precision of actions, which must not tell that another row changed.
        return applied.astype(actions.dtype, copy=False)

    def _write_fields(self) -> None:
        """Write the model fields of the rows for which some challenge changed."""
        changed = np.zeros(0, np.int64)
        for challenge in self._each:
            if np.count_nonzero(challenge.stale):
                rows = challenge.stale.nonzero()[0]
                challenge.write_factors(rows)
                challenge.stale[:] = False
                changed = np.union1d(changed, rows)
        if changed.size:
            self._body.fields.write(changed)

    def sense(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what all rows sense after a step, [N, D]."""
        for challenge in self._each:
            challenge.follow_clock(_ALL)
            observation = challenge.sense(observation, _ALL)
        return observation

    def sense_first(
        self,
        observation: NDArray[np.float64],
        rows: NDArray[np.int64],
        before: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return what all rows sense after `rows` began an episode: the others as `before`.

        What MuJoCo computed for the others is not resumed, so it must not be read again.
        """
        sensed = before.copy()
        first = observation[rows]
        for challenge in self._each:
            first = challenge.sense_first(first, rows)
        sensed[rows] = first
        return sensed

    def missing(self) -> NDArray[np.bool_] | None:
        """Return which sensed numbers are known to be blank now, a new array [N, D].

        None if no challenge can blank any. Known at the sensor: what a challenge later in the order
        does with the number, such as to delay it, changes nothing here.
        """
        declared = [part.missing for part in self._each if part.missing is not None]
        return np.logical_or.reduce(declared) if declared else None

    def info(self) -> dict[str, NDArray[np.generic]]:
        """Return what is told of each row, new arrays [N]; nothing without challenges.

        `challenge_active`; `challenge_onset`, the first step of the change; `challenge_end`, the
        first step after it or -1; `challenge_variant`, an index. Of several challenges the first
        three tell of all together, and each has its own as `challenge_<name>_active` and so on.
        """
        told: dict[str, NDArray[np.generic]] = {}
        if not self._each:
            return told
        active = np.logical_or.reduce([challenge.intensity > 0 for challenge in self._each])
        end = np.maximum.reduce([challenge.end_step for challenge in self._each])
        told["challenge_active"] = active
        told["challenge_onset"] = np.minimum.reduce([part.begin_step for part in self._each])
        told["challenge_end"] = np.where(end >= NEVER, -1, end)
        if len(self._each) == 1:
            told["challenge_variant"] = self._each[0].variant.copy()
            return told
        for name, part in self.parts.items():
            told[f"challenge_{name}_active"] = part.intensity > 0
            told[f"challenge_{name}_onset"] = part.begin_step.copy()
            told[f"challenge_{name}_end"] = np.where(part.end_step >= NEVER, -1, part.end_step)
            told[f"challenge_{name}_variant"] = part.variant.copy()
        return told

    def episode_info(self, row: int) -> dict[str, dict[str, Any]]:
        """Return what befell a row in its present episode, by challenge, as plain values.

        `onset` and `end` are control steps (None for an end that never comes) and `variant` a name.
        """
        return {
            name: {
                "onset": int(part.begin_step[row]),
                "end": None if part.end_step[row] >= NEVER else int(part.end_step[row]),
                "variant": part.variants[int(part.variant[row])],
            }
            for name, part in self.parts.items()
        }

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides the future, copied; nothing without challenges."""
        if not self._each:
            return {}
        return {
            "generators": [
                None if generator is None else generator_state(generator)
                for generator in self._generators
            ],
            "parts": {
                name: {key: array.copy() for key, array in _variables(part).items()}
                for name, part in self.parts.items()
            },
        }

    def load_training_state(self, tree: Mapping[str, Any]) -> None:
        """Continue from `training_state`, bit for bit; clocks and rows are loaded before.

        Raises:
            ValueError: The state belongs to other challenges.
        """
        parts: Mapping[str, Any] = tree.get("parts", {})
        if list(parts) != list(self.parts):
            raise ValueError(
                f"{self._body.name}: the saved state has the challenges {_listed(parts)}, "
                f"this environment {_listed(self.parts)}"
            )
        every = np.arange(self._body.batch.nsim)
        if self._each:
            self._generators = [
                None if state is None else generator_from_state(state)
                for state in tree["generators"]
            ]
        for name, part in self.parts.items():
            for key, array in _variables(part).items():
                array[...] = np.asarray(parts[name][key])
            part.take_variant(every)
            part.stale[:] = True
        self._write_fields()


def _variables(part: Challenge) -> dict[str, NDArray[np.generic]]:
    return {**part.schedule(), **part.memory()}


def _listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    return ", ".join(names) or "none"
