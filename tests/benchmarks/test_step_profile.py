import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_part_of_the_whole_brain_is_found_in_the_profile_and_the_parts_add_up():
    command = [sys.executable, "benchmarks/step_profile.py", "--json", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--env", "Hopper-v5"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    record = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    spent = record["ms"]
    parts = {"bodies", "senses", "world model", "perception", "fast weights", "controller"}
    assert parts | {"neuromodulator", "critic", "action", "record"} <= set(spent["acting"])
    assert {"optimiser", "minibatches", "controller", "critic"} <= set(spent["learning"])
    assert {"controller", "fast weights", "critic", "perception"} <= set(spent["backward"])
    assert "world model" in spent["teaching"]
    together = sum(sum(phase.values()) for phase in spent.values())
    assert abs(together / record["total_ms"] - 1) < 0.02  # but for what is rounded away
