"""The contract between a task and the engine that steps it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium import spaces
from mujoco.batch import Batch


class Task(ABC):
    """A body and what is asked of it, written over all rows of a batch at once.

    A task owns the model and the meaning of its numbers; the engine owns the rows, the threads,
    the clocks and the random generators. A task reads the rows through views taken once in
    `bind`, so a step costs a handful of NumPy calls whatever the number of rows.

    Attributes:
        model: The compiled MuJoCo model that every row starts from.
        frame_skip: Physics steps per control step.
        control_period: Length of a control step, s.
        observation_space: Of one row.
        action_space: Of one row.
        camera: Default view: fields of a `mujoco.MjvCamera`.
        observes_derived_fields: Whether `observe` reads fields that MuJoCo computes (body
            positions, forces), not qpos and qvel alone; they are then computed at resets too.
    """

    camera: ClassVar[Mapping[str, Any]] = {}
    observes_derived_fields: ClassVar[bool] = False

    def __init__(self, model: mujoco.MjModel, *, frame_skip: int, observation_size: int) -> None:
        self.model = model
        self.frame_skip = frame_skip
        self.control_period = float(model.opt.timestep * frame_skip)
        self.observation_space = spaces.Box(-np.inf, np.inf, (observation_size,), np.float64)
        low, high = model.actuator_ctrlrange.astype(np.float32).T
        self.action_space = spaces.Box(low, high, dtype=np.float32)

    def bind(self, batch: Batch) -> None:
        """Take the views of the batch that this task reads and writes."""
        self.qpos = batch.bind("qpos")
        self.qvel = batch.bind("qvel")

    @abstractmethod
    def start_row(self, row: int, generator: np.random.Generator) -> None:
        """Write the start of an episode into a row that holds the model's defaults."""

    def before_step(self) -> None:  # noqa: B027 - most tasks compare with nothing
        """Remember what `evaluate` compares with after the step."""

    @abstractmethod
    def observe(self, observation: np.ndarray) -> None:
        """Write what every row senses into `observation`, [N, D]."""

    @abstractmethod
    def evaluate(self, actions: np.ndarray, reward: np.ndarray, terminated: np.ndarray) -> None:
        """Judge the step just made: write `reward` and `terminated`, [N].

        Args:
            actions: What the rows did, [N, A].
            reward: Written, [N].
            terminated: Written by tasks that can end, all false otherwise, [N].
        """

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the terms of the last step's reward and its positions, each a new [N] array."""
        return {}

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return what is told about the start of an episode, each a new [N] array."""
        return {}

    def memory(self) -> dict[str, np.ndarray]:
        """Return the task's own variables that decide the future, as live [N, ...] arrays.

        Only what the MuJoCo rows do not hold: most tasks have none. The arrays are copied out
        for a checkpoint and written back in place to resume.
        """
        return {}


def load_model(path: Path) -> mujoco.MjModel:
    """Compile a model file without repeating MuJoCo's deprecation notes to the user."""
    mujoco.set_mju_user_warning(lambda _: None)
    try:
        return mujoco.MjModel.from_xml_path(str(path))
    finally:
        mujoco.set_mju_user_warning(None)
