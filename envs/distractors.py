"""Senses that tell nothing: numbers beside the body's own that neither it nor the task moves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import (
    VecEnvObs,
    VecEnvStepReturn,
    VecEnvWrapper,
)

from envs.challenges.draws import derived, normal
from envs.feedback import BODY
from envs.task import Observation

if TYPE_CHECKING:
    from envs.gymnasium_rows import GymnasiumVecEnv
    from envs.sb3 import EngineVecEnv

DISTRACTORS = "distractors"
"""The modality that tells nothing."""


class DistractorVecEnv(VecEnvWrapper):
    """Adds a modality of irrelevant numbers; everything else passes through.

    Each is a first-order autoregressive process of mean 0 and deviation 1, as large as a normalised
    sense and, like the world, predictable for a while:

        x <- rho x + sqrt(1 - rho²) N(0, 1)        rho = exp(-1 / tau)

    They know nothing of the body: they go on where an episode ends, and so do not tell that one
    has begun. What row i sees depends on `seed + i` alone. The observation becomes a Dict; a body
    whose senses have no names senses "senses".

    Args:
        venv: From `make_vec_env`, without feedback.
        share: Of all numbers then sensed, those that are irrelevant, between 0 and 1.
        time_constants: Shortest and longest tau, control steps; spread evenly in logarithm.
        seed: Of the first row; None for one from the system.

    Raises:
        ValueError: A number is out of its range, the share of so few senses is not even one number,
            or the body has a modality of that name.
    """

    def __init__(
        self,
        venv: "EngineVecEnv | GymnasiumVecEnv",
        *,
        share: float,
        time_constants: Sequence[float],
        seed: int | None,
    ) -> None:
        body: Any = venv.observation_space
        senses: dict[str, spaces.Space[Any]] = (
            dict(body.spaces) if isinstance(body, spaces.Dict) else {BODY: body}
        )
        if DISTRACTORS in senses:
            raise ValueError(f"the body has a sense {DISTRACTORS!r} of its own: choose none")
        own = sum(spaces.flatdim(sense) for sense in senses.values())
        count = distractors_beside(own, share)
        self._persistence = persistences(time_constants, count)
        self._innovation = np.sqrt(1.0 - np.square(self._persistence))
        self.body = venv
        rows = venv.num_envs
        self._values = np.zeros((rows, count))
        self._clock = np.zeros(rows, np.int64)
        self._take_seed(seed)
        box = spaces.Box(-np.inf, np.inf, (count,), np.float64)
        super().__init__(venv, observation_space=spaces.Dict({**senses, DISTRACTORS: box}))

    def _take_seed(self, seed: int | None) -> None:
        first = np.random.default_rng().integers(2**62) if seed is None else seed
        self._keys = derived(np.int64(first) + np.arange(len(self._clock)), DISTRACTORS)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seed the bodies and what is irrelevant, from the next reset on."""
        self._take_seed(seed)
        self._clock[:] = 0
        return self.body.seed(seed)

    def _drawn(self) -> NDArray[np.float64]:
        """Return new standard normal numbers, [N, n]."""
        self._clock += 1
        return normal(self._keys, self._clock, self._values.shape[1])

    def reset(self) -> VecEnvObs:
        """Start an episode in every row and return the observations, [N, ...]."""
        observation = self.body.reset()
        self.reset_infos = self.body.reset_infos
        self._values = self._drawn()
        return self._joined(observation)

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions of the next step, [N, ...]."""
        self.body.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Advance every row; return observations, rewards, dones and infos."""
        observation, rewards, dones, infos = self.body.step_wait()
        self._values = self._persistence * self._values + self._innovation * self._drawn()
        for row in np.flatnonzero(dones).tolist():
            last = _by_name(infos[row]["terminal_observation"])
            infos[row]["terminal_observation"] = {**last, DISTRACTORS: self._values[row].copy()}
        return self._joined(observation), rewards, dones, infos

    def _joined(self, observation: Any) -> dict[str, NDArray[Any]]:
        return {**_by_name(observation), DISTRACTORS: self._values.copy()}

    def last_observation(self) -> dict[str, NDArray[Any]]:
        """Return what every row senses now, [N, ...]."""
        return self._joined(self.body.last_observation())

    def missing_senses(self) -> Observation | None:
        """Return which numbers are known to be blank: the body's, for the others always report."""
        return self._with_present(self.body.missing_senses())

    def missing_at_end(self) -> Observation | None:
        """Return the same for the terminal observations of the last step that ended an episode."""
        return self._with_present(self.body.missing_at_end())

    def _with_present(self, missing: Observation | None) -> Observation | None:
        if missing is None:
            return None
        return {**_by_name(missing), DISTRACTORS: np.zeros(self._values.shape, bool)}

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides the future: arrays and plain numbers, copied."""
        own = {"values": self._values, "clock": self._clock, "keys": self._keys}
        own = {name: array.copy() for name, array in own.items()}
        return {"body": self.body.training_state(), DISTRACTORS: own}

    def load_training_state(self, tree: dict[str, Any]) -> None:
        """Continue from `training_state` bit for bit, without a reset.

        Raises:
            ValueError: The state belongs to bodies with other distractors.
        """
        saved = tree.get(DISTRACTORS)
        shape = (0, 0) if saved is None else np.shape(saved["values"])
        if saved is None or shape != self._values.shape:
            raise ValueError(
                f"the saved state has (rows, distractors) {shape}, this environment "
                f"{self._values.shape}; use the same"
            )
        self.body.load_training_state(tree["body"])
        self._values = np.array(saved["values"], float)
        self._clock = np.array(saved["clock"], np.int64)
        self._keys = np.array(saved["keys"], np.int64)


def distractors_beside(own: int, share: float) -> int:
    """Return how many irrelevant numbers make up a share of all, beside the body's own.

    Raises:
        ValueError: The share is not between 0 and 1, or too small to be one number.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"distractors.share must be between 0 and 1, got {share:g}")
    count = round(own * share / (1.0 - share))
    if count < 1:
        raise ValueError(
            f"distractors.share={share:g} is not even one number beside {own}: raise it, "
            "or choose distractors=none"
        )
    return count


def persistences(time_constants: Sequence[float], count: int) -> NDArray[np.float64]:
    """Return rho = exp(-1 / tau) of each number, [count], tau spread evenly in logarithm.

    Raises:
        ValueError: These are not two time constants, the shorter first.
    """
    if len(time_constants) != 2 or not 0 < time_constants[0] <= time_constants[1]:
        raise ValueError(
            "distractors.time_constants must be two growing numbers of control steps above 0, "
            f"got {list(time_constants)}"
        )
    shortest, longest = time_constants
    return np.exp(-1.0 / np.geomspace(shortest, longest, count))


def _by_name(observation: Any) -> dict[str, Any]:
    """Return what the body senses by modality."""
    return dict(observation) if isinstance(observation, dict) else {BODY: observation}
