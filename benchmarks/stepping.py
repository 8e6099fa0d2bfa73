"""Compare how fast bodies step: Wetware, physics alone, EnvPool and Gymnasium, in turns.

    python benchmarks/stepping.py --envpool-python /tmp/envpool/bin/python
    python benchmarks/stepping.py --eyes --tasks Gaze-v0 Forager-v0

Steps every native task (Gymnasium's v5 tasks and Wetware's own bodies) with random actions and
prints one JSON object per line: `what`, `env`, `steps_per_second` (of Wetware), `ratio` (Wetware
over the rival, the median over rounds in which everybody has a turn), `against`, and
`python_share` (of the time of Wetware's step, what is not spent in calls of `mujoco.batch`).

With `--eyes` it tells instead how many times as long a step takes with vision as without.

The rivals: `Batch.step`, physics alone, over the model as its file has it; `Batch.step, same
stages`, the same without the stages that Wetware switches off too (see `envs.idle_stages`), and so
the limit; `Gymnasium loop`, single environments
stepped one after the other (Gymnasium's own of a v5 task, `gymnasium.make("wetware/...")` of our
bodies); Gymnasium's `SyncVectorEnv` over its own; and EnvPool where it has the task. EnvPool pins
its own packages, so it lives in a virtual environment of its own:
`python -m venv /tmp/envpool && /tmp/envpool/bin/pip install envpool`.
"""

import argparse
import copy
import functools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import envs  # isort: skip - before MuJoCo, so that it chooses how to draw
import gymnasium
import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.idle_stages import idle_stages
from envs.sb3 import EngineVecEnv

WORKER = Path(__file__).with_name("envpool_worker.py")
SAMPLED_STEPS = 8  # control steps whose physics is repeated alone in each round
STEPS_APART = 3
BATCH_CALLS = ("step", "forward", "reset", "ray", "jac", "rollout")


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


class Stopwatch:
    """Measures how long the calls of all batches take: of the rows, and of the rays of an eye.

    Attributes:
        seconds: In all calls so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        for name in BATCH_CALLS:
            setattr(Batch, name, self._watched(getattr(Batch, name)))

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def watched(batch: Batch, *arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(batch, *arguments, **options)
            finally:
                self.seconds += time.perf_counter() - start

        return watched


STOPWATCH = Stopwatch()


class Wetware:
    """The SB3 face of the batched engine: what training steps.

    Attributes:
        python_shares: Of each turn so far, the share of time outside the calls of the batch.
    """

    def __init__(self, env_id: str, num_envs: int, num_threads: int, **options: object) -> None:
        env = envs.make_vec_env(
            env_id, num_envs=num_envs, num_threads=num_threads, env_kwargs=options
        )
        if not isinstance(env, EngineVecEnv):
            raise SystemExit(f"{env_id} is not a native task; those are {envs.native_names()}")
        self.env = env
        self.actions = random_actions(self.env.action_space, num_envs)
        self.python_shares: list[float] = []
        self.env.reset()

    def turn(self, seconds: float) -> float:
        """Step with random actions."""
        start, inside = time.perf_counter(), STOPWATCH.seconds
        rate = timed(self._step, self.env.num_envs, seconds)
        inside = STOPWATCH.seconds - inside
        self.python_shares.append(1.0 - inside / (time.perf_counter() - start))
        return rate

    def _step(self, index: int) -> None:
        self.env.step(self.actions[index % len(self.actions)])


class RawPhysics:
    """`Batch.step` alone, on as many threads, from states that Wetware's rows pass through."""

    def __init__(self, wetware: Wetware, num_threads: int, *, every_stage: bool) -> None:
        self._env, self._actions = wetware.env, wetware.actions
        task, rows = wetware.env.engine.task, wetware.env.num_envs * SAMPLED_STEPS
        self._skip = task.frame_skip
        model = copy.copy(task.model)
        if every_stage:
            model.opt.disableflags &= ~idle_stages(model)
        self._batch = Batch(model, rows, num_threads)
        self._states = np.zeros(self._batch.state.shape)
        self._controls = np.zeros((rows, model.nu))

    def turn(self, seconds: float) -> float:
        """Make the physics steps that Wetware's rows are about to make, again and again."""
        self._sample()
        controls = self._batch.bind("ctrl")

        def repeat(_: int) -> None:
            self._batch.state[...] = self._states
            controls[...] = self._controls
            self._batch.step(None, self._skip)

        return timed(repeat, len(self._states), seconds)

    def _sample(self) -> None:
        """Keep states of Wetware's rows, and what they are about to do."""
        num_envs = self._env.num_envs
        for step in range(SAMPLED_STEPS * STEPS_APART):
            actions = self._actions[step % len(self._actions)]
            sample, between = divmod(step, STEPS_APART)
            if between == 0:
                rows = slice(sample * num_envs, (sample + 1) * num_envs)
                self._states[rows] = self._env.engine.batch.state
                self._controls[rows] = actions
            self._env.step(actions)


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


