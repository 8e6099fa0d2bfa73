"""Pictures of a body, drawn off screen and cheaply."""

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from envs.errors import RenderingError
from envs.headless import WHY_NOT

Camera = str | int | Mapping[str, Any] | mujoco.MjvCamera | None
ROW_STATE = mujoco.mjtState.mjSTATE_INTEGRATION

_MENDING = (
    "without a display set MUJOCO_GL=egl (Debian: apt install libegl1 libgl1-mesa-dri); "
    "`python envs/doctor.py` tells what works"
)


class FrameRenderer:
    """Draws bodies off screen.

    Shadows, reflections and multisampling are off: with software rendering they cost ten times
    the rest of the picture.

    Args:
        model: The body; a copy is kept.
        camera: The view to take where none is asked for.
    """

    def __init__(self, model: mujoco.MjModel, camera: Camera) -> None:
        self._model = model.__copy__()
        self._model.vis.quality.offsamples = 0
        self._data = mujoco.MjData(self._model)
        self._default_camera = camera
        self._renderer: mujoco.Renderer | None = None

    def draw(self, row: np.ndarray, width: int, height: int, camera: Camera) -> np.ndarray:
        """Draw a body in a given state.

        Args:
            row: Its integration state, as `mujoco.batch` and `mj_getState` lay it out.
            width: Of the picture, pixels.
            height: Of the picture, pixels.
            camera: See `EngineVecEnv.render_frame`.

        Returns:
            The picture, uint8 [height, width, 3].

        Raises:
            RenderingError: No renderer works here; the message tells what mends it.
        """
        mujoco.mj_setState(self._model, self._data, row, ROW_STATE)
        mujoco.mj_forward(self._model, self._data)
        view = self._view(self._default_camera if camera is None else camera)
        try:
            renderer = self._sized_renderer(width, height)
            renderer.update_scene(self._data, view)
            return renderer.render()
        except (ImportError, AttributeError, RuntimeError, mujoco.FatalError) as error:
            reason = WHY_NOT or f"no renderer works here ({error}); {_MENDING}"
            raise RenderingError(reason) from None

    def _sized_renderer(self, width: int, height: int) -> mujoco.Renderer:
        current = self._renderer
        if current is not None and (current.width, current.height) == (width, height):
            return current
        self.close()
        buffers = self._model.vis.global_
        buffers.offwidth = max(buffers.offwidth, width)
        buffers.offheight = max(buffers.offheight, height)
        renderer = mujoco.Renderer(self._model, height, width)
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._renderer = renderer
        return renderer

    def _view(self, camera: Camera) -> str | int | mujoco.MjvCamera:
        """Resolve a camera to what MuJoCo takes.

        Raises:
            ValueError: The model has no camera of this name.
        """
        if isinstance(camera, str):
            names = [self._model.camera(index).name for index in range(self._model.ncam)]
            if camera not in names:
                raise ValueError(f"no camera {camera!r}; the model has {names or 'none'}")
            return camera
        if camera is not None and not isinstance(camera, Mapping):
            return camera
        view = mujoco.MjvCamera()
        mujoco.mjv_defaultFreeCamera(self._model, view)
        for field, value in (camera or {}).items():
            setattr(view, field, value)
        if view.trackbodyid >= 0:
            view.type = mujoco.mjtCamera.mjCAMERA_TRACKING
        return view

    def close(self) -> None:
        """Free the drawing buffers."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
