"""The table of experiments: everything in it composes, and no two cells train the same run."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from agents import composition
from agents.build import build_agent, make_env
from agents.challenge_choice import under_challenge
from agents.config_check import check_config
from agents.lesions import lesion, lesions_of
from benchmarks.cells import Cell, Evaluation, look_again
from benchmarks.experiments import EXPERIMENTS, VARIANTS, WORLDS, speed_of
from tests.analysis.run_folders import ONSET, lesion_run, write_run

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("parts", ROOT / "benchmarks" / "parts.py")
parts = importlib.util.module_from_spec(SPEC)
sys.modules["parts"] = parts
SPEC.loader.exec_module(parts)

CASES = sorted(
    {
        (world, variant)
        for experiment in EXPERIMENTS.values()
        for world in experiment.worlds
        for variant in experiment.variants
    }
)


def composed(command, overrides):
    with composition.initialize_config_dir(str(composition.CONFIGS), version_base="1.3"):
        config = composition.compose(command, list(overrides))
    chosen = [override for override in overrides if "." not in override.split("=")[0]]
    return check_config(config, composition.reference_config(command, chosen))


def made(world, variant):
    """Return configuration and agent of a cell."""
    overrides = (*WORLDS[world], *VARIANTS[variant], "num_envs=2", "num_threads=1")
    config = composed("train", overrides)
    env = make_env(config)
    return config, env, build_agent(config, env)


def test_every_world_and_variant_is_asked_for():
    assert {world for world, _ in CASES} == set(WORLDS)
    assert {variant for _, variant in CASES} == set(VARIANTS)


@pytest.mark.parametrize(("world", "variant"), CASES)
def test_a_cell_composes_and_acts_and_so_do_its_tests_and_lesions(world, variant):
    config, env, agent = made(world, variant)
    agent.predict(env.reset())
    env.close()
    assert speed_of(variant) > 0
    for experiment in EXPERIMENTS.values():
        if world not in experiment.worlds or variant not in experiment.variants:
            continue
        for told in experiment.tests.values():
            choice = OmegaConf.to_container(composed("evaluate", ("runs=x", *told)).challenge)
            make_env(under_challenge(config, choice)).close()
        for name in experiment.lesions.get(variant, ()):
            lesion(agent, lesions_of(name))


@pytest.mark.parametrize("world", sorted({w for w, v in CASES if v == "gru_matched"}))
def test_the_matched_gru_has_as_many_parameters_as_the_full_brain(world):
    counts = []
    for variant in ("full", "gru_matched"):
        _, env, agent = made(world, variant)
        counts.append(sum(parameter.numel() for parameter in agent.brain.parameters()))
        env.close()
    assert counts[1] == pytest.approx(counts[0], rel=0.025)


def test_experiments_are_whole():
    for name, experiment in EXPERIMENTS.items():
        assert experiment.question.endswith("?"), name
        assert experiment.reference in experiment.variants
        assert set(experiment.lesions) <= set(experiment.variants)
        assert experiment.lesioned_in is None or experiment.lesioned_in in experiment.tests


def test_runs_that_experiments_have_in_common_are_trained_once(tmp_path):
    each = [parts.cells_of(EXPERIMENTS[n], 1, tmp_path, None) for n in ("learning_rate", "energy")]
    both = parts.together([*each[0], *each[1]])
    assert len(each[0]) + len(each[1]) - len(both) == 1
    assert len({cell.folder for cell in both}) == len(both)


def test_the_evaluations_of_both_experiments_are_made(tmp_path):
    one = Cell("a", tmp_path / "a", 10, (), (Evaluation(), Evaluation(("lesion=x",))))
    other = one._replace(evaluations=(Evaluation(), Evaluation(("challenge=mass",))))
    (cell,) = parts.together([one, other])
    assert [evaluation.options for evaluation in cell.evaluations] == [
        (), ("lesion=x",), ("challenge=mass",),
    ]  # fmt: skip


def test_a_second_view_shares_the_run_and_keeps_its_own_evaluation(tmp_path):
    run = write_run(tmp_path / "runs" / "a")
    view = look_again(run, tmp_path / "runs" / "held_out" / "a")
    look_again(run, view)
    (view / "evaluation.json").write_text("{}")
    assert (view / "config.yaml").read_text() == (run / "config.yaml").read_text()
    assert json.loads((run / "evaluation.json").read_text())["env_steps"] == 1000


@pytest.fixture
def cells(tmp_path):
    """Return cells whose runs were trained: two brains, two seeds, one lesioned."""
    experiment = EXPERIMENTS["leg_lost"]._replace(variants=("full", "gru_matched"))
    cells = parts.cells_of(experiment, 2, tmp_path / "runs", 1000)
    for index, cell in enumerate(cells):
        variant, seed = cell.folder.name.split("_seed")
        brain = "full" if variant == "full" else "gru"
        write_run(cell.folder, brain=brain, seed=int(seed), score=100.0 + index, onset=ONSET)
        if variant == "full":
            lesion_run(cell.folder, "fast_weights_frozen", 50.0, onset=ONSET)
    return cells


def test_an_experiment_is_told_in_tables_and_a_figure_and_again_from_raw_numbers(
    cells, tmp_path, capsys
):
    results = tmp_path / "results"
    parts.tabulate("leg_lost", cells, results)
    made_of_them = {"comparison.md", "comparison.csv", "curves.png", "report.html",
                    "differences.md", "leg_lost.png"}  # fmt: skip
    raw = {"curves.csv", "episodes.csv", "costs.csv", "adaptation.csv", "onset.csv"}
    assert {path.name for path in results.iterdir()} == {
        *made_of_them, *raw, "versions.json", "README.md",
    }  # fmt: skip
    told = (results / "differences.md").read_text()
    assert "Differences to full" in told
    assert "full, fast_weights_frozen" in told and "gru_matched" in told
    assert "reward/step before" in (results / "comparison.md").read_text()
    first = {name: (results / name).read_bytes() for name in ("comparison.csv", "differences.md")}
    (results / "README.md").write_text("a conclusion")
    parts.tabulate("leg_lost", [], results)
    assert {name: (results / name).read_bytes() for name in first} == first
    assert (results / "README.md").read_text() == "a conclusion"
    assert "full, fast_weights_frozen" in capsys.readouterr().out


def test_nothing_trained_yet_is_said_in_a_line(tmp_path, capsys):
    parts.tabulate("reversal", [], tmp_path)
    assert capsys.readouterr().out == "reversal: nothing was trained or recorded yet\n"
