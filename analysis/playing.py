"""A brain at play in one body, one moment at a time, for whoever watches."""

from collections.abc import Callable, Iterator, Mapping
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.episodes import Actor, seeded_exploration
from agents.listening import Signals, act_and_tell

REHEARSAL_SECONDS = 5.0
REHEARSAL_STEPS = 300

Record = Callable[[Signals], None]
"""Takes what was lived in a step, by name: [] or [n] each."""


class Befalls(NamedTuple):
    """What befalls a body in an episode.

    Attributes:
        name, variant: Of the challenge.
        onset: First step of the change.
        end: First step after it; None for never.
    """

    name: str
    variant: str
    onset: int
    end: int | None

    @property
    def text(self) -> str:
        """Name and variant in a few words."""
        words = self.title
        return (
            f"{words}: {self.variant.replace('_', ' ')}"
            if self.variant not in ("", "all")
            else words
        )

    @property
    def title(self) -> str:
        """Its name in words."""
        return self.name.replace("_", " ")


class Moment(NamedTuple):
    """What there is to see at the start of a step, when the brain has made up its mind.

    Attributes:
        clock: Steps since the episode began.
        seconds: The same in the body's time, s.
        episode: Episodes that have ended before.
        starts: Whether the episode starts now.
        reward_sum: Return so far.
        signals: Of the brain, and `reward`: what the step before has earned, nan at a start.
        observation: What the body senses, [1, ...].
        challenges: What befalls it in this episode, sooner or later.
    """

    clock: int
    seconds: float
    episode: int
    starts: bool
    reward_sum: float
    signals: Signals
    observation: Any
    challenges: tuple[Befalls, ...]


def play(
    model: Actor,
    env: Any,
    *,
    episodes: int | None,
    seed: int,
    deterministic: bool,
    returns: list[float],
    record: Record | None = None,
) -> Iterator[Moment]:
    """Let a brain act, one moment at a time.

    Args:
        model: The brain's agent.
        env: Its body, one row; seeded anew.
        episodes: Episodes to play; None to play on and on.
        seed: Of the body.
        deterministic: Whether the brain acts without exploring.
        returns: The return of each episode is appended as it ends.
        record: Told every step that was lived to its end.

    Yields:
        The moment before the action reaches the body.
    """
    env.seed(seed)
    observation = env.reset()
    state, episode_start, reward = None, np.ones(1, bool), np.nan
    reward_sum, clock = 0.0, 0
    while episodes is None or len(returns) < episodes:
        heard = act_and_tell(model, observation, state, episode_start, deterministic)
        state = heard.state
        signals = _first_row(heard.signals)
        challenges = befalls(env)
        yield Moment(
            clock,
            clock * env.control_period,
            len(returns),
            bool(episode_start[0]),
            reward_sum,
            {**signals, "reward": np.array(reward, np.float32)},
            observation,
            challenges,
        )
        lived = {"episode_start": episode_start[0], **signals, "action": heard.actions[0]}
        lived |= {f"challenge/{one.name}": _is_on(one, clock) for one in challenges}
        lived |= _senses(observation)
        observation, rewards, episode_start, _ = env.step(heard.actions)
        reward = float(rewards[0])
        if record is not None:
            record(
                {name: np.asarray(value) for name, value in lived.items()} | {"reward": rewards[0]}
            )
        reward_sum, clock = reward_sum + reward, clock + 1
        if episode_start[0]:
            returns.append(reward_sum)
            reward_sum, clock, reward = 0.0, 0, np.nan


def befalls(env: Any) -> tuple[Befalls, ...]:
    """Return the challenges of the present episode of the only row."""
    engine = getattr(env, "engine", None)
    if engine is None:
        return ()
    told: Mapping[str, Any] = engine.challenges.episode_info(0)
    return tuple(
        Befalls(name, str(part["variant"]), part["onset"], part["end"])
        for name, part in told.items()
    )


def _is_on(one: Befalls, clock: int) -> np.bool_:
    return np.bool_(one.onset <= clock and (one.end is None or clock < one.end))


def _first_row(signals: Signals) -> Signals:
    return {name: value[0] for name, value in signals.items()}


def _senses(observation: Any) -> Signals:
    if isinstance(observation, dict):
        return {f"senses/{name}": value[0] for name, value in observation.items()}
    return {"senses": observation[0]}


def rehearse(
    model: Actor, env: Any, *, seed: int, deterministic: bool
) -> tuple[Signals, dict[str, NDArray[np.int64]]]:
    """Let a brain act unseen, to learn which signals it has and how to sort its units.

    Args:
        model: The brain's agent; its generators are left as they were.
        env: Its body, one row; to be seeded anew afterwards.
        seed: Of the body.
        deterministic: Whether the brain acts without exploring.

    Returns:
        A value of each signal, and the order of the units of those with several.
    """
    if not hasattr(getattr(model, "policy", None), "predict_with_output"):
        return {"reward": np.array(0.0)}, {}
    steps = min(REHEARSAL_STEPS, ceil(REHEARSAL_SECONDS / env.control_period))
    lived: list[Signals] = []
    with seeded_exploration(model, seed):
        moments = play(
            model, env, episodes=None, seed=seed, deterministic=deterministic, returns=[]
        )
        lived = [moment.signals for moment, _ in zip(moments, range(steps), strict=False)]
    several = [name for name, value in lived[0].items() if value.ndim == 1 and value.size > 2]
    orders = {name: phase_order(np.stack([one[name] for one in lived])) for name in several}
    return lived[0], orders


def phase_order(history: NDArray[Any]) -> NDArray[np.int64]:
    """Sort units by when they are active in the rhythm that they share; silent ones last.

    The activity of each unit is smoothed over time and projected on the two directions in which the
    population varies most. In a rhythm the population runs round a circle there, and the angle of a
    unit is its phase.

    Args:
        history: Activity, [steps, units].

    Returns:
        Units in their order, [units].
    """
    activity = np.asarray(history, np.float64)
    if len(activity) >= 3:
        activity = (activity[:-2] + 2 * activity[1:-1] + activity[2:]) / 4
    centred = activity - activity.mean(axis=0)
    spread = centred.std(axis=0)
    _, _, directions = np.linalg.svd(centred / np.maximum(spread, 1e-6), full_matrices=False)
    first, second = directions[0], directions[min(1, len(directions) - 1)]
    angles = np.arctan2(second, first)
    angles[spread < 1e-6] = np.inf
    return np.argsort(angles, kind="stable")
