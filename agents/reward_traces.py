"""Rewards of every step of evaluated episodes, and when a change came: beside evaluation.json."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.episodes import Episode
from agents.run_folder import written_aside
from envs.registration import native_spec

NAME = "evaluation_rewards.npz"


class Trace(NamedTuple):
    """What an episode earned around a change.

    Attributes:
        rewards: Reward of each step, [L].
        onset: First step of the change.
        end: First step after it; None if it stayed.
        terminated: Whether the task ended the episode, not the clock.
        time_limit: When the clock would have ended it, control steps; None where nobody knows.
    """

    rewards: NDArray[np.float64]
    onset: int
    end: int | None
    terminated: bool
    time_limit: int | None = None


def time_limit_of(env_id: str) -> int | None:
    """Return the time limit of a body, control steps; None of one that is not native."""
    spec = native_spec(env_id)
    return None if spec is None else spec.max_episode_steps


def trace_of(episode: Episode, time_limit: int | None = None) -> Trace:
    """Return the trace of an episode; several challenges count from first onset to last end."""
    parts = list(episode.challenge.values())
    ends = [part["end"] for part in parts]
    end = None if None in ends else max(ends)
    onset = min(part["onset"] for part in parts)
    return Trace(episode.rewards, onset, end, episode.terminated, time_limit)


def tell_challenges(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Return onset, end and variant in each episode, by challenge; nothing without challenges."""
    if not episodes or not episodes[0].challenge:
        return {}
    told = {
        name: {
            key: [episode.challenge[name][key] for episode in episodes]
            for key in ("onset", "end", "variant")
        }
        for name in episodes[0].challenge
    }
    return {"challenges": told, "terminated": [episode.terminated for episode in episodes]}


def write_rewards(path: Path, lived: Mapping[str, Sequence[Episode]]) -> None:
    """Write the traces of the episodes of each kind.

    For each kind `<kind>_rewards` has all steps of all episodes in a row and `<kind>_episodes` a
    line [length, onset, end or -1, terminated] for each.
    """
    arrays: dict[str, Any] = {}
    for kind, episodes in lived.items():
        traces = [trace_of(episode) for episode in episodes]
        arrays[f"{kind}_rewards"] = np.concatenate([trace.rewards for trace in traces])
        arrays[f"{kind}_episodes"] = np.array(
            [
                (len(trace.rewards), trace.onset, -1 if trace.end is None else trace.end,
                 trace.terminated)
                for trace in traces
            ],
            np.int64,
        )  # fmt: skip
    with written_aside(path) as file:
        np.savez_compressed(file, **arrays)


def read_rewards(path: Path, kind: str, time_limit: int | None = None) -> list[Trace]:
    """Return the traces of the episodes of a kind.

    Args:
        path: The file.
        kind: Of the episodes.
        time_limit: Of the body, as `time_limit_of` returns it.

    Raises:
        OSError: There is no such file.
    """
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        rewards, episodes = arrays[f"{kind}_rewards"], arrays[f"{kind}_episodes"]
    ends = np.cumsum(episodes[:, 0])
    return [
        Trace(
            rewards[stop - length : stop],
            onset,
            None if end < 0 else end,
            bool(terminated),
            time_limit,
        )
        for stop, (length, onset, end, terminated) in zip(
            ends.tolist(), episodes.tolist(), strict=True
        )
    ]
