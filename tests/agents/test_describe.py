"""The table of a brain's parts."""

import subprocess
import sys

import pytest

from agents.describe import aligned, describe
from tests.command_line import ROOT, call


def columns(line):
    return line.split()


@pytest.mark.parametrize("brain", ["spiking", "gru"])
def test_the_table_has_a_line_per_part_and_its_sum(brain, tmp_path):
    answer = call_describe(f"brain={brain}", "env=HalfCheetah-v5", cwd=tmp_path)
    assert answer.code == 0, answer.err
    lines = {columns(line)[0]: columns(line) for line in answer.out.splitlines() if line.strip()}
    assert {"controller", "critic", "action_head", "all"} <= set(lines)
    hidden = 512 if brain == "spiking" else 128
    assert f"17→{hidden if brain == 'spiking' else 3 * hidden}" in lines["controller"]
    assert lines["action_head"][2:] == [
        f"{hidden}→6",
        f"{6 * hidden + 6:,}",
        *2 * [f"{6 * hidden:,}"],
    ]


def call_describe(*overrides, cwd):
    def train(config):  # by the name of its configuration
        describe(config)

    return call(train, *overrides, cwd=cwd)


def test_an_agent_with_its_own_network_is_refused_in_one_line(tmp_path):
    answer = call_describe("brain=none", "agent=sb3_ppo", cwd=tmp_path)
    assert answer.code == 2
    assert answer.err == "this agent brings its own network: describe a brain (agent=ppo)\n"


def test_words_stand_to_the_left_and_numbers_to_the_right():
    rows = [("part", "kind", "m", "n"), ("a", "b", "c", "1,000")]
    assert aligned(rows) == ["part  kind  m      n", "a     b     c  1,000"]


def test_whoever_has_read_enough_of_the_table_ends_it_without_a_word():
    command = [sys.executable, "-m", "agents.describe", "brain=mlp", "env=InvertedPendulum-v5"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