class SyncVectorEnv:
    """Gymnasium's own way of stepping several environments."""

    def __init__(self, env_id: str, num_envs: int) -> None:
        mujoco.set_mju_user_warning(lambda _: None)
        self._envs = gymnasium.make_vec(env_id, num_envs=num_envs, vectorization_mode="sync")
        self._actions = random_actions(self._envs.single_action_space, num_envs)
        self._envs.reset(seed=0)

    def turn(self, seconds: float) -> float:
        """Step with random actions."""
        return timed(self._step, self._envs.num_envs, seconds)

    def _step(self, index: int) -> None:
        self._envs.step(self._actions[index % len(self._actions)])


class GymnasiumLoop:
    """Single environments, stepped and reset one after the other."""

    def __init__(self, env_id: str, num_envs: int) -> None:
        mujoco.set_mju_user_warning(lambda _: None)  # one of its models is deprecated, 64 times
        known = env_id if env_id in gymnasium.registry else f"wetware/{env_id}"
        self._envs = [gymnasium.make(known) for _ in range(num_envs)]
        self._actions = random_actions(self._envs[0].action_space, num_envs)
        for row, env in enumerate(self._envs):
            env.reset(seed=row)

    def turn(self, seconds: float) -> float:
        """Step with random actions."""
        return timed(self._step, len(self._envs), seconds)

    def _step(self, index: int) -> None:
        actions = self._actions[index % len(self._actions)]
        for env, action in zip(self._envs, actions, strict=True):
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()


def compare(env_id: str, arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Run all rounds for one task and return a record per rival."""
    num_envs, num_threads = arguments.num_envs, arguments.num_threads
    wetware = Wetware(env_id, num_envs, num_threads)
    rivals: dict[str, Contestant] = {
        "Batch.step": RawPhysics(wetware, num_threads, every_stage=True),
        "Batch.step, same stages": RawPhysics(wetware, num_threads, every_stage=False),
    }
    if arguments.envpool_python and env_id in gymnasium.registry:
        rivals["EnvPool"] = EnvPool(arguments.envpool_python, env_id, num_envs, num_threads)
    if not arguments.skip_gymnasium:
        rivals["Gymnasium loop"] = GymnasiumLoop(env_id, num_envs)
        if env_id in gymnasium.registry:
            rivals["SyncVectorEnv"] = SyncVectorEnv(env_id, num_envs)
    rates: list[float] = []
    ratios: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(arguments.rounds + 1):  # the first warms up
        rates.append(wetware.turn(arguments.seconds))
        for name, rival in rivals.items():
            ratios[name].append(rates[-1] / rival.turn(arguments.seconds))
    if isinstance(pool := rivals.get("EnvPool"), EnvPool):
        pool.close()
    return [
        {
            "what": "stepping",
            "env": env_id,
            "steps_per_second": round(statistics.median(rates[1:])),
            "ratio": round(statistics.median(turns[1:]), 3),
            "against": name,
            "python_share": round(statistics.median(wetware.python_shares[1:]), 3),
            "num_envs": num_envs,
            "num_threads": num_threads,
        }
        for name, turns in ratios.items()
    ]


def cost_of_vision(env_id: str, arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Compare a body that sees with the same body blind, in turns."""
    sizes = arguments.num_envs, arguments.num_threads
    seeing, blind = Wetware(env_id, *sizes), Wetware(env_id, *sizes, vision=False)
    turns = [
        (seeing.turn(arguments.seconds), blind.turn(arguments.seconds))
        for _ in range(arguments.rounds + 1)  # the first warms up
    ][1:]
    return [
        {
            "what": "cost of vision",
            "env": env_id,
            "steps_per_second": round(statistics.median(rate for rate, _ in turns)),
            "ratio": round(statistics.median(rate / slower for slower, rate in turns), 3),
            "against": "the same body blind, time per step",
            "num_envs": arguments.num_envs,
            "num_threads": arguments.num_threads,
        }
    ]


def main() -> None:
    """Compare on every task asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", nargs="+", default=envs.native_names())
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.7, help="length of a turn")
    parser.add_argument("--envpool-python", help="a Python that has EnvPool")
    parser.add_argument("--skip-gymnasium", action="store_true")
    parser.add_argument("--eyes", action="store_true", help="tell what vision costs, nothing else")
    arguments = parser.parse_args()
    for env_id in arguments.tasks:
        for record in (cost_of_vision if arguments.eyes else compare)(env_id, arguments):
            print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
