"""The same checkpoint, evaluated with a part of its brain out of action."""

import json

import numpy as np
import pytest
from omegaconf import OmegaConf

import evaluate
from agents import evaluation
from agents.build import build_agent, make_env
from agents.errors import UsageError
from agents.evaluation import Conditions, evaluate_run, lesioned_records, load_agent, read_record
from agents.lesions import lesions_of, onset_reached
from agents.run_folder import RunFolder
from analysis.compare import as_text, compare
from tests.agents.small_runs import BRAIN_PPO, GRU, config_of
from tests.agents.test_evaluation_under_challenges import LEG_LOSS, challenge_of
from tests.command_line import call

PLASTIC = {
    "_target_": "brains.associative.AssociativePlasticity",
    "size": 4,
    "trace_rate": 0.2,
    "bound": 2.0,
    "initial_rate": 0.5,
    "decays": [0.95, 0.999],
    "initial_alpha": 0.5,
    "survives_episodes": False,
    "rate_scale": 1.0,
    "read_gain": 1.0,
}
FEW = Conditions(episodes=2, seed=40, num_envs=2)
SOON = (*LEG_LOSS, "challenge.severity=hard")


def save_run(path, brain, env="HalfCheetah-v5"):
    config = config_of("ppo", path, env={"id": env, "kwargs": {}}, total_steps=0)
    config = OmegaConf.merge(config, {"choices": {"brain": "plastic", "agent": "ppo"}})
    config.brain, config.agent = brain, BRAIN_PPO
    model = build_agent(config, make_env(config))
    run = RunFolder(path)
    run.begin(config)
    run.save_checkpoint(model.training_state(), env_steps=0, wall_seconds=1.0)
    return run


@pytest.fixture
def short_episodes(monkeypatch):
    """Let bodies live for few steps: their evaluations are compared, not admired."""
    made = evaluation.make_env

    def shorter(config):
        env = made(config)
        env.engine._limit = 60
        return env

    monkeypatch.setattr(evaluation, "make_env", shorter)


@pytest.fixture
def plastic(tmp_path):
    return save_run(tmp_path / "run", {**GRU, "plasticity": PLASTIC})


def test_lesions_are_named_alone_together_or_not_at_all():
    assert lesions_of(None) == lesions_of("none") == lesions_of([]) == ()
    both = ["modulator_clamped", "fast_weights_zeroed"]
    assert lesions_of(both) == lesions_of(both[::-1]) == ("fast_weights_zeroed", both[0])
    with pytest.raises(UsageError, match="did you mean 'fast_weights_zeroed'"):
        lesions_of("fast_weights_zero")
    with pytest.raises(UsageError, match="unknown lesion '5'"):
        lesions_of(5)


def test_a_lesioned_evaluation_stands_beside_the_intact_one(plastic, short_episodes):
    intact = evaluate_run(plastic.path, FEW)
    record = evaluate_run(plastic.path, FEW, lesions=("fast_weights_zeroed",))
    assert record["lesions"] == ["fast_weights_zeroed"] and "lesions" not in intact
    assert record["deterministic"]["returns"] != intact["deterministic"]["returns"]
    written = plastic.path / "evaluation.fast_weights_zeroed.json"
    assert json.loads(written.read_text()) == record
    assert read_record(plastic.path) == intact
    assert lesioned_records(plastic.path) == {("fast_weights_zeroed",): record}


def test_a_comparison_shows_the_lesioned_brain_under_the_intact_one(plastic, short_episodes):
    evaluate_run(plastic.path, FEW)
    evaluate_run(plastic.path, FEW, lesions=("fast_weights_zeroed",))
    comparison = compare([plastic.path])
    assert [row.label for row in comparison.rows] == ["plastic", "plastic, fast_weights_zeroed"]
    intact, lesioned = (row.returns["deterministic"].value for row in comparison.rows)
    assert np.isfinite([intact, lesioned]).all() and intact != lesioned
    assert "plastic, fast_weights_zeroed" in as_text(comparison)
    assert not comparison.notes


