"""The contract of neuromodulators, and their absence."""

from abc import abstractmethod
from typing import Any, NamedTuple

from torch import Tensor

from brains.recurrent import NoState, RecurrentModule


class Modulation(NamedTuple):
    """How neuromodulators set the other parts in one step; None leaves a part as it is.

    Attributes:
        plasticity: Signed gate of what fast weights learn, [..., gate].
        gain: Factor on the controller's excitability, positive, [..., 1].
        exploration: Added to the log standard deviation of the action, bounded, [..., A].
        attention: Gain on prediction errors, positive, [..., 1].
    """

    plasticity: Tensor | None
    gain: Tensor | None
    exploration: Tensor | None
    attention: Tensor | None


class LearnerGains(NamedTuple):
    """Factors on what the learner uses in the next update; 1 leaves it as it is.

    Attributes:
        rate: On the learning rate.
        entropy: On the entropy coefficient.
        value: On the weight of the value loss.
    """

    rate: float = 1.0
    entropy: float = 1.0
    value: float = 1.0


class Event(NamedTuple):
    """What a neuromodulator hears at the end of a step.

    Attributes:
        reward: Reward of the step before, in units of the critic, [B].
        value: What the critic expects from here, [B].
        surprise: Mean squared error of the world model's prediction, in predicted variances; 0
            without a world model, [B].
    """

    reward: Tensor
    value: Tensor
    surprise: Tensor


class Neuromodulator(RecurrentModule[Any]):
    """Reads global signals, never the senses; called as `modulators, state = part(event, state)`.

    Levels are computed at the end of a step and act in the next one. They reach the replay as data;
    what they do to the other parts (`modulate`) is replayed, so its weights learn.

    Attributes:
        names: Names of the modulators, in the order of the levels.
        needs_reward: Whether reward must be among the senses.
    """

    names: tuple[str, ...] = ()
    needs_reward = False

    @abstractmethod
    def modulate(self, modulators: Tensor) -> Modulation:
        """Return what levels, [..., C], do to the other parts."""

    def homeostasis(self, modulators: Tensor) -> None:
        """Adapt slowly to the levels of a rollout, [T, B, C]; called between updates only."""
        del modulators

    def learner_gains(self, modulators: Tensor) -> LearnerGains:
        """Return factors for the learner's update from the levels of its rollout, [T, B, C]."""
        del modulators
        return LearnerGains()


class NoNeuromodulator(Neuromodulator):
    """Leaves every part as it is.

    Args:
        gate_size: Unused, like all sizes; the same signature as a part that is there.
        action_size: Unused.
    """

    def __init__(self, *, gate_size: int, action_size: int) -> None:
        super().__init__()
        del gate_size, action_size

    def initial_state(self, batch_size: int) -> NoState:
        """Return no memory."""
        del batch_size
        return NoState()

    def forward(self, inputs: Event, state: NoState) -> tuple[Tensor, NoState]:
        """Return no levels, [B, 0]."""
        return inputs.value.unsqueeze(-1)[..., :0], state

    def modulate(self, modulators: Tensor) -> Modulation:
        """Change nothing."""
        del modulators
        return Modulation(None, None, None, None)
