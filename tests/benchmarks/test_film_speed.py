import json
import subprocess
import sys
from pathlib import Path

import pytest

from envs.headless import WHY_NOT
from tests.analysis.small_brains import untrained_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
def test_each_record_names_the_body_and_the_runs_that_were_filmed(tmp_path):
    run = untrained_run(tmp_path / "mine", "env=Hopper-v5", "brain=mlp")
    command = [sys.executable, "benchmarks/film_speed.py", str(run), "--json", "--frames", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert {record["env"] for record in records} == {"Hopper-v5"}
    assert all(record["runs"] == ["mine"] for record in records)
    assert {"film, body", "film, panels", "film, encoding"} < {one["what"] for one in records}
