"""What goes on in a brain while it acts: its signals and the value it gives to each moment."""

from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray

from agents.episodes import Actor

Signals = dict[str, NDArray[Any]]
"""By name: one number per row, [B], or several, [B, n]."""


class Heard(NamedTuple):
    """One step of a brain.

    Attributes:
        actions: What it does, [B, ...], in the body's units.
        state: Its memory after the step.
        signals: What can be watched in it: `Brain.signals` and `value`, the reward to come that
            the critic expects, in units of scaled reward. Nothing for agents without a brain.
    """

    actions: NDArray[Any]
    state: Any
    signals: Signals


@torch.no_grad()
def act_and_tell(
    model: Actor, observation: Any, state: Any, episode_start: Any, deterministic: bool
) -> Heard:
    """Let a model act as `predict` does, drawing the same numbers, and listen to its brain."""
    policy: Any = getattr(model, "policy", None)
    if not hasattr(policy, "predict_with_output"):
        actions, state = model.predict(
            observation, state=state, episode_start=episode_start, deterministic=deterministic
        )
        return Heard(actions, state, {})
    actions, state, output = policy.predict_with_output(
        observation, state, episode_start, deterministic
    )
    told = {**policy.brain.signals(state), "value": output.value}
    return Heard(actions, state, {name: one.cpu().numpy().copy() for name, one in told.items()})
