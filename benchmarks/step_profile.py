"""Where the time of a control step goes: acting, stepping bodies and learning, part by part.

    python benchmarks/step_profile.py --brains full spiking --json

One process and one thread. What is measured is the processor time of the process, not the clock:
waiting for others does not count, although others that share its caches slow it down. A part's time
is what passes in its own calls, without that in calls of other parts. Backward passes are one call
to torch; a second, shorter run under torch's profiler says which part's operations they went
back through, and in which shares.

Milliseconds per rollout of 4,096 control steps and its update; the least of each part over all
rounds, so that disturbed rounds do not count. The parts of one round add up to its total.
"""

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks.throughput import learner_of

PHASES = ("acting", "learning", "backward", "teaching")
SCOPE = "part: "
REST = "all else"


class Stopwatch:
    """Adds up processor time by phase and part; a part inside another one stops the other's."""

    def __init__(self) -> None:
        self.phase = "acting"
        self.spent: dict[tuple[str, str], float] = defaultdict(float)
        self.scopes = False  # whether parts are named to torch's profiler
        self._parts = [REST]
        self._since = time.process_time()

    def _charge(self) -> None:
        now = time.process_time()
        self.spent[self.phase, self._parts[-1]] += now - self._since
        self._since = now

    def timed(self, function: Callable[..., Any], part: str, phase: str | None) -> Any:
        """Return the function with its time charged to a part, in a phase of its own if any."""

        def run(*arguments: Any, **options: Any) -> Any:
            self._charge()
            before, self.phase = self.phase, phase or self.phase
            self._parts.append(part)
            try:
                if self.scopes:
                    with record_function(SCOPE + part):
                        return function(*arguments, **options)
                return function(*arguments, **options)
            finally:
                self._charge()
                self._parts.pop()
                self.phase = before

        return run

    def timed_iterator(self, function: Callable[..., Any], part: str) -> Any:
        """The same for what yields one thing after the other."""

        def run(*arguments: Any) -> Iterator[Any]:
            following = self.timed(iter(function(*arguments)).__next__, part, None)
            while True:
                try:
                    one = following()
                except StopIteration:
                    return
                yield one

        return run

    def take(self) -> dict[tuple[str, str], float]:
        """Return what was spent, in seconds, and begin anew."""
        self._charge()
        spent, self.spent = self.spent, defaultdict(float)
        return dict(spent)


def watched(learner: Any, watch: Stopwatch) -> None:
    """Charge every call that matters to its part."""
    brain, policy = learner.brain, learner.policy
    chances = policy.distribution
    calls = {
        "bodies": [(learner.env, "step")],
        "senses": [(brain.senses, "update"), (brain.senses, "forward")],
        "world model": [(brain.world_model, name) for name in ("forward", "unroll", "loss")],
        "perception": [(brain.perception, n) for n in ("forward", "homeostasis", "surprise")],
        "fast weights": [(brain.plasticity, "forward"), (brain.plasticity, "unroll")],
        "controller": [(brain.controller, n) for n in ("drive", "respond", "respond_all")],
        "neuromodulator": [(brain.neuromodulator, n) for n in ("modulate", "forward")],
        "critic": [(brain.critic, "forward")],
        "action": [(chances, n) for n in ("sample", "log_prob", "to_body", "entropy")]
        + [(brain, "_speak")],
        "record": [(learner.rollout, "add"), (learner.rollout, "finish"), (brain, "activity")],
        "optimiser": [
            (one, name)
            for one in (policy.optimizer, policy.self_taught_optimizer)
            if one is not None
            for name in ("forget_gradients", "gradient_norm", "limited_step")
        ],
        "backward": [(torch.Tensor, "backward")],
    }
    for part, found in calls.items():
        for owner, name in found:
            _replace(owner, name, watch.timed(getattr(owner, name), part, None))
    for name, phase in (("train", "learning"), ("_teach_parts", "teaching")):
        _replace(learner, name, watch.timed(getattr(learner, name), REST, phase))
    rollout = learner.rollout
    _replace(rollout, "minibatches", watch.timed_iterator(rollout.minibatches, "minibatches"))


def _replace(owner: Any, name: str, function: Any) -> None:
    if isinstance(owner, type):
        setattr(owner, name, lambda self, *more, **options: function(self, *more, **options))
    else:
        object.__setattr__(owner, name, function)


