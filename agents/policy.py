"""The seam to Stable-Baselines3: a brain that answers `predict` and carries its own optimiser."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor

from agents.adam import LimitedAdam
from agents.distributions import distribution_of
from brains import Brain, brain_from_config, reset_where
from brains.recurrent import tree_leaves
from brains.senses import Observation

BrainSource = Brain | Mapping[str, Any] | Callable[[spaces.Space[Any], spaces.Space[Any]], Brain]
"""A brain, its description, or what builds one from an observation and an action space."""


def settled(source: Any) -> BrainSource:
    """Return what a brain comes from, a description as plain dicts and lists throughout.

    A description may be of OmegaConf, whose references are resolved here: it is then saved with
    the agent as it was when the brain was built.

    Raises:
        TypeError: No brain comes from this.
    """
    if isinstance(source, Mapping):
        return _plain(source)
    if callable(source):  # a Brain is, too
        return cast(BrainSource, source)
    raise TypeError(
        "brain must be a brains.Brain, its description (the section brain: of a config.yaml, read "
        f"as a mapping) or a function of an observation and an action space, got {source!r}"
    )


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str | bytes):
        return [_plain(value) for value in node]
    return node


def obtain_brain(
    source: BrainSource, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]
) -> Brain:
    """Return the brain that a source stands for."""
    if isinstance(source, Brain):
        return source
    if isinstance(source, Mapping):
        return brain_from_config(source, observation_space, action_space)
    return source(observation_space, action_space)


class BrainPolicy(BasePolicy):
    """Acts with a brain; the brain's state goes in and out of `predict` as SB3 expects.

    Args:
        observation_space: What the body senses.
        action_space: What the body can do.
        lr_schedule: SB3's schedule; only its first value is used, the learner sets the rate.
        brain: The brain, its description, or a factory.
        self_taught_rate: Learning rate of parts that have a loss of their own.
        use_sde: Must be False; brains explore with their own `log_std`.
    """

    optimizer: LimitedAdam  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Callable[[float], float],
        *,
        brain: BrainSource,
        self_taught_rate: float = 3e-3,
        use_sde: bool = False,
    ) -> None:
        super().__init__(observation_space, action_space)
        del use_sde
        self.brain = obtain_brain(brain, observation_space, action_space)
        self.distribution = distribution_of(action_space)
        groups = self._parameter_groups()
        self.optimizer = LimitedAdam(  # pyright: ignore[reportIncompatibleVariableOverride]
            groups, lr=lr_schedule(1), eps=1e-5, fused=True
        )
        own = self.brain.self_taught_parameters()
        self.self_taught_optimizer = (
            LimitedAdam(own, lr=self_taught_rate, eps=1e-5, fused=True) if own else None
        )
        # Its own generator, so that looking at an agent never changes its training.
        self.generator = torch.Generator().manual_seed(torch.initial_seed())

    def _parameter_groups(self) -> list[dict[str, Any]]:
        """Group parameters by their learning rate relative to the rest, as `scale`."""
        groups: dict[float, list[torch.nn.Parameter]] = {}
        own = set() if self.brain.world_model.replayed else {*self.brain.self_taught_parameters()}
        for name, parameter in self.brain.named_parameters():
            if parameter in own:
                continue
            groups.setdefault(self.brain.rate_scale(name), []).append(parameter)
        return [{"params": members, "scale": scale} for scale, members in groups.items()]

    def set_learning_rate(self, rate: float) -> None:
        """Set the rate of every group to `rate` times its scale."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]

    def forward(self, observation: Observation, state: Any) -> tuple[Any, Any]:
        """Advance the brain one control step."""
        return self.brain(observation, state)

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        """Act without memory of what came before, as from the first step of an episode."""
        batch = len(next(iter(observation.values()))) if isinstance(observation, dict) else None
        size = len(observation) if batch is None else batch
        output, _ = self.brain(observation, self.brain.initial_state(size))
        return self._choose(output, deterministic)

    def _choose(self, output: Any, deterministic: bool) -> Tensor:
        if deterministic:
            return self.distribution.mode(output)
        return self.distribution.sample(output, self.generator)

    def predict(  # type: ignore[override]
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: Any | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Act, with memory.

        Args:
            observation: One observation, or a batch of them, [B, ...].
            state: The brain's memory as the last call returned it; None starts afresh.
            episode_start: True where an episode begins, [B]; None for nowhere.
            deterministic: Take the most probable action instead of drawing one.

        Returns:
            The actions in the body's units, and the memory to hand to the next call.

        Raises:
            ValueError: The memory is of another number of rows.
        """
        actions, state, _ = self.predict_with_output(
            observation, state, episode_start, deterministic
        )
        return actions, state

    @torch.no_grad()
    def predict_with_output(
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: Any | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any, Any]:
        """Act as `predict` does, and return also what the brain said, always [B, ...].

        Raises:
            ValueError: The memory is of another number of rows.
        """
        if self.training:
            self.set_training_mode(False)
        tensors, vectorised = self.obs_to_tensor(observation)
        whole: Any = next(iter(tensors.values())) if isinstance(tensors, dict) else tensors
        initial = self.brain.initial_state(len(whole))
        if state is not None and tree_leaves(state):
            rows = len(tree_leaves(state)[0])
            if rows != len(whole):
                raise ValueError(f"the memory is of {rows} rows, what is sensed of {len(whole)}")
        if state is None:
            state = initial
        elif episode_start is not None:
            starts = torch.as_tensor(np.asarray(episode_start, bool), device=self.device)
            state = reset_where(starts.reshape(-1), initial, state)
        output, state = self.brain(tensors, state)
        actions = self.distribution.to_body(self._choose(output, deterministic))
        return (actions if vectorised else actions[0]), state, output
