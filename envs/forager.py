"""Forager-v0: find food among posts before hunger does its work."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.generators import draw_uniform
from envs.retina import Retina
from envs.rewards import tolerance
from envs.sensor_task import SensorTask

_CELLS_PER_SIDE = 5
_CELL = 0.72  # side, m
_JITTER = 0.08  # of what stands in a cell, m
_EATING_DISTANCE = 0.25  # between centres, m: the hull touches the food
_TOP_SPEED = 0.8  # at which approaching food pays most, m/s
_FIRST_ENERGY = 0.6
_MEAL = 0.3
_HUNGER = 0.07  # energy used per second, at rest
_EFFORT = 0.04  # and in addition at full drive of both wheels


class Forager(SensorTask):
    """A roller that lives on what it finds; a full stomach is 1 and an empty one ends the episode.

    Posts and food stand in cells of a grid, drawn per episode. Food that is eaten appears again in
    the next cell of a list that is drawn with them.

    | action | what                                            | unit     |
    |--------|-------------------------------------------------|----------|
    | 0, 1   | torque on the left and the right wheel          | 0.25 N m |
    | 2, 3   | torque on pan (to the left) and tilt (down)     | 0.06 N m |

    | observation    | numbers | what                                               | unit  |
    |----------------|---------|----------------------------------------------------|-------|
    | proprioception | 0, 1    | speeds of the left and the right wheel             | rad/s |
    |                | 2, 3    | pan and tilt of the eye                            | rad   |
    |                | 4, 5    | their speeds                                       | rad/s |
    | touch          | 0, 1    | bending of the left and the right whisker          | rad   |
    |                | 2       | normal force on the hull                           | N     |
    | vestibular     | 0-2     | velocity forwards, left and up                     | m/s   |
    |                | 3-5     | rotation about these                               | rad/s |
    | vision         | 0-511   | pixels of fovea and periphery, [8, 16, 4]: red,    | 1     |
    |                |         | green, blue, nearness; see `envs.retina.Retina`    |       |
    | interoception  | 0       | energy before the meal of this step                | 1     |

    Every step pays food x energy x gentleness, from 0 to 1: a meal pays 1, coming nearer to the
    nearest food at most `approach_share`; hunger and running into things take from either.

    Args:
        vision: Whether there is an eye.
        resolution: Rays along each side of the fovea and of the periphery.
        approach_share: What coming nearer to food at top speed pays per step.
    """

    camera: ClassVar = {
        "lookat": (0.0, 0.0, 0.0),
        "distance": 5.0,
        "azimuth": 90.0,
        "elevation": -60.0,
    }
    film_view: ClassVar = {"follow": False, "azimuth": 90.0, "elevation": -60.0}
    limbs: ClassVar = {
        "left_wheel": ("left_wheel",),
        "right_wheel": ("right_wheel",),
        "eye": ("pan", "tilt"),
    }

    def __init__(
        self, *, vision: bool = True, resolution: int = 8, approach_share: float = 0.1
    ) -> None:
        spec = mujoco.MjSpec.from_file(str(Path(__file__).parent / "assets" / "forager.xml"))
        model = spec.compile()
        self._retina = Retina(spec, model, resolution=resolution, farthest=4.0) if vision else None
        extra: dict[str, tuple[int, ...]] = {"interoception": (1,)}
        if self._retina is not None:
            extra["vision"] = self._retina.shape
        super().__init__(model, frame_skip=2, extra=extra)
        self._approach_share = approach_share
        names = [model.body(index).name for index in range(model.nbody)]
        self._food, self._posts = (
            [int(model.body(name).mocapid[0]) for name in names if name.startswith(kind)]
            for kind in ("food_", "post_")
        )
        steps = (np.arange(_CELLS_PER_SIDE) - (_CELLS_PER_SIDE - 1) / 2) * _CELL
        self._cells = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        self._hull_force = int(model.sensor("touch/hull").adr[0])

    def bind(self, batch: Batch) -> None:
        """Take the views of what stands around, and keep account of energy and meals."""
        super().bind(batch)
        self._places = batch.bind("mocap_pos")
        self._rows = np.arange(batch.nsim)
        waiting = len(self._cells) - len(self._posts) - 1
        self._menu = np.zeros((batch.nsim, waiting, 2))
        self._served = np.zeros(batch.nsim, np.int64)
        self._energy = np.zeros(batch.nsim)
        self._looking: np.ndarray | None = np.zeros(0, np.int64)  # nobody, before a first start
        if self._retina is not None:
            self._retina.bind(batch)

    def memory(self) -> dict[str, np.ndarray]:
        """Return where food will appear, how much has, and the energy left."""
        return {"menu": self._menu, "served": self._served, "energy": self._energy}

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw which cell holds what, and where food will appear; the roller gets a cell too."""
        order = np.array([draw.permutation(len(self._cells)) for draw in generators])
        jitter = draw_uniform(generators, -_JITTER, _JITTER, 2 * len(self._cells))
        places = self._cells[order] + jitter.reshape(len(rows), -1, 2)
        heading = draw_uniform(generators, -np.pi, np.pi, 1)[:, 0]
        posts, shown = len(self._posts), len(self._food)
        self.qpos[rows, :2] = places[:, 0]
        self.qpos[rows, 3] = np.cos(heading / 2)
        self.qpos[rows, 6] = np.sin(heading / 2)
        self._menu[rows] = places[:, 1 + posts :]
        self._places[rows[:, np.newaxis], self._posts, :2] = places[:, 1 : 1 + posts]
        self._places[rows[:, np.newaxis], self._food, :2] = self._menu[rows, :shown]
        self._served[rows] = shown
        self._energy[rows] = _FIRST_ENERGY
        self._looking = rows

    def before_step(self) -> None:
        """Remember how far the nearest food is."""
        self._distance_before = self._distances().min(axis=1)

    def sense(self) -> None:
        """Feel hunger, and look: with the eyes of all rows or of those that have just started."""
        self.sensed["interoception"][:, 0] = self._energy
        rows, self._looking = self._looking, None
        if self._retina is not None and (rows is None or rows.size):
            self._retina.look(self.sensed["vision"], rows)

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Eat what is near, pay for it, and end where the energy is used up."""
        distances = self._distances()
        nearest = distances.argmin(axis=1)
        distance = distances[self._rows, nearest]
        self._eating = distance <= _EATING_DISTANCE
        closing = (self._distance_before - distance) / (self.control_period * _TOP_SPEED)
        approach = self._approach_share * np.minimum(np.maximum(closing, 0.0), 1.0)
        effort = np.square(actions[:, :2]).mean(axis=1)
        self._energy -= self.control_period * (_HUNGER + _EFFORT * effort)
        self._energy += _MEAL * self._eating
        np.minimum(self._energy, 1.0, out=self._energy)
        np.maximum(self._energy, 0.0, out=self._energy)
        self._pay_food = np.where(self._eating, 1.0, approach)
        self._pay_energy = tolerance(self._energy, low=0.3, high=1.0, margin=0.3)
        self._pay_gentle = tolerance(self.sensordata[:, self._hull_force], high=2.0, margin=30.0)
        self._serve(np.flatnonzero(self._eating), nearest)
        return self._pay_food * self._pay_energy * self._pay_gentle, self._energy <= 0.0

    def _serve(self, rows: np.ndarray, eaten: np.ndarray) -> None:
        """Let the food that was eaten in `rows` appear at the next place of the menu."""
        if not rows.size:
            return
        place = self._menu[rows, self._served[rows] % self._menu.shape[1]]
        self._places[rows, np.take(self._food, eaten[rows]), :2] = place
        self._served[rows] += 1

    def _distances(self) -> np.ndarray:
        """Return how far each food is from the roller, [N, foods], m."""
        offset = self._places[:, self._food, :2] - self.qpos[:, np.newaxis, :2]
        return np.sqrt(np.square(offset).sum(axis=-1))

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the factors of the reward, how much was eaten in this episode, and the energy."""
        return {
            "reward_food": self._pay_food.copy(),
            "reward_energy": self._pay_energy.copy(),
            "reward_gentle": self._pay_gentle.copy(),
            "eating": self._eating.copy(),
            "meals": self._served - len(self._food),
            "energy": self._energy.copy(),
        }
