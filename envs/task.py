"""The contract between a task and the engine that steps it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium import spaces
from mujoco.batch import Batch

from envs.idle_stages import idle_stages

Observation = np.ndarray | dict[str, np.ndarray]
"""What is sensed, [..., D], or by modality."""


class Task(ABC):
    """A body and what is asked of it, written over all rows of a batch at once.

    A task owns the model and the meaning of its numbers; the engine owns the rows, the threads,
    the clocks and the random generators. A task reads the rows through views taken once in
    `bind`, so a step costs a handful of NumPy calls whatever the number of rows.

    Args:
        model: The compiled MuJoCo model that every row starts from. Stages that cannot change a
            result are switched off in it.
        frame_skip: Physics steps per control step.
        senses: How many numbers a row senses; or the shape of each modality by its name, in the
            order in which `observe` lays them side by side. The observation space is then a Dict.

    Attributes:
        model: The compiled MuJoCo model that every row starts from.
        frame_skip: Physics steps per control step.
        control_period: Length of a control step, s.
        observation_space: Of one row.
        columns: Where each modality stands in what `observe` returns; empty without modalities.
        action_space: Of one row.
        motion: Positions and velocities side by side as MuJoCo keeps them, a view [N, nq + nv].
        qpos, qvel: Views of each, [N, nq] and [N, nv].
        still_going: The `terminated` of tasks that never end, all false, [N].
        camera: Default view: a camera of the model by name, or fields of a `mujoco.MjvCamera`.
        film_view: Wishes for the camera of films: `azimuth` and `elevation`, degrees; `zoom`;
            `follow`, false to stand still although the body travels.
        limbs: Names of the actuated joints of each limb, for what may befall a limb; joints, since
            actuators often have no names.
        velocity_columns: Which numbers that `observe` returns are velocities, indices [n].
        persistent: Whether MuJoCo keeps all computed fields of every row between steps.
        sensed_stage: How far MuJoCo computes on after the last physics step, before `observe`.
        observes_derived_fields: Whether `observe` reads fields that MuJoCo computes (body
            positions, forces), not qpos and qvel alone; they are then computed at resets too.

    Raises:
        ValueError: A control step would have no physics step.
    """

    camera: ClassVar[str | Mapping[str, Any]] = {}
    film_view: ClassVar[Mapping[str, float]] = {}
    limbs: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    observes_derived_fields: ClassVar[bool] = False
    persistent: ClassVar[bool] = False
    sensed_stage: ClassVar[mujoco.mjtStage] = mujoco.mjtStage.mjSTAGE_NONE

    def __init__(
        self,
        model: mujoco.MjModel,
        *,
        frame_skip: int,
        senses: int | Mapping[str, tuple[int, ...]],
    ) -> None:
        if frame_skip < 1:
            raise ValueError(f"frame_skip must be at least 1 physics step, got {frame_skip}")
        model.opt.disableflags |= idle_stages(model)
        self.model = model
        self.frame_skip = frame_skip
        self.control_period = float(model.opt.timestep * frame_skip)
        self.observation_space = _space_of(senses)
        self.velocity_columns = np.zeros(0, np.int64)
        self.columns: dict[str, slice] = {}
        end = 0
        for name, shape in ({} if isinstance(senses, int) else senses).items():
            start, end = end, end + math.prod(shape)
            self.columns[name] = slice(start, end)
        low, high = model.actuator_ctrlrange.astype(np.float32).T
        self.action_space = spaces.Box(low, high, dtype=np.float32)

    def bind(self, batch: Batch) -> None:
        """Take the views of the batch that this task reads and writes."""
        first = mujoco.mj_stateSize(self.model, mujoco.mjtState.mjSTATE_TIME)
        self.motion = batch.state[:, first : first + self.model.nq + self.model.nv]
        self.qpos = batch.bind("qpos")
        self.qvel = batch.bind("qvel")
        self.still_going = np.zeros(batch.nsim, bool)

    @abstractmethod
    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Write the start of an episode into rows that hold the model's defaults.

        Args:
            rows: Their indices, [n].
            generators: The random generator of each of these rows.
        """

    def after_start(self, rows: np.ndarray) -> None:  # noqa: B027 - most tasks need nothing
        """Compute for rows that have just started what MuJoCo does not, before `observe`.

        Args:
            rows: Their indices, [n]. Derived fields are those of the start, if observed at all.
        """

    def before_step(self) -> None:  # noqa: B027 - most tasks compare with nothing
        """Remember what `evaluate` compares with after the step."""

    def after_step(self, rows: np.ndarray | None) -> None:  # noqa: B027 - most need nothing
        """Compute for rows that have just moved what MuJoCo does not, before `observe`.

        Args:
            rows: Their sorted indices, [n]; None for all.
        """

    @abstractmethod
    def observe(self) -> np.ndarray:
        """Return what every row senses now, a new array [N, D]; modalities side by side."""

    def present(self, sensed: np.ndarray) -> Observation:
        """Return sensed numbers, [..., D], as the observation space has them: copies."""
        space = self.observation_space
        if not isinstance(space, spaces.Dict):
            return sensed.copy()
        rows = sensed.shape[:-1]
        return {
            name: sensed[..., where].reshape(*rows, *(space[name].shape or ())).copy()
            for name, where in self.columns.items()
        }

    def present_each(self, sensed: np.ndarray) -> list[Observation]:
        """Return the same of each row of [n, D]."""
        presented = self.present(sensed)
        if isinstance(presented, np.ndarray):
            return list(presented)
        rows = zip(*presented.values(), strict=True)
        return [dict(zip(presented, row, strict=True)) for row in rows]

    @abstractmethod
    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Judge the step just made.

        Args:
            actions: What the rows did, [N, A].

        Returns:
            Reward, a new array [N], and whether the task ended the episode, [N]: `still_going`
            where it never does.
        """

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the terms of the last step's reward and where it led, new [N, ...] arrays."""
        return {}

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return what is told about the start of an episode, new [N, ...] arrays."""
        return {}

    def memory(self) -> dict[str, np.ndarray]:
        """Return the task's own variables that decide the future, as live [N, ...] arrays.

        Only what the MuJoCo rows do not hold: most tasks have none. The arrays are copied out
        for a checkpoint and written back in place to resume.
        """
        return {}


def _space_of(senses: int | Mapping[str, tuple[int, ...]]) -> spaces.Space[Any]:
    if isinstance(senses, int):
        return spaces.Box(-np.inf, np.inf, (senses,), np.float64)
    boxes: dict[str, spaces.Space[Any]] = {
        name: spaces.Box(-np.inf, np.inf, shape, np.float64) for name, shape in senses.items()
    }
    return spaces.Dict(boxes)


def load_model(path: Path) -> mujoco.MjModel:
    """Compile a model file without repeating MuJoCo's deprecation notes to the user."""
    mujoco.set_mju_user_warning(lambda _: None)
    try:
        return mujoco.MjModel.from_xml_path(str(path))
    finally:
        mujoco.set_mju_user_warning(None)


def clip(values: np.ndarray, largest: float) -> None:
    """Clip to [-largest, largest] in place, at a fifth of the price of `np.clip`."""
    np.maximum(values, -largest, out=values)
    np.minimum(values, largest, out=values)


def sum_of_squares(actions: np.ndarray) -> np.ndarray:
    """Return the squared length of every action, [N], rounded as `np.sum(np.square(action))` is."""
    return np.add.reduce(np.square(actions), axis=1)
