"""A body's own senses, as a world model meets them: recorded under restless commands."""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import envs
from brains.senses import Layout

ROWS, STEPS = 40, 320
SIZES = {"position": 5, "velocity": 6, "efference_copy": 3, "reward": 1, "alive": 11}


class Recording(NamedTuple):
    """Normalised senses, [T, B, S], where episodes begin, [T, B], and where what lies."""

    senses: Tensor
    starts: Tensor
    layout: Layout


@cache
def hopper() -> Recording:
    """Return 12,800 steps of Hopper under commands that wander; all sensors report."""
    env = envs.make_vec_env("Hopper-v5", num_envs=ROWS, seed=0, num_threads=1)
    random = np.random.default_rng(0)
    seen, reward, starts = env.reset(), np.zeros(ROWS), np.ones(ROWS, dtype=bool)
    command = np.zeros((ROWS, SIZES["efference_copy"]))
    steps = []
    for _ in range(STEPS):
        done = np.where(starts[:, None], 0.0, np.clip(command, -1, 1))
        steps.append((seen, done, np.where(starts, 0.0, reward)[:, None], starts))
        command = 0.8 * command + 0.6 * random.standard_normal(command.shape)
        seen, reward, starts, _ = env.step(np.clip(command, -1, 1).astype(np.float32))
    env.close()
    *columns, begins = (np.stack(column) for column in zip(*steps, strict=True))
    normalised = [(c - c.mean((0, 1))) / c.std((0, 1)) for c in columns]
    normalised.append(np.zeros_like(columns[0]))  # 0 says that a sensor reports, see Senses
    joined = torch.from_numpy(np.concatenate(normalised, axis=-1)).float()
    return Recording(joined, torch.from_numpy(begins), Layout(SIZES))
