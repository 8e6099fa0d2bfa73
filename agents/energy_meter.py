"""Reads what a brain spends while it acts, without changing how it acts."""

from typing import Any

from numpy.typing import NDArray

from agents.episodes import Actor
from brains import Brain
from brains.energy import Operations, operations_of, report, total

EVERY = 8  # steps between two readings; rows of one reading are averaged


class EnergyMeter:
    """An agent that acts like another and counts the operations of its brain.

    Args:
        model: The agent; its attributes are reached through the meter.
    """

    def __init__(self, model: Actor) -> None:
        self._model = model
        self._brain = getattr(model, "brain", None)
        self._steps = 0
        self._readings: list[Operations] = []

    def __getattr__(self, name: str) -> Any:
        """Return what the agent itself has."""
        return getattr(self._model, name)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """Let the agent act, and read its brain now and then."""
        actions, state = self._model.predict(observation, state, episode_start, deterministic)
        if isinstance(self._brain, Brain) and self._steps % EVERY == 0:
            reading = total(operations_of(self._brain, state).values())
            self._readings.append(Operations(*map(float, reading)))
        self._steps += 1
        return actions, state

    def report(self) -> dict[str, Any] | None:
        """Return operations and nanojoules per action; None for a learner without a brain of ours.

        Means over the readings, as `brains.energy.report` tells them.
        """
        if not self._readings:
            return None
        number = len(self._readings)
        return report(Operations(*(float(count) / number for count in total(self._readings))))
