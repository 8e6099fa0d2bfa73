"""Tasks whose senses are the sensors of their model, grouped into modalities by name."""

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.task import Task

MODALITIES = ("proprioception", "touch", "vestibular", "vision", "interoception", "goal")
_VELOCITIES = frozenset(
    int(kind)
    for kind in (
        mujoco.mjtSensor.mjSENS_VELOCIMETER,
        mujoco.mjtSensor.mjSENS_GYRO,
        mujoco.mjtSensor.mjSENS_JOINTVEL,
        mujoco.mjtSensor.mjSENS_TENDONVEL,
        mujoco.mjtSensor.mjSENS_ACTUATORVEL,
        mujoco.mjtSensor.mjSENS_BALLANGVEL,
        mujoco.mjtSensor.mjSENS_FRAMELINVEL,
        mujoco.mjtSensor.mjSENS_FRAMEANGVEL,
        mujoco.mjtSensor.mjSENS_SUBTREELINVEL,
    )
)
_EARLY = 1e-6  # of an interval


class SensorTask(Task):
    """A body that senses what the sensors of its XML measure.

    A sensor is named `modality/what`, such as `touch/left_foot`; sensors of one modality stand
    together in the XML and become one entry of the observation. What MuJoCo has no sensor for
    (a command, a colour, hunger) is declared in `extra` and written by the task into
    `self.sensed`, a view per modality.

    Sensors are read after the last physics step of a control step, as they are then; those of
    forces (touch, accelerometer, actuator force) tell of that last physics step. Give costly ones
    (rangefinders) an `interval` of the control period.

    Args:
        model: The compiled model.
        frame_skip: Physics steps per control step.
        extra: Shape of each further modality, or of numbers that follow the sensors of one.

    Attributes:
        sensed: What `observe` will return, by modality: live views [N, ...] for the task to write
            the numbers that no sensor measures; those of sensors are overwritten.
        sensordata: What all sensors measure now, a view [N, S].

    Raises:
        ValueError: A sensor's name has no known modality, or a modality's sensors are scattered.
    """

    observes_derived_fields: ClassVar[bool] = True
    persistent: ClassVar[bool] = True  # sensors of forces outlive a step in their own row only
    sensed_stage: ClassVar[mujoco.mjtStage] = mujoco.mjtStage.mjSTAGE_VEL

    def __init__(
        self,
        model: mujoco.MjModel,
        *,
        frame_skip: int,
        extra: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        spans = _sensor_spans(model)
        # A hair early: time is a sum of rounded steps, and where it lags behind a multiple of the
        # interval the sensor would be read a physics step late and its old value observed.
        model.sensor_interval[:, 0] *= 1 - _EARLY
        shapes: dict[str, tuple[int, ...]] = {
            name: (span.stop - span.start,) for name, span in spans.items()
        }
        for name, shape in (extra or {}).items():
            if name not in MODALITIES:
                raise ValueError(f"unknown modality {name!r}; there are {', '.join(MODALITIES)}")
            shapes[name] = (shapes[name][0] + int(np.prod(shape)),) if name in shapes else shape
        shapes = {name: shapes[name] for name in MODALITIES if name in shapes}
        super().__init__(model, frame_skip=frame_skip, senses=shapes)
        # Columns of the observation that a sensor fills, and the numbers that fill them.
        self._filled = np.concatenate(
            [
                self.columns[name].start + np.arange(span.stop - span.start)
                for name, span in spans.items()
            ]
        )
        self._sources = np.concatenate([np.r_[span] for span in spans.values()])
        kinds = np.repeat(model.sensor_type, model.sensor_dim)[self._sources]
        self.velocity_columns = self._filled[np.isin(kinds, list(_VELOCITIES))]

    def bind(self, batch: Batch) -> None:
        """Take the views of the batch and of what is sensed."""
        super().bind(batch)
        self.sensordata = batch.bind("sensordata")
        width = max(where.stop for where in self.columns.values())
        self._flat = np.zeros((batch.nsim, width))
        space: Any = self.observation_space
        self.sensed = {
            name: self._flat[:, where].reshape(batch.nsim, *space[name].shape)
            for name, where in self.columns.items()
        }

    def sense(self) -> None:
        """Write into `self.sensed` what no sensor measures."""

    def observe(self) -> np.ndarray:
        """Return what every row senses now, a new array [N, D]."""
        self._flat[:, self._filled] = self.sensordata[:, self._sources]
        self.sense()
        return self._flat.copy()


def _sensor_spans(model: mujoco.MjModel) -> dict[str, slice]:
    """Return where the sensors of each modality stand in `sensordata`, in the order of the XML."""
    spans: dict[str, slice] = {}
    for index in range(model.nsensor):
        sensor = model.sensor(index)
        modality = sensor.name.partition("/")[0]
        if modality not in MODALITIES:
            raise ValueError(
                f"sensor {sensor.name!r} must be named modality/what, "
                f"with one of {', '.join(MODALITIES)}"
            )
        start = int(model.sensor_adr[index])
        end = start + int(model.sensor_dim[index])
        known = spans.get(modality)
        if known is not None and known.stop != start:
            raise ValueError(
                f"the sensors of {modality} must stand together; {sensor.name!r} is apart"
            )
        spans[modality] = slice(start if known is None else known.start, end)
    return spans
