"""What happens between two updates: the record, the checkpoint, and the stop that was asked for."""

import math
import time
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from agents.errors import NonFiniteError, StopTraining
from agents.progress import ProgressLine, row_of, tell
from agents.run_folder import RunFolder
from agents.stop_signals import StopSignals
from agents.trackers import Trackers
from envs import UnsavableError


class RunCallback(BaseCallback):
    """Keeps the run folder up to date between updates, when the learner's state is whole.

    Args:
        folder: The run's folder.
        trackers: Mirrors of the record.
        line: The live line.
        stop: Signals to heed.
        checkpoint_every: Steps between two checkpoints.
        keep_checkpoints: How many of the newest to keep; 0 keeps all.
        wall_seconds: Time that the run took before this process, s.
    """

    model: Any

    def __init__(
        self,
        *,
        folder: RunFolder,
        trackers: Trackers,
        line: ProgressLine,
        stop: StopSignals,
        checkpoint_every: int,
        keep_checkpoints: int,
        wall_seconds: float = 0.0,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.trackers = trackers
        self.line = line
        self.stop = stop
        self.checkpoint_every = checkpoint_every
        self.keep_checkpoints = keep_checkpoints
        self._wall_seconds = wall_seconds
        self._resumed_at = time.monotonic()
        self._row_at = self._resumed_at
        self._row_steps = 0
        self._saved_steps = 0
        self._unsavable = ""

    def _on_training_start(self) -> None:
        self._row_steps = self._saved_steps = self.model.num_timesteps
        self._resumed_at = self._row_at = time.monotonic()

    def _on_rollout_start(self) -> None:
        self._between_updates()
        if self.stop.received is not None:
            self._save()
            self.line.close(self.model.num_timesteps)
            raise StopTraining(self.stop.received)

    def _on_step(self) -> bool:
        self.line.update(self.model.num_timesteps)
        return True

    def _on_training_end(self) -> None:
        self._between_updates(last=True)
        self._save()
        self.line.close(self.model.num_timesteps)

    def _between_updates(self, *, last: bool = False) -> None:
        """Record the update that has finished, if one has, and save when it is time."""
        steps = self.model.num_timesteps
        least = 1 if last else max(1, getattr(self.model, "row_every", 1))
        if steps - self._row_steps >= least:
            self._record(steps)
        if steps - self._saved_steps >= self.checkpoint_every:
            self._save()

    def _record(self, steps: int) -> None:
        now = time.monotonic()
        row = row_of(
            self.model.progress_row(),
            env_steps=steps,
            wall_seconds=self._wall_seconds + now - self._resumed_at,
            rate=(steps - self._row_steps) / max(now - self._row_at, 1e-9),
        )
        self.folder.progress.append(row)
        self.trackers.log(row, steps)
        self.line.update(steps, row["episode_return_mean"])
        self._row_at, self._row_steps = now, steps
        _require_finite(row, steps)

    def _save(self) -> None:
        steps = self.model.num_timesteps
        if steps == self._saved_steps:
            return
        seconds = self._wall_seconds + time.monotonic() - self._resumed_at
        tree = self._whole_state()
        self.folder.save_checkpoint(
            tree, env_steps=steps, wall_seconds=seconds, unsavable=self._unsavable
        )
        self.folder.prune_checkpoints(self.keep_checkpoints)
        self._saved_steps = steps

    def _whole_state(self) -> dict[str, Any]:
        """Return the training state, or only what was learnt where the body cannot be saved."""
        try:
            tree = self.model.training_state()
            self._unsavable = ""
            return tree
        except UnsavableError as error:
            if not self._unsavable:
                tell(f"checkpoints hold the agent, but not its body: {error}")
            self._unsavable = str(error)
        return self.model.learned_state()


def _require_finite(row: dict[str, float | int | None], steps: int) -> None:
    """Raise before a checkpoint is written if what was learnt is not a number."""
    for name, value in row.items():
        if value is not None and not math.isfinite(value):
            raise NonFiniteError(
                f"{name} became {value} in the update that ended at step {steps:,}"
            )