def test_frozen_at_onset_is_the_intact_brain_until_then_and_another_after(plastic, short_episodes):
    challenge = challenge_of(*SOON, "challenge.onset.window=[0.02,0.03]")
    intact = evaluate_run(plastic.path, FEW, challenge=challenge)
    frozen = evaluate_run(plastic.path, FEW, challenge=challenge, lesions=("fast_weights_frozen",))
    onsets = intact["deterministic"]["challenges"]["leg_loss"]["onset"]
    assert frozen["deterministic"]["challenges"]["leg_loss"]["onset"] == onsets
    files = [
        np.load(plastic.path / f"evaluation_rewards{name}.npz")
        for name in ("", ".fast_weights_frozen")
    ]
    rewards = [file["deterministic_rewards"].reshape(2, 60) for file in files]
    for row, onset in enumerate(onsets):
        assert 0 < onset < 50
        assert np.array_equal(rewards[0][row, :onset], rewards[1][row, :onset])
        assert not np.allclose(rewards[0][row, onset + 1 :], rewards[1][row, onset + 1 :])


def test_a_change_has_come_from_its_first_step_on(plastic):
    config = evaluation.under_challenge(
        plastic.read_config(), challenge_of(*SOON, "challenge.onset.window=[0.005,0.005]")
    )
    env = evaluation.make_evaluation_env(config, num_envs=2, seed=0)
    env.reset()
    seen = []
    for _ in range(8):
        seen.append(onset_reached(env).tolist())
        env.step(np.zeros((2, 6)))
    assert seen == [[step >= 5] * 2 for step in range(8)]


def test_what_a_lesion_needs_is_told_in_a_line(plastic, tmp_path):
    for lesion, reason in {
        "modulator_clamped": "this brain has no neuromodulator",
        "fill_in_off": "no world model fills in",
        "fast_weights_frozen": "waits for a change, and this evaluation has none",
    }.items():
        with pytest.raises(UsageError, match=f"lesion={lesion}:? .*{reason}|{reason}"):
            evaluate_run(plastic.path, FEW, lesions=(lesion,))
        assert not (plastic.path / f"evaluation.{lesion}.json").exists()
    with pytest.raises(UsageError, match="needs several bodies side by side, got 1"):
        evaluate_run(plastic.path, Conditions(1, 0, 1), lesions=("fast_weights_shuffled",))
    plain = save_run(tmp_path / "plain", GRU)
    with pytest.raises(UsageError, match="this brain has no fast weights"):
        evaluate_run(plain.path, FEW, lesions=("fast_weights_zeroed",))


def test_an_agent_without_a_brain_of_ours_has_nothing_to_lesion(tmp_path):
    config = config_of("sb3_ppo", tmp_path)
    run = RunFolder(tmp_path / "run")
    run.begin(config)
    state = build_agent(config, make_env(config)).training_state()
    run.save_checkpoint(state, env_steps=0, wall_seconds=1.0)
    with pytest.raises(UsageError, match="has no brain of ours to lesion"):
        evaluate_run(run.path, FEW, lesions=("fill_in_off",))


def test_an_intact_brain_is_loaded_after_a_lesion(plastic, short_episodes):
    evaluate_run(plastic.path, FEW, lesions=("fast_weights_zeroed",))
    model, _ = load_agent(plastic.path)
    assert type(model.brain.plasticity).__name__ == "AssociativePlasticity"


def test_the_command_line_shows_intact_and_lesioned_beside_each_other(
    plastic, short_episodes, tmp_path
):
    shared = (f"runs={plastic.path}", "episodes=2", "num_threads=1")
    call(evaluate.evaluate, *shared, cwd=tmp_path)
    code, out, err = call(
        evaluate.evaluate, *shared, "lesion=[fast_weights_zeroed,fast_weights_shuffled]",
        cwd=tmp_path,
    )  # fmt: skip
    assert code == 0, err
    assert "plastic, fast_weights_zeroed and fast_weights_shuffled" in out
    code, _, err = call(evaluate.evaluate, *shared, "lesion=fast_weights_zerod", cwd=tmp_path)
    assert code == 2
    assert err == "unknown lesion 'fast_weights_zerod'; did you mean 'fast_weights_zeroed'?\n"
