"""The stage of a film: one look for every body, a camera that follows it, cheap to draw.

Software rendering is bound by pixels, so what costs most and shows least (reflections,
multisampling, large shadow maps) is left out; one small shadow map is kept, because without a
shadow nobody sees whether a foot is on the ground.
"""

import os
from collections.abc import Mapping

from envs.headless import WHY_NOT  # isort: skip - before MuJoCo, so that it chooses how to draw
import mujoco
import numpy as np
from numpy.typing import NDArray

from envs import RenderingError
from envs.doctor import mend_rendering

Frame = NDArray[np.uint8]
"""A picture, [height, width, 3]."""

HORIZON = np.array([196, 207, 214])
ZENITH = np.array([104, 131, 156])
FLOOR_TONES = np.array([[92, 104, 114], [108, 121, 131]])
SUN_DIRECTION = np.array([0.25, 0.3, -0.92])
SHADOW_MAP_SIZE = 1024
FIELD_OF_VIEW = 40.0
SKY_DEGREES = 12.0
CHASE_SECONDS = 0.25


class Stage:
    """Draws one body in the look of the films.

    Args:
        model: The body; a copy is dressed for the camera.
        control_period: Time between two frames, s.
        width, height: Size of the frames, pixels.
        view: Wishes for the camera, see `ChaseCamera`.

    Raises:
        RenderingError: No renderer works here; the message tells what mends it.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        *,
        control_period: float,
        width: int,
        height: int,
        view: Mapping[str, float] | None = None,
    ) -> None:
        self._model = model.__copy__()
        self._data = mujoco.MjData(self._model)
        mujoco.mj_forward(self._model, self._data)
        self._camera = ChaseCamera(
            self._model, self._data, control_period, width / height, view or {}
        )
        dress(self._model, self._camera.radius, width, height)
        self._renderer = open_renderer(self._model, width, height)
        flags = self._renderer.scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SHADOW] = True
        flags[mujoco.mjtRndFlag.mjRND_FOG] = True
        flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = False
        flags[mujoco.mjtRndFlag.mjRND_HAZE] = False
        self._sky = sky(height, self._camera.elevation)

    def cut(self) -> None:
        """Jump to the body with the next frame, as where an episode starts."""
        self._camera.cut()

    def draw(self, row: NDArray[np.float64]) -> Frame:
        """Draw the body, and move the camera on by one control step.

        Args:
            row: State of the body as `mujoco.batch` lays it out.
        """
        model, data = self._model, self._data
        mujoco.mj_setState(model, data, row, mujoco.mjtState.mjSTATE_INTEGRATION)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_camlight(model, data)
        mujoco.mj_flex(model, data)
        mujoco.mj_tendon(model, data)
        mujoco.mj_sensorPos(model, data)  # rays are drawn as far as they reach
        view = self._camera.follow(data)
        self._renderer.update_scene(data, camera=view)
        light(self._renderer.scene, view, self._camera.radius)
        frame = self._renderer.render()
        # Nothing drawn is exactly black: every surface has some ambient light.
        empty = (frame[..., 0] | frame[..., 1] | frame[..., 2]) == 0
        for channel in range(3):  # five times as fast as indexing pixels by the mask
            np.copyto(frame[..., channel], self._sky[:, channel, np.newaxis], where=empty)
        return frame

    @property
    def place(self) -> NDArray[np.float64] | None:
        """Centre of mass in the last frame, [3], m; None for a body that stays where it is."""
        return self._data.subtree_com[0].copy() if self._camera.travels else None

    def close(self) -> None:
        """Free the drawing buffers."""
        self._renderer.close()


def open_renderer(model: mujoco.MjModel, width: int, height: int) -> mujoco.Renderer:
    """Open MuJoCo's off-screen renderer.

    Raises:
        RenderingError: None works here; the message tells what mends it.
    """
    if WHY_NOT is not None:
        raise RenderingError(WHY_NOT)
    try:
        return mujoco.Renderer(model, height, width)
    except Exception as error:  # each backend fails in its own way
        reason = " ".join(str(error).split())
        mend = mend_rendering(os.environ.get("MUJOCO_GL", ""), reason)
        message = f"no renderer works here ({reason}); try: {mend}; `make doctor` tells more"
        raise RenderingError(message) from error


class ChaseCamera:
    """A camera that keeps a body in view: still where the body stays, following where it travels.

    Args:
        model: The body.
        data: The body at its start.
        control_period: Time between two frames, s.
        aspect: Width over height of the frames.
        view: Wishes: `azimuth` and `elevation`, degrees; `zoom`; `follow`, false to stand still
            and show the whole scene although the body travels, as within walls.

    Attributes:
        travels: Whether the camera follows a body that can leave its place.
        radius: Of a ball around the body at its start, m.
        elevation: Angle of view, degrees; negative looks down.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        control_period: float,
        aspect: float,
        view: Mapping[str, float],
    ) -> None:
        self.travels = can_travel(model) and bool(view.get("follow", True))
        low, high = box_around(model, data, moving_only=self.travels)
        self._centre = (low + high) / 2
        self._offset = self._centre - data.subtree_com[0] if self.travels else np.zeros(3)
        self.radius = float(np.linalg.norm(high - low)) / 2
        self.elevation: float = view.get("elevation", -50.0 if is_planar(model, data) else -13.0)
        self._period = control_period
        self._lookat: NDArray[np.float64] | None = None
        self._velocity = np.zeros(3)
        self._view = mujoco.MjvCamera()
        self._view.type = mujoco.mjtCamera.mjCAMERA_FREE
        self._view.azimuth = view.get("azimuth", 105.0 if self.travels else 90.0)
        self._view.elevation = self.elevation
        narrow = np.radians(FIELD_OF_VIEW) / 2 * min(1.0, aspect)
        self._view.distance = 1.15 * self.radius / np.sin(narrow) / view.get("zoom", 1.0)

    def cut(self) -> None:
        """Forget where the camera was."""
        self._lookat = None

    def follow(self, data: mujoco.MjData) -> mujoco.MjvCamera:
        """Return the view of the next frame.

        An alpha-beta filter: smooth, and without lag behind a body at constant speed, which would
        otherwise run out of the picture. Up and down it is slow and has no speed, so that the
        ground does not shake with every step.
        """
        wanted = data.subtree_com[0] + self._offset if self.travels else self._centre
        if self._lookat is None:
            self._lookat, self._velocity = np.array(wanted), np.zeros(3)
        expected = self._lookat + self._velocity * self._period
        error = wanted - expected
        pace = 1 - np.exp(-self._period / CHASE_SECONDS)
        self._lookat = expected + pace * np.array([1.0, 1.0, 0.5]) * error
        self._velocity += pace**2 / (2 - pace) / self._period * error * np.array([1.0, 1.0, 0.0])
        self._view.lookat[:] = self._lookat
        return self._view


