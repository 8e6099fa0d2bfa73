"""Compare how fast bodies step: Wetware, raw MuJoCo, EnvPool and Gymnasium, in interleaved turns.

    python benchmarks/stepping.py --envpool-python /tmp/envpool/bin/python

Prints one JSON object per line: `what`, `env`, `steps_per_second` (of Wetware), `ratio` (Wetware
over the rival, the median over rounds of two turns next to each other) and `against`. EnvPool pins
its own packages, so it lives in a virtual environment of its own:
`python -m venv /tmp/envpool && /tmp/envpool/bin/pip install envpool`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import envs  # isort: skip - before MuJoCo, so that it chooses how to draw
import gymnasium
import mujoco
import numpy as np
from mujoco import rollout

from envs.sb3 import EngineVecEnv

WORKER = Path(__file__).with_name("envpool_worker.py")
SAMPLED_STEPS = 24  # control steps whose states the raw loop replays each round
STEPS_APART = 5


class Contestant(Protocol):
    """Whoever can step for some seconds."""

    def turn(self, seconds: float) -> float:
        """Return the environment steps made per second."""
        ...


def timed(step: Callable[[int], None], steps_per_call: int, seconds: float) -> float:
    """Call `step(0), step(1), ...` for some seconds; return environment steps per second."""
    calls, start = 0, time.perf_counter()
    while (now := time.perf_counter()) - start < seconds:
        step(calls)
        calls += 1
    return calls * steps_per_call / (now - start)


def random_actions(space: gymnasium.Space, num_envs: int) -> np.ndarray:
    """Return uniform actions for 64 steps, [64, N, A]."""
    assert isinstance(space, gymnasium.spaces.Box)
    actions = np.random.default_rng(0).uniform(space.low, space.high, (64, num_envs, *space.shape))
    return actions.astype(np.float32)


class Wetware:
    """The SB3 face of the batched engine: what training steps."""

    def __init__(self, env_id: str, num_envs: int, num_threads: int) -> None:
        env = envs.make_vec_env(env_id, num_envs=num_envs, num_threads=num_threads)
        if not isinstance(env, EngineVecEnv):
            raise SystemExit(f"{env_id} is not a native task; those are {envs.native_names()}")
        self.env = env
        self.actions = random_actions(self.env.action_space, num_envs)
        self.env.reset()

    def turn(self, seconds: float) -> float:
        """Step with random actions."""
        return timed(self._step, self.env.num_envs, seconds)

    def _step(self, index: int) -> None:
        self.env.step(self.actions[index % len(self.actions)])


class RawPhysics:
    """`mj_step` alone, in C on as many threads, from states that Wetware's rows pass through."""

    def __init__(self, wetware: Wetware, num_threads: int) -> None:
        self._env, self._actions = wetware.env, wetware.actions
        task = wetware.env.engine.task
        self._model, self._skip = task.model, task.frame_skip
        self._pool = rollout.Rollout(nthread=num_threads)
        self._data = [mujoco.MjData(self._model) for _ in range(num_threads)]

    def turn(self, seconds: float) -> float:
        """Replay the steps that Wetware's rows are about to make."""
        states, warmstarts, controls = self._sample()
        count = len(states)
        trajectory = np.zeros((count, self._skip, states.shape[1]))

        def replay(_: int) -> None:
            self._pool.rollout(
                self._model,
                self._data,
                states,
                controls,
                nstep=self._skip,
                initial_warmstart=warmstarts,
                state=trajectory,
            )

        return timed(replay, count, seconds)

    def _sample(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return states, warm starts and controls for every physics step of the sampled steps."""
        batch, model = self._env.engine.batch, self._model
        full = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        states, warmstarts, controls = [], [], []
        for step in range(SAMPLED_STEPS * STEPS_APART):
            actions = self._actions[step % len(self._actions)]
            if step % STEPS_APART == 0:
                states.append(batch.state[:, :full].copy())
                warmstarts.append(batch.bind("qacc_warmstart").copy())
                controls.append(np.repeat(actions[:, None].astype(float), self._skip, axis=1))
            self._env.step(actions)
        return np.concatenate(states), np.concatenate(warmstarts), np.concatenate(controls)


class EnvPool:
    """EnvPool in a Python of its own."""

    def __init__(self, python: str, env_id: str, num_envs: int, num_threads: int) -> None:
        command = [python, str(WORKER), env_id, str(num_envs), str(num_threads)]
        self._worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def turn(self, seconds: float) -> float:
        """Ask the worker for one turn."""
        worker = self._worker
        assert worker.stdin is not None and worker.stdout is not None
        print(seconds, file=worker.stdin, flush=True)
        return float(worker.stdout.readline())

    def close(self) -> None:
        """Let the worker end."""
        self._worker.communicate()


class SyncVector:
    """Gymnasium's `SyncVectorEnv`: one row after the other, in Python."""

    def __init__(self, env_id: str, num_envs: int) -> None:
        self._env = gymnasium.make_vec(env_id, num_envs=num_envs, vectorization_mode="sync")
        self._actions = random_actions(self._env.single_action_space, num_envs)
        self._env.reset(seed=0)

    def turn(self, seconds: float) -> float:
        """Step with random actions."""
        return timed(self._step, self._env.num_envs, seconds)

    def _step(self, index: int) -> None:
        self._env.step(self._actions[index % len(self._actions)])


def compare(env_id: str, arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Run all rounds for one task and return a record per rival."""
    wetware = Wetware(env_id, arguments.num_envs, arguments.num_threads)
    rivals: dict[str, Contestant] = {"mj_step": RawPhysics(wetware, arguments.num_threads)}
    if arguments.envpool_python:
        rivals["EnvPool"] = EnvPool(
            arguments.envpool_python, env_id, arguments.num_envs, arguments.num_threads
        )
    if not arguments.skip_gymnasium:
        rivals["SyncVectorEnv"] = SyncVector(env_id, arguments.num_envs)
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in rivals}
    for _ in range(arguments.rounds + 1):  # the first warms up
        for name, rival in rivals.items():
            rates[name].append((wetware.turn(arguments.seconds), rival.turn(arguments.seconds)))
    if isinstance(pool := rivals.get("EnvPool"), EnvPool):
        pool.close()
    return [
        {
            "what": "stepping",
            "env": env_id,
            "steps_per_second": round(statistics.median(ours for ours, _ in turns[1:])),
            "ratio": round(statistics.median(ours / theirs for ours, theirs in turns[1:]), 3),
            "against": name,
            "num_envs": arguments.num_envs,
            "num_threads": arguments.num_threads,
        }
        for name, turns in rates.items()
    ]


def main() -> None:
    """Compare on every task asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    known_to_all = [name for name in envs.native_names() if name in gymnasium.registry]
    parser.add_argument("--tasks", nargs="+", default=known_to_all)
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--envpool-python", help="a Python that has EnvPool")
    parser.add_argument("--skip-gymnasium", action="store_true")
    arguments = parser.parse_args()
    for env_id in arguments.tasks:
        for record in compare(env_id, arguments):
            print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
