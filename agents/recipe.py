"""How a brain likes to be taught: the section `learning` of its description."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from agents.learning_rate import KLAdaptiveRate, LearningRate


class Recipe(NamedTuple):
    """What differs between brains in how PPO teaches them.

    Attributes:
        segment_length: Steps over which gradients flow.
        n_minibatches: Gradient steps per pass over a rollout.
        rate: Learning rate at the start.
        maximum_rate: Bound of a KL-adaptive rate.
        kl_low: Divergence of an update below which that rate rises, nats.
        kl_high: Divergence above which it falls, nats.
    """

    segment_length: int = 16
    n_minibatches: int = 8
    rate: float = 9e-4
    maximum_rate: float = 9e-4
    kl_low: float = 0.035
    kl_high: float = 0.08

    def schedule(self) -> LearningRate:
        """Return a new KL-adaptive rate, as conf/agent/learning_rate/kl_adaptive.yaml has it."""
        return KLAdaptiveRate(
            initial=self.rate,
            minimum=min(1e-4, self.rate),
            maximum=self.maximum_rate,
            kl_low=self.kl_low,
            kl_high=self.kl_high,
            factor=1.5,
            anneal=True,
        )


def recipe_of(brain: Any) -> Recipe:
    """Return how a brain is to be taught.

    Args:
        brain: A brain, its description or its factory, as `BrainPPO` takes them; what tells no
            recipe is taught as a spiking population is.

    Raises:
        ValueError: If the description has a number that no recipe has.
    """
    told = brain.get("learning") if isinstance(brain, Mapping) else None
    if unknown := sorted(set(told or {}) - set(Recipe._fields)):
        raise ValueError(f"learning has {unknown[0]!r}, but a recipe has {list(Recipe._fields)}")
    return Recipe(**(told or {}))
