"""Bodies: batched MuJoCo tasks, and every other Gymnasium environment by a slower path."""

import envs.headless  # noqa: F401 - chooses how to draw, before MuJoCo is imported below
from envs.challenges.catalogue import challenge_names, named_challenge
from envs.errors import PhysicsError, RenderingError, UnknownEnvironment, UnsavableError
from envs.make import make_vec_env
from envs.registration import native_names, register_tasks

__all__ = [
    "PhysicsError",
    "RenderingError",
    "UnknownEnvironment",
    "UnsavableError",
    "challenge_names",
    "make_vec_env",
    "named_challenge",
    "native_names",
    "register_tasks",
]

register_tasks()
