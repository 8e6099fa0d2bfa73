"""Muscles that tire."""

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.challenges.actuation import Strength
from envs.challenges.base import Body, Challenge, Unsuited


class Fatigue(Challenge):
    """Muscles lose force as they work and recover as they rest.

    The three-compartment model with fibres recruited at once: of the fibres the share f is tired,
    and of the others the activation a decides how many work,

        df/dt = intensity · fatigue · a · (1 - f) - recovery · f
        force = (1 - intensity · f) · nominal force

    Source: Xia and Frey Law 2008, doi:10.1016/j.jbiomech.2008.07.013.
    """

    needs = "muscles"

    def fit(self, body: Body) -> Sequence[str]:
        """Find the muscles and their activations."""
        model = body.task.model
        muscles = (model.actuator_gaintype == int(mujoco.mjtGain.mjGAIN_MUSCLE)) & (
            model.actuator_actnum == 1
        )
        if not muscles.any():
            raise Unsuited("no muscles")
        self._muscles = np.flatnonzero(muscles)
        self._activation = body.batch.bind("act")
        self._address = model.actuator_actadr[self._muscles]
        self._period = body.task.control_period
        self._strength = Strength(model, body.fields)
        self._tired = np.zeros((body.batch.nsim, model.nu))
        return ("all muscles",)

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Begin rested."""
        self._tired[rows] = 0.0

    def before_step(self) -> None:
        """Tire by what was done in the last step."""
        tired = self._tired[:, self._muscles]
        work = self.intensity[:, np.newaxis] * self._activation[:, self._address]
        change = self.level["fatigue"] * work * (1.0 - tired) - self.level["recovery"] * tired
        self._tired[:, self._muscles] = np.clip(tired + self._period * change, 0.0, 1.0)
        self.stale |= self.intensity > 0

    def write_factors(self, rows: NDArray[np.int64]) -> None:
        """Write the force that is left."""
        self._strength.scale(rows, 1.0 - self.intensity[rows][:, np.newaxis] * self._tired[rows])

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return how tired every muscle is."""
        return {"tired": self._tired}
