"""Whole episodes of a native task, for tests of what can be learned in it."""

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

import envs  # noqa: F401 - registers the tasks
from envs.scripted import scripted_controller


def play(env_id, *, rows=16, seed=1000, scripted=True, **options):
    """Play one episode in every row; return the returns [rows] and the infos, each [T, rows].

    Rows whose episode ended earn nothing more.
    """
    env = gymnasium.make_vec(
        f"wetware/{env_id}",
        num_envs=rows,
        num_threads=1,
        autoreset_mode=AutoresetMode.DISABLED,
        **options,
    )
    engine, task = env.engine, env.engine.task
    env.reset(seed=seed)
    controller = scripted_controller(env_id, rows)
    generator = np.random.default_rng(seed)
    low, high = task.action_space.low, task.action_space.high
    returns, going, told = np.zeros(rows), np.ones(rows, bool), []
    for _ in range(gymnasium.spec(f"wetware/{env_id}").max_episode_steps):
        if scripted:
            actions = controller(task.present(engine.observation))
        else:
            actions = generator.uniform(low, high, (rows, low.size))
        engine.step(actions)
        returns += engine.reward * going
        going &= ~engine.terminated
        told.append(task.step_info())
    return returns, {name: np.stack([info[name] for info in told]) for name in told[0]}
