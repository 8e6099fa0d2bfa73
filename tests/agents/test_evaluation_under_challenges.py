"""What a run is tested under, and what is kept of how its bodies broke."""

import json

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from agents import evaluation
from agents.build import build_agent, make_env
from agents.challenge_choice import described, title, under_challenge
from agents.composition import CONFIGS
from agents.episodes import live
from agents.errors import UsageError
from agents.evaluation import Conditions, evaluate_run
from agents.reward_traces import read_rewards
from agents.run_folder import RunFolder
from tests.agents.small_runs import Metronomes, Noter, config_of


def challenge_of(*overrides):
    """Return the challenge that evaluate.py is asked for."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("evaluate", ["runs=x", *overrides])
    return OmegaConf.to_container(config.challenge, resolve=True)


LEG_LOSS = ("challenge=leg_loss", "challenge.split=all", "challenge/onset=removed")


@pytest.fixture
def cheetah(tmp_path):
    config = config_of("sb3_ppo", tmp_path, env={"id": "HalfCheetah-v5", "kwargs": {}})
    env = make_env(config)
    model = build_agent(config, env)
    run = RunFolder(tmp_path / "run")
    run.begin(config)
    run.save_checkpoint(model.training_state(), env_steps=0, wall_seconds=1.0)
    return run


def test_the_rewards_of_every_step_are_kept_in_the_order_of_the_episodes():
    episodes = live(Noter(), Metronomes([2, 50]), 3, deterministic=True, seed=0)
    assert [len(episode.rewards) for episode in episodes] == [2, 2, 50]
    assert [episode.total for episode in episodes] == [2.0, 2.0, 50.0]
    assert all((episode.rewards == 1).all() for episode in episodes)


def test_under_a_challenge_the_record_tells_it_and_the_rewards_stand_beside(cheetah):
    conditions = Conditions(episodes=3, seed=40, num_envs=2)
    record = evaluate_run(cheetah.path, conditions, challenge=challenge_of(*LEG_LOSS))
    assert json.loads((cheetah.path / "evaluation.json").read_text()) == record
    assert record["challenge"]["leg_loss"]["severity"] == "medium"
    told = record["deterministic"]["challenges"]["leg_loss"]
    assert set(told["variant"]) <= {"back_leg", "front_leg"}
    traces = read_rewards(cheetah.path / "evaluation_rewards.npz", "deterministic")
    assert [trace.onset for trace in traces] == told["onset"]
    assert [trace.end for trace in traces] == told["end"]
    for trace, earned in zip(traces, record["deterministic"]["returns"], strict=True):
        assert trace.rewards.shape == (1000,)
        assert trace.rewards.sum() == pytest.approx(earned)
        assert not trace.terminated
        assert 200 <= trace.onset < trace.end <= 667


def test_an_evaluation_under_another_challenge_is_another(cheetah, monkeypatch):
    conditions = Conditions(episodes=1, seed=40, num_envs=1)
    changed = challenge_of(*LEG_LOSS)
    record = evaluate_run(cheetah.path, conditions, challenge=changed)
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "live_both", None)  # calling it would fail
        assert evaluate_run(cheetah.path, conditions, challenge=changed) == record
        (cheetah.path / "evaluation_rewards.npz").unlink()
        for other in (changed, None, challenge_of(*LEG_LOSS, "challenge.severity=hard")):
            with pytest.raises(TypeError):
                evaluate_run(cheetah.path, conditions, challenge=other)
    evaluate_run(cheetah.path, conditions, challenge=changed)
    plain = evaluate_run(cheetah.path, conditions)
    assert plain["challenge"] is None
    assert set(plain["deterministic"]) == {"returns", "lengths"}
    assert not (cheetah.path / "evaluation_rewards.npz").exists()


@pytest.fixture
def own():
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("train", ["challenge=leg_loss", "challenge.severity=easy"])
    return OmegaConf.create(OmegaConf.to_container(config, resolve=True))


def test_what_a_run_is_tested_under_is_its_own_unless_another_is_named(own):
    trained = described(own)
    assert described(under_challenge(own, None)) == trained
    assert described(under_challenge(own, challenge_of())) == trained
    assert described(under_challenge(own, challenge_of("challenge=none"))) is None
    other = described(under_challenge(own, challenge_of("challenge=mass")))
    assert list(other) == ["mass"] and other["mass"]["severity"] == "medium"
    assert described(own) == trained


def test_a_runs_own_challenge_can_be_made_worse_held_out_or_later(own):
    asked = challenge_of("challenge.severity=hard", "challenge.split=test", "challenge/onset=start")
    part = described(under_challenge(own, asked))["leg_loss"]
    assert (part["severity"], part["split"]) == ("hard", "test")
    assert part["onset"]["window"] == [0.0, 0.0]
    assert part["onset"]["_target_"] == "envs.challenges.onset.Onset"
    assert part["levels"] == described(own)["leg_loss"]["levels"]


def test_changes_to_the_challenge_of_a_run_without_one_are_refused(cheetah):
    asked = challenge_of("challenge.severity=hard")
    with pytest.raises(UsageError, match="changes nothing: this run has no challenge of its own"):
        evaluate_run(cheetah.path, Conditions(1, 0, num_envs=1), challenge=asked)


def test_a_title_tells_severity_and_where_variants_are_held_out_the_split(own):
    assert title(described(own)) == "leg_loss (easy, train)"
    several = challenge_of("challenge=[mass,leg_loss]", "challenge.split=test")["parts"]
    assert title(several) == "mass (medium) + leg_loss (medium, test)"
    assert title(None) == ""
