"""How fast a grid of 24 cells goes: one cell at a time, several by joblib, several by Ray.

    python benchmarks/grid.py --json
    python benchmarks/grid.py --launchers serial joblib --steps 100000

Every launcher trains the same 24 cells (two brains, three bodies, four seeds) with one thread each,
in a folder of its own, from the start of the command to its end: starting processes, checking
configurations, training, evaluating nothing. One line per launcher: `seconds` is the wall-clock
time of the command, `ratio` how many times as fast it is as one cell at a time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BODIES = "HalfCheetah-v5,Hopper-v5,Walker2d-v5"
BRAINS = "mlp,gru"
SEEDS = "0,1,2,3"
CELLS = 24
STEPS = 60_000
LAUNCHERS = ("serial", "joblib", "ray")


def measure(launcher: str, steps: int) -> float:
    """Return the seconds that the grid takes with a launcher; raise if a cell fails."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, str(ROOT / "train.py"), "-m", f"hydra/launcher={launcher}"),
            *(f"env={BODIES}", f"brain={BRAINS}", f"seed={SEEDS}", f"total_steps={steps}"),
            *("num_threads=1", "tracker=none", "film=false", "evaluation_episodes=0"),
        ]
        start = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        finished = f"{CELLS} cells: {CELLS} finished, 0 failed" in done.stdout
        if done.returncode != 0 or not finished:
            raise SystemExit(f"{launcher}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return seconds


def main() -> None:
    """Measure each launcher and print what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--launchers", nargs="+", default=LAUNCHERS, choices=LAUNCHERS)
    parser.add_argument("--steps", type=int, default=STEPS, help="control steps of a cell")
    arguments = parser.parse_args()
    taken: dict[str, float] = {}
    for launcher in arguments.launchers:
        taken[launcher] = seconds = measure(launcher, arguments.steps)
        record = {
            "what": f"grid of {CELLS} cells, launcher {launcher}",
            "env": BODIES,
            "processors": os.cpu_count(),
            "seconds": round(seconds, 1),
            "steps_per_second": round(CELLS * arguments.steps / seconds),
            "ratio": round(taken["serial"] / seconds, 3) if "serial" in taken else None,
            "against": "one cell at a time",
        }
        if arguments.json:
            print(json.dumps(record), flush=True)
        else:
            ratio = f"  {record['ratio']:.2f} times one at a time" if record["ratio"] else ""
            print(f"{launcher:<8} {seconds:8.1f} s{ratio}", flush=True)


if __name__ == "__main__":
    main()
