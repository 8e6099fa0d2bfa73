"""Senses of the brain's own doing, beside the body's: its last action, its reward, what reports."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import (
    VecEnvObs,
    VecEnvStepReturn,
    VecEnvWrapper,
)

from envs.task import Observation

if TYPE_CHECKING:
    from envs.distractors import DistractorVecEnv
    from envs.gymnasium_rows import GymnasiumVecEnv
    from envs.sb3 import EngineVecEnv

KINDS = {"action": "efference_copy", "reward": "reward", "alive": "alive"}
"""What can be fed back, and the modality that tells it."""

BODY = "senses"
"""The modality of a body whose senses have no names."""


def modalities_of(feedback: Sequence[str]) -> tuple[str, ...]:
    """Return the modalities that kinds of feedback add.

    Raises:
        ValueError: There is no such kind.
    """
    if isinstance(feedback, str):
        raise ValueError(f"feedback is a list, got {feedback!r}: write feedback=[{feedback}]")
    for kind in feedback:
        if kind not in KINDS:
            nearest = difflib.get_close_matches(str(kind), KINDS, n=1, cutoff=0.0)[0]
            raise ValueError(
                f"unknown feedback {kind!r}; did you mean {nearest!r}? there are {', '.join(KINDS)}"
            )
    return tuple(KINDS[kind] for kind in KINDS if kind in feedback)


class FeedbackVecEnv(VecEnvWrapper):
    """Adds modalities to the observation of an environment; everything else passes through.

    | modality         | holds                                                        | size |
    |------------------|--------------------------------------------------------------|------|
    | `efference_copy` | the last action as the brain commanded it, in the body's     | A    |
    |                  | units, whatever then reached the actuators; one-hot where    |      |
    |                  | actions are discrete                                         |      |
    | `reward`         | the reward that followed it, as the body gives it            | 1    |
    | `alive`          | 1 for each of the body's numbers that reports, 0 where it is | S    |
    |                  | known to be missing, in the order of the observation space   |      |

    Where an episode starts there was no action and no reward: both are 0. The observation becomes a
    Dict; a body whose senses have no names senses "senses".

    Args:
        venv: From `make_vec_env`.
        feedback: Which of `action`, `reward` and `alive` are told.

    Raises:
        ValueError: A name is unknown, the body has a modality of that name, or its actions cannot
            be told.
    """

    def __init__(
        self, venv: "EngineVecEnv | GymnasiumVecEnv | DistractorVecEnv", feedback: Sequence[str]
    ) -> None:
        told = modalities_of(feedback)
        body: Any = venv.observation_space
        senses: dict[str, spaces.Space[Any]] = (
            dict(body.spaces) if isinstance(body, spaces.Dict) else {BODY: body}
        )
        hidden = [name for name in told if name in senses]
        if hidden:
            raise ValueError(
                f"the body has a sense {hidden[0]!r} of its own: feed back other things"
            )
        action_box, self._as_commanded = _efference(venv.action_space)
        sizes = sum(spaces.flatdim(sense) for sense in senses.values())
        own = {
            "efference_copy": action_box,
            "reward": spaces.Box(-np.inf, np.inf, (1,), np.float32),
            "alive": spaces.Box(0.0, 1.0, (sizes,), np.float32),
        }
        own = {name: own[name] for name in told}
        self._fed = {
            name: np.zeros((venv.num_envs, *box.shape), np.float32) for name, box in own.items()
        }
        self._actions = np.zeros(0)
        self.body = venv
        space = spaces.Dict({**senses, **own})
        self._senses = [name for name in space.spaces if name in senses]
        super().__init__(venv, observation_space=space)

    def reset(self) -> VecEnvObs:
        """Start an episode in every row and return the observations, [N, ...]."""
        observation = self.body.reset()
        self.reset_infos = self.body.reset_infos
        nothing = {name: np.zeros_like(values) for name, values in self._fed.items()}
        self._fed = self._with_alive(nothing, self.body.missing_senses)
        return self._joined(observation)

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions of the next step, [N, ...]."""
        self._actions = np.asarray(actions)
        self.body.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Advance every row; return observations, rewards, dones and infos."""
        observation, rewards, dones, infos = self.body.step_wait()
        fed = {
            "efference_copy": self._as_commanded(self._actions),
            "reward": np.asarray(rewards, np.float32)[:, np.newaxis],
        }
        fed = {name: told for name, told in fed.items() if name in self._fed}
        ended = np.flatnonzero(dones).tolist()
        if ended:
            last = self._with_alive(fed, self.body.missing_at_end)
            for row in ended:
                sensed = self._by_name(infos[row]["terminal_observation"])
                own = {name: told[row].copy() for name, told in last.items()}
                infos[row]["terminal_observation"] = {**sensed, **own}
            fed = {name: np.where(dones[:, np.newaxis], 0, told) for name, told in fed.items()}
        self._fed = self._with_alive(fed, self.body.missing_senses)
        return self._joined(observation), rewards, dones, infos

    def _with_alive(
        self, fed: Mapping[str, NDArray[np.float32]], missing: Callable[[], Observation | None]
    ) -> dict[str, NDArray[np.float32]]:
        """Return what is fed back together with what reports, if that is told.

        Args:
            fed: The other modalities, [N, n] each.
            missing: Tells which of the body's numbers are known to be blank; None for no one.
        """
        if "alive" not in self._fed:
            return dict(fed)
        lost = missing()
        alive = np.ones_like(self._fed["alive"])
        if lost is not None:
            named = self._by_name(lost)
            flat = [named[name].reshape(self.num_envs, -1) for name in self._senses]
            alive -= np.concatenate(flat, axis=1)
        return {**fed, "alive": alive}

    def _by_name(self, observation: Any) -> dict[str, Any]:
        """Return what the body senses by modality."""
        return dict(observation) if isinstance(observation, dict) else {BODY: observation}

    def _joined(self, observation: Any) -> dict[str, NDArray[Any]]:
        """Return the body's senses and what is fed back, [N, ...]; nobody else holds the arrays."""
        return {
            **self._by_name(observation),
            **{name: told.copy() for name, told in self._fed.items()},
        }

    def last_observation(self) -> dict[str, NDArray[Any]]:
        """Return what every row senses now, [N, ...]."""
        return self._joined(self.body.last_observation())

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides the future: arrays and plain numbers, copied."""
        fed = {name: told.copy() for name, told in self._fed.items()}
        return {"body": self.body.training_state(), "feedback": fed}

    def load_training_state(self, tree: dict[str, Any]) -> None:
        """Continue from `training_state` bit for bit, without a reset.

        Raises:
            ValueError: The state belongs to other feedback.
        """
        saved = tree.get("feedback", {})
        if saved.keys() != self._fed.keys():
            kinds = [kind for kind, name in KINDS.items() if name in saved]
            raise ValueError(f"the saved state has feedback=[{','.join(kinds)}]; use the same")
        self.body.load_training_state(tree["body"])
        self._fed = {name: np.array(saved[name], np.float32) for name in self._fed}


def _efference(
    space: spaces.Space[Any],
) -> tuple[spaces.Box, Callable[[NDArray[Any]], NDArray[np.float32]]]:
    """Return the modality that tells actions of a space, and how they are told, [N, ...] -> [N, A].

    Raises:
        ValueError: If the space is neither a Box nor Discrete.
    """
    if isinstance(space, spaces.Box):
        low, high = np.minimum(space.low, 0).ravel(), np.maximum(space.high, 0).ravel()
        box = spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)
        return box, lambda actions: actions.reshape(len(actions), -1).astype(np.float32)
    if isinstance(space, spaces.Discrete):
        each, first = np.eye(int(space.n), dtype=np.float32), int(space.start)
        box = spaces.Box(0.0, 1.0, (int(space.n),), np.float32)
        return box, lambda actions: each[actions.reshape(-1) - first]
    raise ValueError(f"feedback tells Box and Discrete actions, got {space}")
