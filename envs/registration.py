"""Names of environments: the native tasks, one line each, and Gymnasium's own registry."""

import difflib
import importlib
import importlib.util
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from envs.errors import UnknownEnvironment
from envs.options import checked_options, unworkable
from envs.rehearsal import rehearse
from envs.task import Task

NAMESPACE = "wetware"


def register_task(
    name: str, task: str, *, max_episode_steps: int, reward_threshold: float | None = None
) -> None:
    """Register a task as `wetware/<name>`, for `gymnasium.make` and `gymnasium.make_vec`.

    Args:
        name: Name with its version, such as `Hopper-v5`.
        task: Where its class is, `module:Class`.
        max_episode_steps: Time limit, control steps.
        reward_threshold: Return at which the task counts as solved.
    """
    gymnasium.register(
        id=f"{NAMESPACE}/{name}",
        entry_point="envs.single:SingleEnv",
        vector_entry_point="envs.vector:MujocoVectorEnv",
        max_episode_steps=max_episode_steps,
        reward_threshold=reward_threshold,
        kwargs={"task": task, "name": name},
    )


def register_v5_twin(name: str, task: str) -> None:
    """Register a task under the name, time limit and threshold of Gymnasium's own."""
    original = gymnasium.spec(name)
    if original.max_episode_steps is None:
        raise ValueError(f"{name} has no time limit in Gymnasium's registry")
    register_task(
        name,
        f"envs.gymnasium_v5.{task}",
        max_episode_steps=original.max_episode_steps,
        reward_threshold=original.reward_threshold,
    )


def register_tasks() -> None:
    """Register every native task; a second call changes nothing."""
    if native_names():
        return
    register_v5_twin("Ant-v5", "ant:Ant")
    register_v5_twin("HalfCheetah-v5", "half_cheetah:HalfCheetah")
    register_v5_twin("Hopper-v5", "hopper:Hopper")
    register_v5_twin("Humanoid-v5", "humanoid:Humanoid")
    register_v5_twin("HumanoidStandup-v5", "humanoid_standup:HumanoidStandup")
    register_v5_twin("InvertedDoublePendulum-v5", "inverted_double_pendulum:InvertedDoublePendulum")
    register_v5_twin("InvertedPendulum-v5", "inverted_pendulum:InvertedPendulum")
    register_v5_twin("Pusher-v5", "pusher:Pusher")
    register_v5_twin("Reacher-v5", "reacher:Reacher")
    register_v5_twin("Swimmer-v5", "swimmer:Swimmer")
    register_v5_twin("Walker2d-v5", "walker2d:Walker2d")
    register_task("Gaze-v0", "envs.gaze:Gaze", max_episode_steps=150)
    register_task("Forager-v0", "envs.forager:Forager", max_episode_steps=500)
    register_task("Whisker-v0", "envs.whisker:Whisker", max_episode_steps=150)
    register_task("Quadruped-v0", "envs.quadruped:Quadruped", max_episode_steps=1000)
    register_task("Reach-v0", "envs.reach:Reach", max_episode_steps=200)
    register_task("Reversal-v0", "envs.reversal:Reversal", max_episode_steps=1000)
    register_task("TMaze-v0", "envs.t_maze:TMaze", max_episode_steps=200)


def native_names() -> list[str]:
    """Return the names of the tasks that run on the batched engine."""
    return sorted(
        spec.name + f"-v{spec.version}"
        for spec in gymnasium.registry.values()
        if spec.namespace == NAMESPACE
    )


def native_spec(env_id: str) -> EnvSpec | None:
    """Return the registration of a native task, or None for any other environment."""
    name = env_id.removeprefix(f"{NAMESPACE}/")
    return gymnasium.registry.get(f"{NAMESPACE}/{name}")


def require_known(env_id: str) -> None:
    """Refuse a name that neither Wetware nor Gymnasium knows.

    Raises:
        UnknownEnvironment: With the nearest name, in one line.
    """
    module, separator, _ = env_id.rpartition(":")  # Gymnasium imports the module of "module:id"
    if separator and importlib.util.find_spec(module.partition(".")[0]) is None:
        raise UnknownEnvironment(f"unknown environment {env_id!r}: there is no module {module!r}")
    if separator or native_spec(env_id) or env_id in gymnasium.registry:
        return
    names = {name.lower(): name for name in [*gymnasium.registry, *native_names()]}
    wrong = env_id.removeprefix(f"{NAMESPACE}/").lower()
    nearest = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    hint = f"; did you mean {names[nearest[0]]!r}?" if nearest else ""
    raise UnknownEnvironment(f"unknown environment {env_id!r}{hint}")


def build_task(task: str, name: str, options: dict[str, Any]) -> Task:
    """Construct a task from `module:Class` and its options.

    Raises:
        ValueError: The task has no option of some name, or an option cannot have its value; in one
            line.
    """
    module, _, class_name = task.partition(":")
    task_class = getattr(importlib.import_module(module), class_name)
    if not options:
        return task_class()
    checked = checked_options(name, task_class, options)
    try:
        rehearse(task_class(**checked), name)
        return task_class(**checked)
    except Exception as error:  # each task fails in its own way at what does not suit it
        raise unworkable(name, options, error) from error
