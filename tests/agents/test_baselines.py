"""The baselines act, save and stop like the learners of this project."""

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from stable_baselines3.common.evaluation import evaluate_policy

from agents.build import build_agent, make_env
from agents.errors import NonFiniteError, UsageError
from tests.command_line import CONFIGS, SMALL, options_of

BASELINES = [agent for agent in options_of("agent") if agent.startswith("sb3_")]


def configure(agent, *overrides):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        small = ("num_threads=1", "env=InvertedPendulum-v5", *SMALL[agent])
        return compose("train", [f"agent={agent}", *small, *overrides])


def build(agent, *overrides):
    config = configure(agent, *overrides)
    return build_agent(config, make_env(config))


def test_there_are_three():
    assert BASELINES == ["sb3_ppo", "sb3_recurrent_ppo", "sb3_sac"]


@pytest.mark.parametrize("agent", BASELINES)
def test_an_untrained_copy_in_other_bodies_acts_like_the_trained_one(agent):
    trained, copy = build(agent), build(agent, "num_envs=4", "seed=5")
    trained.learn(160)
    copy.load_learned_state(trained.training_state())
    observation = np.random.default_rng(0).normal(size=(4, 4))
    expected, _ = trained.predict(observation, deterministic=True)
    actions, _ = copy.predict(observation, deterministic=True)
    np.testing.assert_array_equal(actions, expected)


@pytest.mark.parametrize("agent", ["sb3_ppo", "sb3_recurrent_ppo"])
def test_rewards_are_scaled_by_returns_with_the_learners_own_discount(agent):
    learner = build(agent, "agent.gamma=0.5")
    learner.learn(64)
    assert learner.normaliser.gamma == learner.gamma == 0.5
    assert learner.normaliser.returns.max() < 2.0  # of rewards of 1


@pytest.mark.parametrize("agent", BASELINES)
def test_predicting_leaves_the_training_state_as_it_was(agent):
    learner = build(agent)
    learner.learn(64)
    before = str(learner.training_state()["weights"]), learner.training_state().get("normaliser")
    learner.predict(np.full((1, 4), 100.0), deterministic=True)
    after = str(learner.training_state()["weights"]), learner.training_state().get("normaliser")
    assert str(after) == str(before)


@pytest.mark.parametrize("agent", BASELINES)
def test_sb3s_own_evaluation_takes_the_bodies_as_they_are(agent):
    learner = build(agent)
    mean, deviation = evaluate_policy(learner, make_env(configure(agent)), 2)
    assert np.isfinite([mean, deviation]).all()


@pytest.mark.parametrize("agent", BASELINES)
def test_weights_that_are_not_numbers_stop_the_learner(agent):
    learner = build(agent, "agent.learning_rate=1e30")
    with pytest.raises(NonFiniteError, match="at step"):
        learner.learn(256)


def test_a_row_has_the_columns_of_other_learners():
    learner = build("sb3_ppo")
    learner.learn(64)
    row = learner.progress_row()
    assert row.keys() >= {"episode_return_mean", "learning_rate", "kl", "entropy", "value_loss"}
    assert all(value is None or isinstance(value, float) for value in row.values())


@pytest.mark.parametrize("agent", BASELINES)
def test_a_baseline_takes_no_brain(agent):
    with pytest.raises(UsageError, match=r"brings its own network: leave brain=\.\.\. out"):
        build(agent, "brain=mlp")
