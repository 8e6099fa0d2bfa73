"""Learning-rate schedules: constant, linear, and adaptive to how far the policy moves."""

from typing import Any, Protocol


class LearningRate(Protocol):
    """A schedule asked once per update."""

    def rate(self, progress_remaining: float) -> float:
        """Return the rate for the next update; progress goes from 1 at the start to 0."""
        ...

    def observe(self, kl: float) -> None:
        """Learn how far the last update moved the policy, in nats."""
        ...

    def description(self) -> dict[str, Any]:
        """Return the schedule's class and arguments, as a config would write them."""
        ...

    def training_state(self) -> dict[str, Any]:
        """Return everything that decides the future."""
        ...

    def load_training_state(self, tree: dict[str, Any]) -> None:
        """Go on from `training_state`."""
        ...


class ConstantRate:
    """The same rate throughout.

    Args:
        initial: Rate.
    """

    def __init__(self, *, initial: float) -> None:
        if not initial > 0:
            raise ValueError(f"the learning rate must be positive, got {initial}")
        self.initial = initial

    def rate(self, progress_remaining: float) -> float:
        """Return the rate."""
        del progress_remaining
        return self.initial

    def observe(self, kl: float) -> None:
        """Ignore how far the policy moved."""

    def description(self) -> dict[str, Any]:
        """Return the schedule's class and arguments, as a config would write them."""
        return {"_target_": f"{__name__}.{type(self).__name__}", **self._arguments()}

    def _arguments(self) -> dict[str, Any]:
        return {"initial": self.initial}

    def training_state(self) -> dict[str, Any]:
        """Return nothing: the schedule has no memory."""
        return {}

    def load_training_state(self, tree: dict[str, Any]) -> None:
        """Accept nothing."""


class LinearRate(ConstantRate):
    """Falls linearly to zero at the end of training.

    Args:
        initial: Rate at the start.
    """

    def rate(self, progress_remaining: float) -> float:
        """Return the initial rate times the progress that remains."""
        return self.initial * progress_remaining


class KLAdaptiveRate(ConstantRate):
    """Falls when an update moved the policy too far, rises when it hardly moved.

    Args:
        initial: Rate at the start.
        minimum: Smallest rate, before annealing.
        maximum: Largest rate, before annealing.
        kl_low: Below this divergence, in nats, the rate is multiplied by `factor`.
        kl_high: Above this divergence, in nats, the rate is divided by `factor`.
        factor: Step of adaptation.
        anneal: Whether the adapted rate also falls linearly to zero at the end of training.

    Source: adaptive penalty of PPO (Schulman et al. 2017, arXiv:1707.06347) applied to the rate.
    """

    def __init__(
        self,
        *,
        initial: float,
        minimum: float,
        maximum: float,
        kl_low: float,
        kl_high: float,
        factor: float,
        anneal: bool,
    ) -> None:
        super().__init__(initial=initial)
        if not 0 < minimum <= initial <= maximum:
            raise ValueError(
                f"learning rates must satisfy 0 < minimum <= initial <= maximum, "
                f"got {minimum}, {initial}, {maximum}"
            )
        if not 0 <= kl_low < kl_high or factor <= 1:
            raise ValueError(
                f"need 0 <= kl_low < kl_high and factor > 1, got {kl_low}, {kl_high}, {factor}"
            )
        self.current = initial
        self.minimum, self.maximum = minimum, maximum
        self.kl_low, self.kl_high, self.factor = kl_low, kl_high, factor
        self.anneal = anneal

    def _arguments(self) -> dict[str, Any]:
        names = ("initial", "minimum", "maximum", "kl_low", "kl_high", "factor", "anneal")
        return {name: getattr(self, name) for name in names}

    def rate(self, progress_remaining: float) -> float:
        """Return the adapted rate, annealed if so configured."""
        return self.current * (progress_remaining if self.anneal else 1.0)

    def observe(self, kl: float) -> None:
        """Adapt to how far the last update moved the policy, in nats."""
        if kl > self.kl_high:
            self.current = max(self.current / self.factor, self.minimum)
        elif kl < self.kl_low:
            self.current = min(self.current * self.factor, self.maximum)

    def training_state(self) -> dict[str, Any]:
        """Return the adapted rate."""
        return {"current": self.current}

    def load_training_state(self, tree: dict[str, Any]) -> None:
        """Go on from an adapted rate."""
        self.current = float(tree["current"])


def as_learning_rate(value: LearningRate | float) -> LearningRate:
    """Return a schedule; a plain number is a constant rate."""
    return ConstantRate(initial=float(value)) if isinstance(value, int | float) else value
