"""Hand-written controllers of Wetware's own bodies: they act on what is sensed alone.

Each module is named after the task's module and has a `controller(num_envs)`, called with an
observation of that many rows whenever one action of each is wanted. They show that a task can be
done with its senses, and their returns are `normalisation.reference` in `conf/env`.
"""

import importlib
import importlib.util
from collections.abc import Callable

import numpy as np

from envs.registration import native_spec

Controller = Callable[[dict[str, np.ndarray]], np.ndarray]


def scripted_controller(env_id: str, num_envs: int) -> Controller | None:
    """Return a controller at the start of an episode in every row, or None where there is none.

    A controller remembers where it is in an episode: make a new one for new episodes.

    Args:
        env_id: A native task, such as `Gaze-v0`.
        num_envs: Rows that it is to control.
    """
    spec = native_spec(env_id)
    if spec is None:
        return None
    module = f"{__name__}.{spec.kwargs['task'].partition(':')[0].rpartition('.')[2]}"
    if importlib.util.find_spec(module) is None:
        return None
    return importlib.import_module(module).controller(num_envs)
