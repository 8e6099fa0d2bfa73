"""`make_vec_env`: any environment by its name, as an SB3 `VecEnv`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.challenges.catalogue import Described, refuse_elsewhere
from envs.engine import Engine
from envs.registration import build_task, native_spec, require_known

if TYPE_CHECKING:
    from envs.distractors import DistractorVecEnv
    from envs.feedback import FeedbackVecEnv
    from envs.gymnasium_rows import GymnasiumVecEnv
    from envs.sb3 import EngineVecEnv


DISTRACTED_BY = {"share", "time_constants"}


def make_vec_env(
    env_id: str,
    num_envs: int = 64,
    seed: int | None = 0,
    challenge: Described = None,
    num_threads: int = 2,
    stagger: bool = False,
    env_kwargs: Mapping[str, Any] | None = None,
    feedback: Sequence[str] = (),
    distractors: Mapping[str, Any] | None = None,
) -> EngineVecEnv | GymnasiumVecEnv | DistractorVecEnv | FeedbackVecEnv:
    """Make rows of an environment for training.

    Args:
        env_id: A native task (`HalfCheetah-v5`, with or without `wetware/`), stepped in batches
            by MuJoCo, or any other id that Gymnasium knows, stepped row by row.
        num_envs: Number of rows.
        seed: Seed of the first row; row i starts from `seed + i`.
        challenge: What goes wrong with the bodies while they run: a name in conf/challenge, an
            `envs.named_challenge(...)`, or a list of such; None for nothing.
        num_threads: Threads that step a native task; they change nothing but the speed.
        stagger: Spread the first episodes' clocks evenly over the time limit.
        env_kwargs: Options of the environment's constructor.
        feedback: What the brain senses of its own doing beside the body: any of `action`,
            `reward` and `alive`. The observation is then a Dict; see `envs.feedback`.
        distractors: `share` and `time_constants` of irrelevant senses beside the body's, as in
            conf/distractors; None or a share of 0 for none. See `envs.distractors`.

    Raises:
        UnknownEnvironment: No environment has this name.
        ValueError: An option, a challenge or a kind of feedback is unknown, or the body cannot
            have it or its value; told in one line.
    """
    if not isinstance(num_envs, int | np.integer) or num_envs < 1:
        raise ValueError(f"num_envs must be a whole number of at least 1, got {num_envs!r}")
    options = dict(env_kwargs or {})
    body = _make_body(env_id, num_envs, seed, challenge, num_threads, stagger, options)
    described = dict(distractors or {})
    if described and set(described) != DISTRACTED_BY:
        raise ValueError(
            f"distractors are described by share and time_constants, got {', '.join(described)}"
        )
    if described.get("share"):
        from envs.distractors import DistractorVecEnv

        body = DistractorVecEnv(body, **described, seed=seed)
    if not feedback:
        return body
    from envs.feedback import FeedbackVecEnv

    return FeedbackVecEnv(body, feedback)


def _make_body(
    env_id: str,
    num_envs: int,
    seed: int | None,
    challenge: Described,
    num_threads: int,
    stagger: bool,
    options: dict[str, Any],
) -> EngineVecEnv | GymnasiumVecEnv:
    # SB3 brings PyTorch along, which those who only step bodies need not wait for.
    from envs.gymnasium_rows import GymnasiumVecEnv
    from envs.sb3 import EngineVecEnv

    require_known(env_id)
    spec = native_spec(env_id)
    if spec is None:
        refuse_elsewhere(challenge, env_id)
        return GymnasiumVecEnv(
            env_id, num_envs=num_envs, seed=seed, stagger=stagger, options=options
        )
    name = spec.kwargs["name"]
    engine = Engine(
        build_task(spec.kwargs["task"], name, options),
        name=name,
        num_envs=num_envs,
        num_threads=num_threads,
        max_episode_steps=spec.max_episode_steps,
        challenge=challenge,
    )
    return EngineVecEnv(engine, seed=seed, stagger=stagger)
