"""EnvPool's turn in `stepping.py`: run by another Python, so that the project needs no EnvPool.

Reads a number of seconds per line from standard input, steps for that long, and answers with the
environment steps made per second. EnvPool spends a call on every reset, in which that row does not
move; those are not counted.
"""

import sys
import time

import envpool
import numpy as np


def main() -> None:
    """Serve turns until standard input closes. Arguments: id, number of rows, threads."""
    env_id, num_envs, num_threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    env = envpool.make(env_id, env_type="gymnasium", num_envs=num_envs, num_threads=num_threads)
    space = env.action_space
    shape = (64, num_envs, *space.shape)
    actions = np.random.default_rng(0).uniform(space.low, space.high, shape)
    env.reset()
    for line in sys.stdin:
        calls, steps, start = 0, 0, time.perf_counter()
        while time.perf_counter() - start < float(line):
            *_, info = env.step(actions[calls % len(actions)])
            calls += 1
            steps += int(np.count_nonzero(info["elapsed_step"]))
        print(steps / (time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main()
