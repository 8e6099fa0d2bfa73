"""The data flow of one control step, on one screen.

body -> senses -> normalise -> controller -> action head --+--> action
                      |            |                       |
                      +-> reflex --|-----------------------+
                      +-> critic <-+ (detached) -> value
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from brains.recurrent import RecurrentModule
from brains.senses import Observation, Senses


class BrainOutput(NamedTuple):
    """What a brain says in one step.

    Attributes:
        action: Centre of a continuous action in [-1, 1] units, or logits of a discrete one, [B, A].
        log_std: Log standard deviation of exploration, [A].
        value: Discounted reward that the critic expects, in units of scaled reward, [B].
    """

    action: Tensor
    log_std: Tensor
    value: Tensor


class Brain(RecurrentModule[Any]):
    """Senses, controller, reflex and critic; called as `output, state = brain(observation, state)`.

    Args:
        senses: Joins and normalises the modalities.
        controller: Recurrent part; maps senses to features.
        reflex: Direct map from senses to action.
        critic: Value of senses and features.
        action_size: Numbers that describe an action.
        action_gain: Gain of the action head's orthogonal initial weights.
        initial_log_std: Log standard deviation of exploration at the start.
        exploration_rate_scale: Learning rate of `log_std` relative to the rest: at the full rate
            exploration may be given up for the first gait that is found.
    """

    def __init__(
        self,
        *,
        senses: Senses,
        controller: RecurrentModule[Any],
        reflex: nn.Module,
        critic: nn.Module,
        action_size: int,
        action_gain: float,
        initial_log_std: float,
        exploration_rate_scale: float,
    ) -> None:
        super().__init__()
        self.senses = senses
        self.controller = controller
        self.reflex = reflex
        self.critic = critic
        features: int = controller.output_size  # type: ignore[assignment]
        self.action_head = nn.Linear(features, action_size)
        nn.init.orthogonal_(self.action_head.weight, action_gain)
        nn.init.zeros_(self.action_head.bias)
        self.log_std = nn.Parameter(torch.full((action_size,), initial_log_std))
        self.rate_scales = {"log_std": exploration_rate_scale}

    def initial_state(self, batch_size: int) -> Any:
        """Return the controller's memory at the start of an episode, leaves [B, ...]."""
        return self.controller.initial_state(batch_size)

    def forward(self, inputs: Observation, state: Any) -> tuple[BrainOutput, Any]:
        """Advance one control step from raw observations, [B, ...]."""
        return self.step(self.senses(inputs), state)

    def step(self, senses: Tensor, state: Any) -> tuple[BrainOutput, Any]:
        """Advance one control step from normalised senses, [B, S]."""
        features, state = self.controller(senses, state)
        return self._speak(senses, features), state

    def unroll(self, inputs: Tensor, episode_start: Tensor, state: Any) -> tuple[BrainOutput, Any]:
        """Replay a segment of normalised senses, [T, B, S]; outputs are [T, B, ...]."""
        features, state = self.controller.unroll(inputs, episode_start, state)
        return self._speak(inputs, features), state

    def _speak(self, senses: Tensor, features: Tensor) -> BrainOutput:
        action = self.action_head(features) + self.reflex(senses)
        return BrainOutput(action, self.log_std, self.critic(senses, features))

    def activity(self, state: Any) -> dict[str, Tensor]:
        """Return scalar measures of what the parts are doing, by name."""
        return self.controller.activity(state)

    def signals(self, state: Any) -> dict[str, Tensor]:
        """Return what can be watched in the parts after a step, [B] or [B, n] each, by name."""
        return self.controller.signals(state)

    def rate_scale(self, name: str) -> float:
        """Return the learning rate of a parameter relative to the rest, by its full name."""
        owner, _, leaf = name.rpartition(".")
        scales: dict[str, float] = getattr(self.get_submodule(owner), "rate_scales", {})
        return scales.get(leaf, 1.0)
