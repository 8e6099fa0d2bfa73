"""Bodies: batched MuJoCo tasks, and every other Gymnasium environment by a slower path."""

from envs.errors import PhysicsError, RenderingError, UnknownEnvironment
from envs.make import make_vec_env
from envs.registration import native_names, register_tasks

__all__ = [
    "PhysicsError",
    "RenderingError",
    "UnknownEnvironment",
    "make_vec_env",
    "native_names",
    "register_tasks",
]

register_tasks()
