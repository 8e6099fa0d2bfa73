"""Pictures of a row, drawn off screen and cheaply."""

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from envs.engine import Engine
from envs.errors import RenderingError

Camera = str | int | Mapping[str, Any] | mujoco.MjvCamera | None

_MENDING = (
    "on a machine without a display set MUJOCO_GL=egl (Debian: apt install libegl1 "
    "libgl1-mesa-dri) or MUJOCO_GL=osmesa (libosmesa6); `python envs/doctor.py` tells what works"
)


class FrameRenderer:
    """Draws rows of an engine; software rendering stays usable because costly effects are off.

    Args:
        engine: Whose rows to draw.
    """

    def __init__(self, engine: Engine) -> None:
        self._batch = engine.batch
        self._default_camera = engine.task.camera
        self._data = mujoco.MjData(engine.task.model)
        self._model = engine.batch.get_model(0)
        self._model.vis.quality.offsamples = 0
        self._renderer: mujoco.Renderer | None = None

    def draw(self, index: int, width: int, height: int, camera: Camera) -> np.ndarray:
        """Return row `index` as uint8 [height, width, 3].

        Raises:
            RenderingError: No renderer works here; the message tells what mends it.
        """
        renderer = self._sized_renderer(width, height)
        self._batch.get_data(index, self._data)
        mujoco.mj_forward(self._model, self._data)
        renderer.update_scene(self._data, self._camera(camera))
        return renderer.render()

    def _sized_renderer(self, width: int, height: int) -> mujoco.Renderer:
        current = self._renderer
        if current is not None and (current.width, current.height) == (width, height):
            return current
        self.close()
        buffers = self._model.vis.global_
        buffers.offwidth = max(buffers.offwidth, width)
        buffers.offheight = max(buffers.offheight, height)
        try:
            renderer = mujoco.Renderer(self._model, height, width)
        except Exception as error:  # each backend fails in its own way
            raise RenderingError(f"no renderer works here ({error}); {_MENDING}") from None
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._renderer = renderer
        return renderer

    def _camera(self, camera: Camera) -> str | int | mujoco.MjvCamera:
        """Resolve what the caller asked for to what MuJoCo takes."""
        if camera is None:
            camera = self._default_camera
        if not isinstance(camera, Mapping):
            return camera
        fields = dict(camera)
        name = fields.pop("name", None)
        if name is not None and mujoco.mj_name2id(
            self._model, mujoco.mjtObj.mjOBJ_CAMERA, name
        ) != -1:  # fmt: skip
            return name
        view = mujoco.MjvCamera()
        mujoco.mjv_defaultFreeCamera(self._model, view)
        if fields.get("trackbodyid", -1) >= 0:
            view.type = mujoco.mjtCamera.mjCAMERA_TRACKING
        for field, value in fields.items():
            setattr(view, field, value)
        return view

    def close(self) -> None:
        """Free the drawing buffers."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
