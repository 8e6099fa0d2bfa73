"""What there is to see around a body, as a model of its own that rays are cast through.

A ray is tested against every geom of a model. Here there are only the geoms that an eye may see,
and for each row those that its eye cannot have in view are passed over.
"""

import mujoco
import numpy as np
from mujoco.batch import Batch

UNSEEN_GROUP = 1
"""Geoms of this group are drawn in films, but the eye does not see them: its own head."""

_SLACK = 1e-6  # relative and m: a geom this close to the edge of the view counts as in view


class Scenery:
    """The geoms that an eye may see, in a batch beside that of the bodies.

    Rays cast in the bodies' own batch would make MuJoCo start the next step from the positions
    again.

    Args:
        spec: The bodies' model before it was compiled; left as it was. Joints and mocap bodies have
            names.
        model: The bodies' model.

    Attributes:
        model: The geoms in sight, where the bodies' model has them.
    """

    def __init__(self, spec: mujoco.MjSpec, model: mujoco.MjModel) -> None:
        self.model = _without_unseen(spec)
        self._whole = model
        self._geoms = np.flatnonzero(model.geom_group != UNSEEN_GROUP)
        # A geom without colour counts as absent; a material would colour it all the same.
        bounded = (self.model.geom_rbound > 0) & (self.model.geom_matid < 0)
        radii = self.model.geom_rbound * (1 + _SLACK) + _SLACK
        self._radii = np.where(bounded, radii, np.inf)

    def bind(self, batch: Batch) -> None:
        """Take the views of the bodies' batch that tell where everything is."""
        self._caster = Batch(self.model, batch.nsim, batch.nthread)
        self._centres = batch.bind("geom_xpos")
        self._alpha = self._caster.expand("geom_rgba")[..., 3]
        self._full_alpha = self._alpha[0].copy()
        self._copied = [
            (self._caster.bind(field), batch.bind(field), places)
            for field, places in self._shared_state()
            if places.size
        ]

    def _shared_state(self) -> list[tuple[str, np.ndarray]]:
        """Return the fields of the state that move geoms, and which numbers of them are here."""
        whole, here = self._whole, self.model
        joints = [whole.joint(here.joint(index).name) for index in range(here.njnt)]
        bodies = [here.body(index) for index in range(here.nbody)]
        mocap = [int(whole.body(body.name).mocapid[0]) for body in bodies if body.mocapid[0] >= 0]
        qpos = [
            int(joint.qposadr[0]) + step for joint in joints for step in range(joint.qpos0.size)
        ]
        return [
            ("qpos", np.array(qpos, np.int64)),
            ("mocap_pos", np.array(mocap, np.int64)),
            ("mocap_quat", np.array(mocap, np.int64)),
        ]

    def cast(
        self,
        places: np.ndarray,
        forward: np.ndarray,
        directions: np.ndarray,
        widest: float,
        rows: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return how far each ray goes, -1 for ever, m, and which geom of `model` it meets, or -1.

        Args:
            places: Where the rays of each row begin, [n, 3], m.
            forward: Where its eye looks, unit vectors, [n, 3].
            directions: Of its rays, unit vectors, [n, rays, 3].
            widest: Cosine of the largest angle between `forward` and a ray.
            rows: Sorted indices of the rows, [n]; None for all.

        Returns:
            Both [n, rays].
        """
        chosen = slice(None) if rows is None else rows
        for here, there, numbers in self._copied:
            here[chosen] = there[chosen][:, numbers]
        offset = self._centres[chosen].take(self._geoms, axis=1) - places[:, np.newaxis]
        self._alpha[chosen] = _in_cone(offset, forward, widest, self._radii) * self._full_alpha
        origins = np.empty_like(directions)  # spread out here, at a quarter of the caster's price
        for axis in range(3):
            origins[..., axis] = places[:, axis, np.newaxis]
        distance, geom = self._caster.ray(origins, directions, ids=rows)
        return distance, geom


def _in_cone(offset: np.ndarray, axis: np.ndarray, cosine: float, radii: np.ndarray) -> np.ndarray:
    """Tell which balls a cone may touch, [n, balls]; a few beside its tip count as touched.

    A ball of radius r whose centre is `along` the axis and `sideways` from it touches a cone of
    half angle a where  sideways cos(a) - along sin(a) <= r.

    Args:
        offset: Centres, seen from the tip, [n, balls, 3], m.
        axis: Of the cone, a unit vector, [n, 3].
        cosine: Of its half angle.
        radii: Of the balls, [balls], m.
    """
    along = np.vecdot(offset, axis[:, np.newaxis])
    sideways = np.sqrt(np.maximum(np.vecdot(offset, offset) - along * along, 0.0))
    return sideways * cosine - along * np.sqrt(1.0 - cosine * cosine) <= radii


def _without_unseen(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile what is left of a model without the geoms that no eye sees."""
    seen = spec.copy()
    for parts in ("sensors", "actuators", "tendons", "equalities", "pairs", "excludes", "keys"):
        for part in list(getattr(seen, parts)):
            seen.delete(part)
    for part in [*seen.sites, *seen.cameras, *seen.lights]:
        seen.delete(part)
    for geom in list(seen.geoms):
        if geom.group == UNSEEN_GROUP:
            seen.delete(geom)
    for body in list(seen.bodies)[:0:-1]:  # children before parents, without the world
        if not (list(body.geoms) or list(body.bodies)):
            seen.delete(body)
        else:  # bodies that move must weigh something, though here it does not matter what
            body.explicitinertial = True
            body.mass, body.inertia = 1.0, np.ones(3)
    return seen.compile()
