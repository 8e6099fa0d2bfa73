"""The engine: rows of one body, stepped together on a thread pool by `mujoco.batch`."""

import math
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from gymnasium.utils import seeding
from mujoco.batch import Batch, SimulationError

from envs.challenges.base import Body
from envs.challenges.catalogue import Described, compose
from envs.challenges.fields import ModelFields
from envs.errors import PhysicsError
from envs.generators import generator_from_state, generator_state
from envs.task import Task

# What MuJoCo found bad in a row, in the order of its table of warnings.
_BAD_QUANTITIES = ("position", "velocity", "acceleration", "control")
_BAD_WARNINGS = slice(
    int(mujoco.mjtWarning.mjWARN_BADQPOS), int(mujoco.mjtWarning.mjWARN_BADCTRL) + 1
)

_LARGEST_REWARD = float(np.finfo(np.float32).max)
"""Learners, and brains that sense their reward, hold it in single precision."""


class Engine:
    """Steps and restarts rows; knows nothing of autoreset, Gymnasium or SB3.

    The faces (`vector`, `single`, `sb3`) decide when a row starts again and how results are told.
    Everything that decides the future is in `training_state`, and each row depends on its own
    state, action and generator alone: the number of threads changes nothing.

    Args:
        task: The body and what is asked of it.
        name: Name of the environment, for messages.
        num_envs: Number of rows, N.
        num_threads: Threads that step them.
        max_episode_steps: Time limit, control steps; None for no limit.
        challenge: What goes wrong with the bodies while they run.
        challenge_time_limit: What the onsets of challenges are shares of, control steps; None for
            the time limit.

    Attributes:
        observation: What the rows sense now, [N, D]; rewards come from what is true.
        reward, terminated, truncated: Results of the last step, [N]. These four are replaced, never
            written into, by the next step or reset.
        elapsed: Control steps since each row's episode started, [N].
        generators: One random generator per row.
    """

    def __init__(
        self,
        task: Task,
        *,
        name: str,
        num_envs: int,
        num_threads: int,
        max_episode_steps: int | None,
        challenge: Described = None,
        challenge_time_limit: int | None = None,
    ) -> None:
        if num_envs < 1 or num_threads < 1:
            raise ValueError(
                f"num_envs and num_threads must be at least 1, got {num_envs} and {num_threads}"
            )
        self.task = task
        self.name = name
        self.num_envs = num_envs
        self.max_episode_steps = max_episode_steps
        self._limit = max_episode_steps or np.iinfo(np.int64).max
        self.batch = Batch(task.model, num_envs, min(num_threads, num_envs), task.persistent)
        task.bind(self.batch)
        self.observation = task.observe()
        self.reward = np.zeros(num_envs)
        self.terminated = np.zeros(num_envs, bool)
        self.truncated = np.zeros(num_envs, bool)
        self.elapsed = np.zeros(num_envs, np.int64)
        self.generators: list[np.random.Generator] = []
        self._default_row = self.batch.state[0].copy()
        self._ctrl = self.batch.bind("ctrl")
        self.challenges = compose(
            challenge,
            Body(
                name=name,
                task=task,
                batch=self.batch,
                fields=ModelFields(self.batch),
                clock=self.elapsed,
                senses_size=self.observation.shape[1],
                time_limit=challenge_time_limit or max_episode_steps or 0,
            ),
        )

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Give each row a generator; a row whose seed is None keeps its own if it has one."""
        kept = self.generators or [None] * self.num_envs
        self.generators = []
        for row, (seed, generator) in enumerate(zip(seeds, kept, strict=True)):
            if seed is None and generator is not None:
                self.generators.append(generator)
                continue
            fresh, entropy = seeding.np_random(seed)
            self.generators.append(fresh)
            self.challenges.seed_row(row, entropy)

    def reset(self, rows: np.ndarray, elapsed: np.ndarray | None = None) -> None:
        """Start an episode in `rows`, [n] sorted indices; leave every other row as it was.

        Args:
            rows: Their indices, [n].
            elapsed: Where their clocks begin, control steps, [n]; None for 0.
        """
        self.elapsed[rows] = 0 if elapsed is None else elapsed
        self.batch.state[rows] = self._default_row
        self.challenges.begin(rows)
        self.task.start(rows, [self.generators[row] for row in rows.tolist()])
        if self.task.observes_derived_fields:
            self.batch.forward(rows)
        self.task.after_start(rows)
        self.observation = self.challenges.sense_first(self.task.observe(), rows, self.observation)

    def step(self, actions: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Advance by one control step and judge it.

        Args:
            actions: One action per row, [N, A].
            rows: Sorted indices of the rows to advance; None for all. What `reward`, `terminated`
                and `truncated` hold for other rows has no meaning.

        Raises:
            PhysicsError: An action, the state or the reward of a row is not finite, the reward in
                single precision.
        """
        if actions.shape != self._ctrl.shape:
            raise ValueError(
                f"{self.name}: actions must have shape {self._ctrl.shape}, got {actions.shape}"
            )
        if not math.isfinite(np.vdot(actions, actions)):  # cheaper than to look at each
            self._refuse_bad_actions(actions)
        task = self.task
        applied = self.challenges.act(actions)
        self._ctrl[...] = applied
        task.before_step()
        try:
            self.batch.step(rows, task.frame_skip, task.sensed_stage)
        except SimulationError as error:
            raise self._physics_error(int(error.ids[0]), f"could not be stepped: {error}") from None
        if np.count_nonzero(self.batch.warning):
            self._refuse_bad_rows()
        task.after_step(rows)
        self.elapsed += 1
        self.observation = self.challenges.sense(task.observe())
        self.reward, self.terminated = task.evaluate(applied)
        if not np.vdot(self.reward, self.reward) <= _LARGEST_REWARD**2:  # one may be larger, or nan
            self._refuse_bad_rewards(rows)
        self.truncated = self.elapsed >= self._limit

    def step_info(self) -> dict[str, np.ndarray]:
        """Return what task and challenges tell of the last step, each a new [N] array."""
        return {**self.task.step_info(), **self.challenges.info()}

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return what task and challenges tell of the start of an episode, each a new [N] array."""
        return {**self.task.reset_info(), **self.challenges.info()}

    def _refuse_bad_actions(self, actions: np.ndarray) -> None:
        bad = np.flatnonzero(~np.isfinite(actions).all(axis=1))
        if bad.size:
            values = actions[bad[0]].tolist()
            raise self._physics_error(int(bad[0]), f"was given a non-finite action {values}")

    def _refuse_bad_rows(self) -> None:
        bad = np.argwhere(self.batch.warning[:, _BAD_WARNINGS, 1])
        self.batch.warning[...] = 0
        if bad.size:
            row, quantity = bad[0].tolist()
            raise self._physics_error(row, f"became non-finite in {_BAD_QUANTITIES[quantity]}")

    def _refuse_bad_rewards(self, rows: np.ndarray | None) -> None:
        stepped = np.arange(self.num_envs) if rows is None else rows
        bad = stepped[~(np.abs(self.reward[stepped]) <= _LARGEST_REWARD)]
        if bad.size:
            row, step = int(bad[0]), int(self.elapsed[bad[0]])  # which counts this step already
            most = "" if not math.isfinite(self.reward[row]) else ", more than a float32 holds"
            raise PhysicsError(
                f"{self.name}: row {row} earned {self.reward[row]}{most}, at its step {step}"
            )

    def _physics_error(self, row: int, what: str) -> PhysicsError:
        step = int(self.elapsed[row]) + 1
        return PhysicsError(f"{self.name}: row {row} {what}, at its step {step}")

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides the future of the rows, copied."""
        return {
            "rows": self.batch.state.copy(),
            "elapsed": self.elapsed.copy(),
            "observation": self.observation.copy(),
            "generators": [generator_state(generator) for generator in self.generators],
            "task": {name: array.copy() for name, array in self.task.memory().items()},
            "challenges": self.challenges.training_state(),
        }

    def load_training_state(self, tree: dict[str, Any]) -> None:
        """Continue from `training_state`, bit for bit.

        Raises:
            ValueError: The state belongs to another body or number of rows.
        """
        rows = np.asarray(tree["rows"])
        if rows.shape != self.batch.state.shape:
            raise ValueError(
                f"{self.name}: the saved state has (rows, numbers per row) {rows.shape}, "
                f"this environment {self.batch.state.shape}; use the same environment and num_envs"
            )
        self.batch.state[...] = rows
        self.batch.warning[...] = 0
        self.elapsed[...] = np.asarray(tree["elapsed"])
        self.observation = np.array(tree["observation"], float)
        self.generators = [generator_from_state(state) for state in tree["generators"]]
        for name, array in self.task.memory().items():
            array[...] = np.asarray(tree["task"][name])
        self.challenges.load_training_state(tree.get("challenges", {}))