def can_travel(model: mujoco.MjModel) -> bool:
    """Say whether the body can leave its place: a free joint or an unlimited slide."""
    kinds = model.jnt_type
    slides = (kinds == mujoco.mjtJoint.mjJNT_SLIDE) & (model.jnt_limited == 0)
    return bool((slides | (kinds == mujoco.mjtJoint.mjJNT_FREE)).any())


def is_planar(model: mujoco.MjModel, data: mujoco.MjData) -> bool:
    """Say whether the body only moves within the horizontal plane, to be seen from above."""
    kinds, upwards = model.jnt_type, np.abs(data.xaxis[:, 2])
    turns = (kinds == mujoco.mjtJoint.mjJNT_HINGE) & (upwards > 0.9)
    slides = (kinds == mujoco.mjtJoint.mjJNT_SLIDE) & (upwards < 0.1)
    return bool((turns | slides).all())


def box_around(
    model: mujoco.MjModel, data: mujoco.MjData, *, moving_only: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and the upper corner of a box around the scene, floors left out, m."""
    chosen = model.geom_type != mujoco.mjtGeom.mjGEOM_PLANE
    if moving_only:
        chosen &= model.body_weldid[model.geom_bodyid] != 0
    if not chosen.any():
        return -np.ones(3), np.ones(3)
    corners = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1)
    centres, halves = model.geom_aabb[chosen, :3], model.geom_aabb[chosen, 3:]
    local = centres[:, :, np.newaxis] + halves[:, :, np.newaxis] * corners
    turned = data.geom_xmat[chosen].reshape(-1, 3, 3) @ local
    points = (data.geom_xpos[chosen][:, :, np.newaxis] + turned).transpose(0, 2, 1).reshape(-1, 3)
    return points.min(axis=0), points.max(axis=0)


def dress(model: mujoco.MjModel, radius: float, width: int, height: int) -> None:
    """Give a model the look of the films: calm floor, fog into the horizon, cheap buffers.

    Args:
        model: Changed in place.
        radius: Of a ball around the body, m; shadows and fog are sized by it.
        width: Of the frames, pixels.
        height: Of the frames, pixels.
    """
    model.vis.global_.offwidth, model.vis.global_.offheight = width, height
    model.vis.global_.fovy = FIELD_OF_VIEW
    model.vis.quality.offsamples = 0
    model.vis.quality.shadowsize = SHADOW_MAP_SIZE
    model.mat_reflectance[:] = 0
    model.mat_specular[:] *= 0.3
    model.stat.extent = radius  # the unit of the next four
    model.vis.map.shadowclip = 4.0
    model.vis.map.znear, model.vis.map.zfar = 0.02, 80.0
    model.vis.map.fogstart, model.vis.map.fogend = 8.0, 32.0
    model.vis.rgba.fog[:] = [*HORIZON / 255, 1]
    _calm_floors(model)
    if can_travel(model):
        _endless_floors(model)


def _endless_floors(model: mujoco.MjModel) -> None:
    """Let floors reach the horizon wherever the body runs, tiled as densely as before."""
    for plane in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE):
        halves, material = model.geom_size[plane, :2], model.geom_matid[plane]
        if not halves.all():
            continue
        if material >= 0 and not model.mat_texuniform[material]:
            model.mat_texrepeat[material] /= 2 * halves  # from per plane to per metre
            model.mat_texuniform[material] = True
        model.geom_size[plane, :2] = 0.0  # MuJoCo's way to say infinite


def _calm_floors(model: mujoco.MjModel) -> None:
    """Repaint the textures of planes in two near tones, dark where they were dark."""
    planes = model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
    model.geom_rgba[planes, :3] = FLOOR_TONES[1] / 255
    for material in set(model.geom_matid[planes].tolist()) - {-1}:
        model.mat_rgba[material, :3] = 1.0
        textures = model.mat_texid[material]
        for texture in set(textures[textures >= 0].tolist()):
            channels = int(model.tex_nchannel[texture])
            size = int(model.tex_height[texture] * model.tex_width[texture]) * channels
            start = int(model.tex_adr[texture])
            pixels = model.tex_data[start : start + size].reshape(-1, channels)
            brightness = pixels[:, :3].mean(axis=1)
            bright = brightness > (brightness.min() + brightness.max()) / 2
            pixels[:, :3] = FLOOR_TONES[bright.astype(int)]
        model.geom_rgba[planes & (model.geom_matid == material), :3] = 1.0


def light(scene: mujoco.MjvScene, view: mujoco.MjvCamera, radius: float) -> None:
    """Replace a scene's lights by a soft one at the camera and a sun that moves with the body."""
    scene.nlight = 2
    soft, sun = scene.lights[0], scene.lights[1]
    soft.headlight, soft.castshadow = 1, 0
    soft.ambient[:], soft.diffuse[:], soft.specular[:] = 0.42, 0.28, 0.05
    sun.type = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    sun.headlight, sun.castshadow = 0, 1
    sun.dir[:] = SUN_DIRECTION / np.linalg.norm(SUN_DIRECTION)
    sun.pos[:] = np.asarray(view.lookat) - 8 * radius * np.asarray(sun.dir)
    sun.ambient[:], sun.diffuse[:], sun.specular[:] = 0.0, 0.62, 0.25


def sky(height: int, elevation: float) -> NDArray[np.uint8]:
    """Return the colour of the sky in each row of a camera's picture, [height, 3].

    Args:
        height: Of the picture, pixels.
        elevation: Of the camera, degrees; negative looks down.
    """
    slope = np.tan(np.radians(FIELD_OF_VIEW / 2))
    rows = slope * (1 - 2 * (np.arange(height) + 0.5) / height)
    angles = elevation + np.degrees(np.arctan(rows))
    upwards = np.clip(angles / SKY_DEGREES, 0, 1)[:, np.newaxis]
    return (HORIZON + upwards * (ZENITH - HORIZON)).astype(np.uint8)
