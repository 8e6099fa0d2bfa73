"""An eye that moves: a narrow fovea that sees colour, a wide periphery that sees light and dark.

One ray per pixel, cast inside MuJoCo's threads; the geom that a ray hits tells its colour. A ray
costs a hundredth of what a pixel of a rendered picture costs, and what it meets is exact.
"""

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.scenery import Scenery

CHANNELS = ("red", "green", "blue", "nearness")
CAMERAS = ("fovea", "periphery")


class Retina:
    """What the cameras `fovea` and `periphery` of a model see, for all rows at once.

    A picture is [height, width, channels] = [resolution, 2 * resolution, 4]: the fovea in the left
    half, the periphery in the right one; row 0 is the top, column 0 of each half its left. The
    channels are red, green, blue and nearness, all in [0, 1]. In the periphery red, green and blue
    are the same number, the mean of the three: it sees no colour. Nearness is 1 at the eye and
    falls linearly to 0 at `farthest` metres. Where there is nothing to see all four are 0.

    Args:
        spec: A model with the two cameras at one place, looking one way, each with its `fovy`,
            before it is compiled; joints and mocap bodies have names.
        model: The same, compiled.
        resolution: Rays along each side of each half.
        farthest: Distance from which on nearness is 0, m.

    Attributes:
        shape: Of a picture.

    Raises:
        ValueError: The cameras differ in more than their field of view, or there are no rays.
    """

    def __init__(
        self, spec: mujoco.MjSpec, model: mujoco.MjModel, *, resolution: int, farthest: float
    ) -> None:
        if resolution < 1:
            raise ValueError(f"resolution must be at least 1 ray, got {resolution}")
        fovea, periphery = (model.camera(name) for name in CAMERAS)
        pose, other = (np.r_[eye.bodyid, eye.pos, eye.quat] for eye in (fovea, periphery))
        if not np.array_equal(pose, other):
            raise ValueError("fovea and periphery must be at one place and look one way")
        self.shape = (resolution, 2 * resolution, len(CHANNELS))
        self._farthest = farthest
        self._camera = int(fovea.id)
        halves = [
            _pixel_directions(float(camera.fovy[0]), resolution) for camera in (fovea, periphery)
        ]
        # In the camera's frame, [3, rays], in the order of the pixels.
        self._rays = np.ascontiguousarray(np.concatenate(halves, axis=1).reshape(-1, 3).T)
        self._widest = float(-self._rays[2].max())  # cosine of the largest angle off the axis
        self._scenery = Scenery(spec, model)
        # What each geom looks like: in the fovea, then in the periphery; first what is no geom.
        colours = np.concatenate([np.zeros((1, 4)), _geom_colours(self._scenery.model)])
        grey = colours.copy()
        # Rounded, so that colours of one mean cannot be told apart by its last bit.
        grey[:, :3] = colours[:, :3].mean(axis=1, keepdims=True).round(4)
        self._looks = np.concatenate([colours, grey])
        in_periphery = np.arange(2 * resolution) >= resolution
        self._first_look = np.tile(1 + in_periphery * len(colours), resolution).astype(np.int32)

    def bind(self, batch: Batch) -> None:
        """Take the views of the batch that tell where the eye is, and what is around it."""
        self._scenery.bind(batch)
        self._places = batch.bind("cam_xpos")[:, self._camera]
        self._axes = batch.bind("cam_xmat")[:, self._camera]

    def look(self, pictures: np.ndarray, rows: np.ndarray | None) -> None:
        """Write what is seen now.

        Args:
            pictures: Of all rows, [N, height, width, channels], written into.
            rows: Sorted indices of the rows that look, [n]; None for all.
        """
        chosen = slice(None) if rows is None else rows
        axes = self._axes[chosen].reshape(-1, 3, 3)  # the eye looks along the negative third
        directions = np.empty((len(axes), self._rays.shape[1], 3))
        np.matmul(axes, self._rays, out=directions.transpose(0, 2, 1))
        distance, geom = self._scenery.cast(
            self._places[chosen], -axes[:, :, 2], directions, self._widest, rows
        )
        seen = self._looks.take(geom + self._first_look, axis=0)
        distance /= -self._farthest
        distance += 1.0
        np.maximum(distance, 0.0, out=distance)
        seen[..., 3] *= distance
        pictures[chosen] = seen.reshape(-1, *self.shape)


def picture(vision: np.ndarray, *, pixel: int = 16) -> np.ndarray:
    """Turn what an eye senses into a picture for people: the fovea left, the periphery right.

    Args:
        vision: One body's, [height, width, channels].
        pixel: Side of a pixel of the eye in the picture, pixels.

    Returns:
        The picture, uint8 [pixel * height, pixel * width + gap, 3], with a gap between the halves.
    """
    height, width, _ = vision.shape
    colours = np.clip(np.asarray(vision)[..., :3], 0, 1)
    large = (255 * colours).astype(np.uint8).repeat(pixel, axis=0).repeat(pixel, axis=1)
    gap = np.full((pixel * height, max(pixel // 4, 1), 3), 235, np.uint8)
    half = pixel * width // 2
    return np.concatenate([large[:, :half], gap, large[:, half:]], axis=1)


def off_axis(axes: np.ndarray, positions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the angle between where cameras look and where targets are, [N], rad.

    Args:
        axes: Orientation of one camera in every row, as MuJoCo's `cam_xmat`, [N, 3, 3] or [N, 9].
        positions: Of the camera, [N, 3], m.
        targets: [N, 3], m.
    """
    towards = targets - positions
    forward = -axes.reshape(-1, 3, 3)[:, :, 2]  # cameras look along their negative z axis
    cosine = np.einsum("ni,ni->n", forward, towards) / np.linalg.norm(towards, axis=1)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


def _pixel_directions(fovy: float, resolution: int) -> np.ndarray:
    """Return directions through the centres of pixels in the camera's frame, [rows, columns, 3]."""
    steps = (2 * np.arange(resolution) + 1) / resolution - 1
    slopes = steps * np.tan(np.radians(fovy) / 2)
    right, down = np.meshgrid(slopes, slopes)
    directions = np.stack([right, -down, -np.ones_like(right)], axis=-1)
    return directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def _geom_colours(model: mujoco.MjModel) -> np.ndarray:
    """Return red, green, blue and 1 of every geom, [ngeom, 4]: its material's where it has one."""
    colours = model.geom_rgba.astype(float)
    dressed = model.geom_matid >= 0
    colours[dressed] = model.mat_rgba[model.geom_matid[dressed]]
    colours[:, 3] = 1.0
    return colours
