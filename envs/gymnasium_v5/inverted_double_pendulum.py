"""InvertedDoublePendulum-v5: balance two poles, one on the other, on a cart."""

from collections.abc import Sequence
from typing import ClassVar

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.generators import draw_uniform_and_normal
from envs.gymnasium_v5.model import v5_model
from envs.task import Task, clip

_LOWEST_TIP = 1.0  # m
_TARGET_HEIGHT = 2.0  # m
_PENALTY_WEIGHTS = np.array([[0.01], [1.0], [1e-3], [5e-3]])  # of what is penalized, squared
_LIMIT_SLACK = 1e-9  # m and rad: closer than this to a limit counts as at it
_LARGEST_SENSED = 10.0  # of velocities and of the force on the cart


class InvertedDoublePendulum(Task):
    """Reward = bonus while the tip is high - distance of the tip - velocity of the poles.

    Args:
        xml_file: Model of the body.
        frame_skip: Physics steps per control step.
        healthy_reward: Reward per step in which the tip is high.
        reset_noise_scale: Half width of positions' and deviation of velocities' noise at a start.
    """

    camera: ClassVar = {"lookat": (0.0, 0.0, 0.5), "distance": 4.0, "elevation": -10.0}

    def __init__(
        self,
        *,
        xml_file: str = "inverted_double_pendulum.xml",
        frame_skip: int = 5,
        healthy_reward: float = 10.0,
        reset_noise_scale: float = 0.1,
    ) -> None:
        model = v5_model(xml_file)
        super().__init__(model, frame_skip=frame_skip, senses=9)
        self.velocity_columns = np.arange(5, 8)
        self._lowest, self._highest = _free_range(model)
        self._healthy_reward = healthy_reward
        self._noise = reset_noise_scale

    def bind(self, batch: Batch) -> None:
        """Take the views of the state, the tip and the force that the rail takes."""
        super().bind(batch)
        tip = batch.bind("site_xpos")[:, 0]
        self._tip_x, self._tip_height = tip[:, 0], tip[:, 2]
        self._pole_velocities = self.qvel[:, 1:].T
        self._batch = batch
        self._held_by = batch.bind("qfrc_constraint")[:, :1]
        self._rail_force = self._held_by.copy()
        self._penalized = np.zeros((4, batch.nsim))  # x, y, and the velocity of each pole

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw positions uniformly and velocities normally around rest."""
        sizes = self.model.nq, self.model.nv
        self.motion[rows] += draw_uniform_and_normal(generators, self._noise, *sizes)

    def after_start(self, rows: np.ndarray) -> None:
        """Compute the rail's force where a cart starts at an end of it: elsewhere there is none."""
        self._rail_force[rows] = 0.0
        positions = self.qpos[rows]
        held = ((positions < self._lowest) | (positions > self._highest)).any(axis=1)
        if np.count_nonzero(held):
            held_rows = rows[held]
            self._batch.forward(held_rows)
            self._rail_force[held_rows] = self._held_by[held_rows]

    def after_step(self, rows: np.ndarray | None) -> None:
        """Take the force on the cart that the physics has just computed."""
        chosen = slice(None) if rows is None else rows
        self._rail_force[chosen] = self._held_by[chosen]

    def observe(self) -> np.ndarray:
        """Return the cart, sines and cosines of the angles, velocities and the rail's force."""
        angles = self.qpos[:, 1:]
        observation = np.empty((len(angles), 9))
        observation[:, :1] = self.qpos[:, :1]
        np.sin(angles, out=observation[:, 1:3])
        np.cos(angles, out=observation[:, 3:5])
        observation[:, 5:8] = self.qvel
        observation[:, 8:] = self._rail_force
        clip(observation[:, 5:], _LARGEST_SENSED)
        return observation

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward height and rest; end where the tip is low.

        Gymnasium squares scalars by the C library's `pow`, as `float_power` does; it differs from
        a product in the last bit about once in a thousand times.
        """
        terminated = self._tip_height <= _LOWEST_TIP
        self._penalized[0] = self._tip_x
        np.subtract(self._tip_height, _TARGET_HEIGHT, out=self._penalized[1])
        self._penalized[2:] = self._pole_velocities
        terms = _PENALTY_WEIGHTS * np.float_power(self._penalized, 2.0)
        self._distance_penalty, self._velocity_penalty = terms[::2] + terms[1::2]
        self._alive_bonus = self._healthy_reward * ~terminated
        return self._alive_bonus - self._distance_penalty - self._velocity_penalty, terminated

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the three terms of the reward."""
        return {
            "reward_survive": self._alive_bonus,
            "distance_penalty": -self._distance_penalty,
            "velocity_penalty": -self._velocity_penalty,
        }


def _free_range(model: mujoco.MjModel) -> tuple[np.ndarray, np.ndarray]:
    """Return between which positions no constraint can act on a joint, [nq] each; none if unsure.

    Only the limits of joints may: the model has neither contacts nor equalities nor tendons nor
    friction in its joints.
    """
    limited = model.jnt_limited.astype(bool)
    margins = model.jnt_margin + _LIMIT_SLACK
    lowest = np.where(limited, model.jnt_range[:, 0] + margins, -np.inf)
    highest = np.where(limited, model.jnt_range[:, 1] - margins, np.inf)
    contacts = not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_CONTACT
    if contacts or model.neq or model.ntendon or model.dof_frictionloss.any():
        lowest[:], highest[:] = np.inf, -np.inf
    return lowest, highest
