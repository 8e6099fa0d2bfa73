"""A first step with options that somebody chose, before anything is made that would go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from envs.task import Task


def rehearse(task: Task, name: str) -> None:
    """Start one row of a task and take one step, at rest.

    Some options show only there that they do not suit: a model file of another body, a margin
    that a reward divides by.

    Args:
        task: The task, which is used up.
        name: Name of the environment, for messages.

    Raises:
        Exception: Whatever the task raises.
    """
    from envs.engine import Engine  # which knows of challenges, and they of the tasks' names

    engine = Engine(task, name=name, num_envs=1, num_threads=1, max_episode_steps=None)
    engine.seed([0])
    engine.reset(np.zeros(1, np.int64))
    space = task.action_space
    engine.step(np.clip(np.zeros((1, *space.shape), space.dtype), space.low, space.high))
