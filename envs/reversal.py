"""Reversal: touch the target that pays, until without a word the other one does."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from mujoco.batch import Batch

from envs.generators import draw_uniform
from envs.sensor_task import SensorTask
from envs.task import load_model

_TOUCH_DISTANCE = 0.068  # between the axes of fingertip and target where they meet, m
_RETURN_SECONDS = 0.48  # in which the arm is drawn home after a trial
_LONGEST_TRIAL = 1.12  # s
_SPREAD = 0.02  # of the targets' places, half width, m
_ABOVE = 0.09  # of the marker over the target that pays, m


class Reversal(SensorTask):
    """Touch one of two targets per trial; which one pays is swapped unannounced.

    A trial ends when the fingertip touches a target, or unpaid after 1.12 s. The servos then draw
    the arm home for 0.48 s, whatever the actions, and the next trial begins. Nothing but what was
    felt after the last touches tells which target pays: what serves is to stay with what
    paid and to leave what did not. The episode ends with its last trial.

    | action | what                                                                   | unit |
    |--------|------------------------------------------------------------------------|------|
    | 0, 1   | angle asked of shoulder and elbow, 0 at home, positive to the left     | rad  |

    | observation    | numbers | what                                                   | unit  |
    |----------------|---------|--------------------------------------------------------|-------|
    | proprioception | 0, 1    | angles of shoulder and elbow                           | rad   |
    |                | 2, 3    | their speeds                                           | rad/s |
    | touch          | 0       | pressure on the fingertip                              | N     |
    | interoception  | 0       | felt while the arm is drawn home: 1 if the trial paid, | 1     |
    |                |         | -1 if it did not; 0 within a trial                     |       |
    | goal           | 0-3     | places of the left and the right target: right and     | m     |
    |                |         | ahead of the shoulder, each                            |       |
    |                | 4       | 1 in a trial, 0 while the arm is drawn home            | 1     |

    Reward = touch × paid, each 0 or 1: in the step in which a target is touched, whether it is
    the one that pays. So an episode returns its number of paid trials.

    Args:
        frame_skip: Physics steps of 10 ms per control step.
        trials: Per episode.
        swap_after: Fewest and most trials after which the other target pays.
    """

    camera: ClassVar = "overview"
    film_view: ClassVar = {"zoom": 1.4}
    limbs: ClassVar = {"arm": ("shoulder", "elbow")}

    def __init__(
        self,
        *,
        frame_skip: int = 4,
        trials: int = 20,
        swap_after: tuple[int, int] = (4, 8),
    ) -> None:
        fewest, most = swap_after
        if trials < 1 or not 1 <= fewest <= most:
            raise ValueError(
                f"trials must be at least 1 and swap_after two numbers 1 <= fewest <= most, "
                f"got {trials} and {swap_after}"
            )
        model = load_model(Path(__file__).parent / "assets" / "reversal.xml")
        super().__init__(model, frame_skip=frame_skip, extra={"interoception": (1,), "goal": (5,)})
        self._return_steps = round(_RETURN_SECONDS / self.control_period)
        self._longest_trial = round(_LONGEST_TRIAL / self.control_period)
        self._trials = trials
        self._fewest, self._most = fewest, most
        self._stepped = False

    def bind(self, batch: Batch) -> None:
        """Take the views of the batch, and make room for the course of the trials."""
        super().bind(batch)
        rows = batch.nsim
        self._ctrl = batch.bind("ctrl")
        self._tip = batch.bind("site_xpos")[:, self.model.site("fingertip").id, :2]
        mocap = batch.bind("mocap_pos")
        first, last = (self.model.body(name).mocapid[0] for name in ("left", "right"))
        self._targets = mocap[:, first : last + 1, :2]
        self._marker = mocap[:, self.model.body("marker").mocapid[0]]
        self._paying = np.zeros((rows, self._trials), np.int64)  # of each trial: 0 left, 1 right
        self._trial = np.zeros(rows, np.int64)
        self._age = np.zeros(rows, np.int64)  # of the trial, steps; below 0 the arm is drawn home
        self._outcome = np.zeros(rows)  # of the last trial: 1 paid, -1 not
        self._every = np.arange(rows)

    def start(self, rows: np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Draw the places of the targets, and which of them pays in each trial."""
        blocks = -(-self._trials // self._fewest)
        draws = draw_uniform(generators, 0.0, 1.0, 5 + blocks)
        self._targets[rows] += _SPREAD * (2 * draws[:, 1:5].reshape(-1, 2, 2) - 1)
        lengths = self._fewest + (draws[:, 5:] * (self._most - self._fewest + 1)).astype(np.int64)
        swaps = np.cumsum(lengths, axis=1)[:, :, np.newaxis] <= np.arange(self._trials)
        self._paying[rows] = (np.count_nonzero(swaps, axis=1) + (draws[:, :1] < 0.5)) % 2
        self._trial[rows], self._age[rows], self._outcome[rows] = 0, 0, 0.0
        self._put_marker(rows)

    def _put_marker(self, rows: np.ndarray) -> None:
        """Show people which target pays."""
        self._marker[rows, :2] = self._targets[rows, self._pays()[rows]]
        self._marker[rows, 2] = _ABOVE

    def _pays(self) -> np.ndarray:
        """Return the target that pays in the running trial, 0 left, 1 right, [N]."""
        return self._paying[self._every, np.minimum(self._trial, self._trials - 1)]

    def before_step(self) -> None:
        """Draw arms home whose trial is over."""
        self._ctrl[self._age < 0] = 0.0
        self._stepped = True

    def sense(self) -> None:
        """Feel what the last trial brought; see the targets, and whether a trial runs."""
        if self._stepped:  # not at a reset
            self._advance()
            self._stepped = False
        self.sensed["interoception"][:, 0] = np.where(self._age < 0, self._outcome, 0.0)
        self.sensed["goal"][:, :4] = self._targets.reshape(-1, 4)
        self.sensed["goal"][:, 4] = self._age >= 0

    def _advance(self) -> None:
        """Move the trials on by one step, and end those that are decided."""
        running = self._age >= 0
        self._age += 1
        away = self._tip[:, np.newaxis] - self._targets
        touching = np.einsum("nti,nti->nt", away, away) < _TOUCH_DISTANCE**2
        self._touched = running & (touching[:, 0] | touching[:, 1])
        self._choice = np.where(self._touched, touching[:, 1], -1)
        self._judged, self._paid_side = self._trial.copy(), self._pays()
        self._paid = self._choice == self._paid_side
        ended = self._touched | (running & (self._age >= self._longest_trial))
        if np.count_nonzero(ended):
            self._end_trials(np.flatnonzero(ended))

    def _end_trials(self, rows: np.ndarray) -> None:
        self._outcome[rows] = np.where(self._paid[rows], 1.0, -1.0)
        self._age[rows] = -self._return_steps
        self._trial[rows] += 1
        swapped = self._pays()[rows] != self._paid_side[rows]
        self._put_marker(rows[swapped])

    def evaluate(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reward the touch that pays; end with the last trial."""
        return (self._touched & self._paid).astype(float), self._trial >= self._trials

    def step_info(self) -> dict[str, np.ndarray]:
        """Return the terms of the reward, the choice, and what nobody told the arm."""
        paying, trial = self._paying, self._judged
        before = paying[self._every, np.maximum(trial - 1, 0)]
        return {
            "reward_touch": self._touched.astype(float),
            "reward_paid": self._paid.astype(float),
            "choice": self._choice.copy(),  # 0 left, 1 right, -1 none in this step
            "pays": self._paid_side.copy(),
            "trial": trial.copy(),
            "swapped": self._paid_side != before,  # since the trial before
        }

    def reset_info(self) -> dict[str, np.ndarray]:
        """Return which target pays at first: 0 left, 1 right."""
        return {"pays": self._pays()}

    def memory(self) -> dict[str, np.ndarray]:
        """Return which targets pay when, and the course of the trials."""
        return {
            "paying": self._paying,
            "trial": self._trial,
            "age": self._age,
            "outcome": self._outcome,
        }
