"""Learners: proximal policy optimisation over any brain, and baselines from Stable-Baselines3."""

from typing import TYPE_CHECKING, Any

from agents.threads import let_idle_threads_sleep

if TYPE_CHECKING:
    from agents.ppo import BrainPPO

__all__ = ["BrainPPO"]

let_idle_threads_sleep()


def __getattr__(name: str) -> Any:
    """Import the learner when it is first asked for: a mistyped command answers without torch."""
    if name == "BrainPPO":
        from agents.ppo import BrainPPO

        return BrainPPO
    raise AttributeError(f"module 'agents' has no attribute {name!r}")
