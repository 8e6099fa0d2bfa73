"""Scripted lives: the return of whole episodes under a policy."""

import numpy as np

import envs


def episode_returns(env_id, policy, rows, seed=0):
    """Return what the first episode of each row brings, [rows].

    Args:
        env_id: The body.
        policy: Called with what the rows sense and how many steps they have lived.
        rows: Number of episodes.
        seed: Of the first row; the others count on from it.
    """
    env = envs.make_vec_env(env_id, rows, seed=seed, num_threads=1)
    observation, returns, step = env.reset(), {}, 0
    while len(returns) < rows:
        observation, _, _, infos = env.step(policy(observation, step))
        step += 1
        for row, info in enumerate(infos):
            if "episode" in info:
                returns.setdefault(row, info["episode"]["r"])
    return np.array([returns[row] for row in range(rows)])


def flail(size, seed=0):
    """Return a policy of uniformly random actions."""
    generator = np.random.default_rng(seed)

    def policy(observation, step):
        rows = len(next(iter(observation.values())))
        return generator.uniform(-1, 1, (rows, size)).astype(np.float32)

    return policy
