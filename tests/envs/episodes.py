"""Whole episodes of a native task, for tests of what can be learned in it."""

import gymnasium
import numpy as np

import envs  # noqa: F401 - registers the tasks
from envs.scripted import scripted_controller


def play(env_id, policy=None, *, rows=16, seed=1000, **options):
    """Play one episode in every row; return the returns [rows] and the infos, each [T, rows].

    Rows whose episode ended earn nothing more, and tell what they told last.

    Args:
        env_id: The task.
        policy: Called with what the rows sense; None for the scripted controller.
        rows: Number of episodes.
        seed: Of the first row; the others count on from it.
        options: Of the task's constructor.
    """
    engine = _rows_of(env_id, rows, seed, options)
    return _live(engine, policy or scripted_controller(env_id, rows))


def flail(env_id, *, rows=16, seed=1000, **options):
    """As `play`, but with uniformly random actions."""
    engine = _rows_of(env_id, rows, seed, options)
    space, generator = engine.task.action_space, np.random.default_rng(seed)
    return _live(engine, lambda _: generator.uniform(space.low, space.high, (rows, space.shape[0])))


def _rows_of(env_id, rows, seed, options):
    """Return an engine at the start of an episode in every row."""
    env = gymnasium.make_vec(f"wetware/{env_id}", num_envs=rows, num_threads=1, **options)
    env.reset(seed=seed)
    return env.engine


def _live(engine, policy):
    """Step until an episode has ended in every row."""
    rows = engine.num_envs
    returns, going, told = np.zeros(rows), np.ones(rows, bool), []
    while going.any():
        engine.step(policy(engine.task.present(engine.observation)))
        returns += engine.reward * going
        info = engine.task.step_info()
        last = told[-1] if told else info
        told.append({name: np.where(going, info[name], last[name]) for name in info})
        ended = engine.terminated | engine.truncated
        going &= ~ended
        if ended.any():  # a task need not bear to be stepped beyond its end
            engine.reset(np.flatnonzero(ended))
    return returns, {name: np.stack([info[name] for info in told]) for name in told[0]}
