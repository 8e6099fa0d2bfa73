"""An agent lives through whole episodes, counted so that short ones weigh no more."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv


class Actor(Protocol):
    """Anything with SB3's `predict`."""

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """Return actions and the next state."""
        ...


class Episode(NamedTuple):
    """A whole episode.

    Attributes:
        total: Sum of its rewards.
        rewards: Reward of each step, [L].
        terminated: Whether the task ended it, not the clock.
        challenge: What befell it, by challenge, as `Composition.episode_info` tells; or nothing.
    """

    total: float
    rewards: NDArray[np.float64]
    terminated: bool
    challenge: dict[str, dict[str, Any]]


class EvaluationResult(NamedTuple):
    """Whole episodes, row after row.

    Attributes:
        returns: Sum of rewards of each episode.
        lengths: Control steps of each episode.
    """

    returns: list[float]
    lengths: list[int]


def evaluate(
    model: Actor, env: VecEnv, episodes: int, *, deterministic: bool, seed: int
) -> EvaluationResult:
    """Return the episodes of `live` as their returns and lengths; see there for the arguments."""
    return summarise(live(model, env, episodes, deterministic=deterministic, seed=seed))


def summarise(episodes: Sequence[Episode]) -> EvaluationResult:
    """Return returns and lengths of episodes, in their order."""
    return EvaluationResult(
        [episode.total for episode in episodes], [len(episode.rewards) for episode in episodes]
    )


def live(
    model: Actor, env: VecEnv, episodes: int, *, deterministic: bool, seed: int
) -> list[Episode]:
    """Let an agent live through whole episodes in all rows of a batch.

    How many episodes each row contributes is fixed beforehand, the same for all rows but for a
    remainder: taking the first so many to end would prefer the short ones.

    Args:
        model: The agent; its own random generators are left as they were.
        env: Bodies for nothing else; they are seeded anew.
        episodes: Episodes to count, over all rows.
        deterministic: Whether the agent acts without exploring.
        seed: Of the bodies and of exploration.

    Returns:
        The episodes, ordered by row and then by time.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}")
    wanted = episodes // env.num_envs + (np.arange(env.num_envs) < episodes % env.num_envs)
    finished: list[list[Episode]] = [[] for _ in range(env.num_envs)]
    env.seed(seed)
    with seeded_exploration(model, seed):
        observation: Any = env.reset()
        state, episode_start = None, np.ones(env.num_envs, bool)
        reward_sums, begins = np.zeros(env.num_envs), np.zeros(env.num_envs, np.int64)
        past: list[NDArray[np.float64]] = []
        while any(len(done) < need for done, need in zip(finished, wanted, strict=True)):
            actions, state = model.predict(
                observation, state=state, episode_start=episode_start, deterministic=deterministic
            )
            observation, rewards, episode_start, infos = env.step(actions)
            reward_sums += rewards
            past.append(np.array(rewards, np.float64))
            for row in np.flatnonzero(episode_start).tolist():
                if len(finished[row]) < wanted[row]:
                    steps = past[int(begins[row]) :]
                    lived = np.array([step[row] for step in steps])
                    finished[row].append(_episode(float(reward_sums[row]), lived, infos[row]))
                reward_sums[row], begins[row] = 0.0, len(past)
    return [episode for done in finished for episode in done]


def _episode(total: float, rewards: NDArray[np.float64], info: dict[str, Any]) -> Episode:
    terminated = not info.get("TimeLimit.truncated", False)
    return Episode(total, rewards, terminated, info.get("challenge", {}))


@contextmanager
def seeded_exploration(model: Any, seed: int) -> Iterator[None]:
    """Make exploration start from a seed, and put every generator back afterwards."""
    generator = getattr(getattr(model, "policy", None), "generator", None)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if not isinstance(generator, torch.Generator):
            yield
            return
        before = generator.get_state()
        generator.manual_seed(seed)
        try:
            yield
        finally:
            generator.set_state(before)
