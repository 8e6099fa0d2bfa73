"""A command line becomes a plan, or one line that says what is wrong, before anything runs."""

import shutil

import pytest

pytest.importorskip("optuna", reason="the search extra is not installed")

from agents import composition
from agents.errors import UsageError
from search.plan import read_plan
from search.study import Study
from tests.command_line import CONFIGS, options_of

SEARCHES = options_of("search")
BRAINS = {"neuromodulator": "full", "plasticity": "full"}
"""Brains that have the part which a file searches; any has the rest."""


@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_fits_a_brain_and_begins_with_that_brain_as_it_is(name):
    brain = BRAINS.get(name, "spiking")
    plan = read_plan([f"search={name}", f"brain={brain}", "env=Hopper-v5"])
    assert len(plan.space) > 4
    assert set(plan.usual()) == set(plan.space)
    assert plan.folder.as_posix() == f"runs/search/{name}_Hopper-v5_{brain}_ppo"


@pytest.mark.parametrize("group", ["pruner", "sampler"])
def test_every_pruner_and_sampler_is_made(group, tmp_path):
    options = options_of(f"search/{group}")
    assert len(options) >= 2
    for option in options:
        words = ["search=ppo_rates", f"search/{group}={option}"]
        Study(read_plan([*words, f"search.folder={tmp_path / option}"]))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "say what to search: search=... with one of neuromodulator, plasticity, ppo_rates"),
        (["search=ppo_rats"], "unknown search 'ppo_rats'; did you mean 'ppo_rates'"),
        (["search=plasticity", "brain=gru"], "unknown key to search 'brain.plasticity.trace_rate'"),
        (["search=ppo_rates", "search.trails=3"], "'search.trails'; did you mean 'search.trials'"),
        (["search=ppo_rates", "brian=gru"], "did you mean 'brain'"),
        (["search=ppo_rates", "seed=1"], r"leave seed=... out of a search: search.seeds"),
        (["search=ppo_rates", "search.trials=0"], "search.trials must be at least 1"),
        (["search=ppo_rates", "search.objective=best"], "did you mean 'deterministic'"),
        (["search=ppo_rates", "evaluation_episodes=0"], "evaluation_episodes must be at least 1"),
    ],
)
def test_a_mistake_is_one_line(words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=told) as error:
        read_plan(words)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("agent.n_epoch: {low: 1, high: 2}", r"'agent.n_epoch'; did you mean 'agent.n_epochs'"),
        ("agent.n_steps: {low: 1.0, high: 2.5}", "agent.n_steps must be a whole number, got 2.5"),
        ("total_steps: {low: 100, high: 200}", "total_steps cannot be searched"),
    ],
)
def test_a_space_that_does_not_fit_is_told_in_one_line(line, told, tmp_path, monkeypatch):
    shutil.copytree(CONFIGS, tmp_path / "conf")
    text = (CONFIGS / "search" / "ppo_rates.yaml").read_text()
    (tmp_path / "conf" / "search" / "mine.yaml").write_text(f"{text}  {line}\n")
    monkeypatch.setattr(composition, "CONFIGS", tmp_path / "conf")
    with pytest.raises(UsageError, match=told) as error:
        read_plan(["search=mine"])
    assert "\n" not in str(error.value)


def test_a_key_that_the_command_line_sets_is_not_searched():
    plan = read_plan(["search=ppo_rates", "agent.n_epochs=2"])
    assert "agent.n_epochs" not in plan.space
    assert plan.training["agent"]["n_epochs"] == 2
    assert "brain.learning.rate" in plan.space