def backward_shares(learner: Any, watch: Stopwatch) -> dict[str, float]:
    """Return the share of the policy's backward passes that goes through each part's operations."""
    teach, learner._teach_parts = learner._teach_parts, lambda _: None
    watch.scopes = True
    train, passes = learner.train, []

    def profiled() -> None:
        with profile(activities=[ProfilerActivity.CPU]) as seen:
            train()
        passes.append(seen)

    learner.train = profiled
    learner.learn(1, reset_num_timesteps=False)
    learner.train, learner._teach_parts, watch.scopes = train, teach, False
    return _by_part(passes[0].events())


def _by_part(events: Any) -> dict[str, float]:
    """Assign a backward pass, operation by operation, to the parts that it goes back through."""
    part_of: dict[int, str] = {}
    spent: dict[str, float] = defaultdict(float)
    later = []
    for event in events:
        if event.name.startswith("autograd::engine::evaluate_function"):
            later.append(event)
        elif event.sequence_nr >= 0:
            above = event
            while above is not None and not above.name.startswith(SCOPE):
                above = above.cpu_parent
            part = REST if above is None else above.name.removeprefix(SCOPE)
            if part != "backward":
                part_of[event.sequence_nr] = part
    for event in later:
        spent[part_of.get(event.sequence_nr, REST)] += event.cpu_time_total
    whole = sum(spent.values())
    return {part: time_spent / whole for part, time_spent in spent.items()}


def profile_of(brain: str, env_id: str, rounds: int) -> dict[str, Any]:
    """Return milliseconds per rollout and update, by phase and part."""
    learner, watch = learner_of(brain, env_id, 1), Stopwatch()
    watched(learner, watch)
    learner.learn(1, reset_num_timesteps=False)
    found = []
    for _ in range(rounds):
        watch.take()
        learner.learn(1, reset_num_timesteps=False)
        found.append(watch.take())
    least = {key: 1e3 * min(one.get(key, 0.0) for one in found) for key in found[0]}
    spent: dict[str, dict[str, float]] = defaultdict(dict)
    for (phase, part), milliseconds in least.items():
        spent[phase][part] = milliseconds
    taught = spent["teaching"].pop("backward", 0.0)
    if taught:  # nothing else learns by itself
        spent["teaching"]["world model"] += taught
    whole = spent["learning"].pop("backward")
    for part, share in backward_shares(learner, watch).items():
        spent["backward"][part] = share * whole
    rounded = {
        phase: {part: round(value, 1) for part, value in parts.items() if value >= 0.05}
        for phase, parts in spent.items()
    }
    total = 1e3 * min(sum(one.values()) for one in found)
    return {
        "brain": brain,
        "env": env_id,
        "control_steps": learner.n_steps * learner.n_envs,
        "rounds": rounds,
        "total_ms": round(total, 1),
        "ms": rounded,
    }


def table(record: dict[str, Any]) -> str:
    """Return a profile as a Markdown table, the most expensive part first."""
    spent = record["ms"]
    parts = {part for phase in PHASES for part in spent.get(phase, {})}
    sums = {part: sum(spent.get(phase, {}).get(part, 0.0) for phase in PHASES) for part in parts}
    lines = [
        "| part | acting | learning: forward | learning: backward | teaching | sum | share |",
        "|---|---|---|---|---|---|---|",
    ]
    for part in sorted(parts, key=lambda one: -sums[one]):
        cells = [spent.get(phase, {}).get(part) for phase in PHASES]
        shown = " | ".join("" if cell is None else f"{cell:.0f}" for cell in cells)
        share = sums[part] / sum(sums.values())
        lines.append(f"| {part} | {shown} | {sums[part]:.0f} | {share:.0%} |")
    columns_sums = [sum(spent.get(phase, {}).values()) for phase in PHASES]
    shown = " | ".join(f"{value:.0f}" for value in columns_sums)
    return "\n".join([*lines, f"| together | {shown} | {sum(columns_sums):.0f} | |"])


def main() -> None:
    """Profile brains one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--env", default="HalfCheetah-v5")
    parser.add_argument("--brains", nargs="+", default=["full"])
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    import agents  # noqa: F401 - before torch's threads start

    torch.set_num_threads(1)
    for brain in arguments.brains:
        record = profile_of(brain, arguments.env, arguments.rounds)
        if arguments.json:
            print(json.dumps(record), flush=True)
        else:
            print(f"`{brain}`, ms of processor time per {record['control_steps']:,} control steps")
            print(f"\n{table(record)}\n", flush=True)


if __name__ == "__main__":
    main()
