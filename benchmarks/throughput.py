"""How fast whole trainings go: our brains beside Stable-Baselines3, in interleaved turns.

    python benchmarks/throughput.py --json

Every contestant is a process of its own with the same number of threads, and does everything that
training does: acting, stepping bodies, learning. They take turns, so that whatever else the machine
does hits all of them; the first turn of each warms up and does not count. One line per pair:
`steps_per_second` is the median over turns, `ratio` the median of the ratio to the rival's turn in
the same round.

The rivals are run as their users run them: 8 copies of Gymnasium's own environment in a
`DummyVecEnv`, default network and settings, no normalisation to slow them down.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

BRAINS = ("mlp", "gru", "spiking", "spiking:brain.controller.hidden_size=256")
RIVALS = {"sb3_ppo": "SB3 PPO", "sb3_recurrent_ppo": "sb3-contrib RecurrentPPO"}
RIVAL_ROWS = 8


class Contestant:
    """A training in a process of its own that goes on when it is asked to.

    Args:
        name: A brain of ours, with options after a colon; or a rival.
        env_id: The body.
        threads: Threads that it may use.
    """

    def __init__(self, name: str, env_id: str, threads: int) -> None:
        self.rates: list[float] = []
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--work", name, "--env", env_id, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )

    def turn(self, seconds: float) -> None:
        """Train for about so many seconds, and note the control steps per second."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(seconds, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"a contestant ended with status {self._process.wait()}")
        self.rates.append(float(answer))

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()


def work(name: str, env_id: str, threads: int) -> None:
    """Train in turns: read seconds from stdin, answer with control steps per second."""
    if name not in RIVALS:
        import agents  # noqa: F401 - before torch: it tells torch's threads how long to wait

    import mujoco
    import torch

    mujoco.set_mju_user_warning(lambda _: None)  # Gymnasium's models use deprecated attributes
    torch.set_num_threads(threads)
    model = _rival(name, env_id) if name in RIVALS else learner_of(name, env_id, threads)
    learn: Callable[..., Any] = model.learn
    for line in sys.stdin:
        before, start = model.num_timesteps, time.perf_counter()
        while time.perf_counter() - start < float(line):
            learn(1, reset_num_timesteps=False)  # one rollout and one update
        rate = (model.num_timesteps - before) / (time.perf_counter() - start)
        print(rate, flush=True)


def learner_of(brain: str, env_id: str, threads: int) -> Any:
    """Return a learner as `train.py env=... brain=...` makes it; options stand after a colon."""
    from hydra import compose, initialize_config_dir

    from agents.build import build_agent, make_env
    from agents.composition import CONFIGS

    name, _, options = brain.partition(":")
    chosen = [f"env={env_id}", f"brain={name}", *filter(None, options.split(","))]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("train", chosen)
    config.num_threads = threads
    return build_agent(config, make_env(config))


def _rival(name: str, env_id: str) -> Any:
    """Return a learner as the tutorials of Stable-Baselines3 make it."""
    from sb3_contrib import RecurrentPPO
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    env = make_vec_env(env_id, n_envs=RIVAL_ROWS)
    if name == "sb3_ppo":
        return PPO("MlpPolicy", env, device="cpu")
    return RecurrentPPO("MlpLstmPolicy", env, device="cpu")


def compare(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Let all contestants take their turns; return a record per brain and rival."""
    names = [*arguments.brains, *RIVALS]
    contestants = {name: Contestant(name, arguments.env, arguments.threads) for name in names}
    for _ in range(arguments.rounds + 1):
        for contestant in contestants.values():
            contestant.turn(arguments.seconds)
    for contestant in contestants.values():
        contestant.close()
    rates = {name: contestant.rates[1:] for name, contestant in contestants.items()}
    pairs = [(name, rival) for name in names for rival in RIVALS if name != rival]
    return [
        {
            "what": f"training {RIVALS.get(name, name)}",
            "env": arguments.env,
            "steps_per_second": round(statistics.median(rates[name])),
            "ratio": round(
                statistics.median(
                    own / other for own, other in zip(rates[name], rates[rival], strict=True)
                ),
                3,
            ),
            "against": RIVALS[rival],
        }
        for name, rival in pairs
    ]


def main() -> None:
    """Compare, or be one of those that are compared."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--env", default="HalfCheetah-v5")
    parser.add_argument(
        "--brains",
        nargs="+",
        default=BRAINS,
        help="such as spiking:brain.controller.hidden_size=64",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="least length of a turn")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work, arguments.env, arguments.threads)
        return
    for record in compare(arguments):
        if arguments.json:
            print(json.dumps(record), flush=True)
        else:
            rate, ratio = record["steps_per_second"], record["ratio"]
            print(f"{record['what']:<36} {rate:>8,} steps/s  {ratio:>7} x {record['against']}")


if __name__ == "__main__":
    main()
