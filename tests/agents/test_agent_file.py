"""An agent that was saved acts and learns on as it did, in other bodies too."""

import inspect

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from small_ppo import BRAINS, CONF, ROWS, config_of, described, pendulums, sensed, small_ppo

import envs
from agents import BrainPPO
from agents.agent_file import HYPERPARAMETERS
from agents.errors import CheckpointError, UsageError
from agents.learning_rate import KLAdaptiveRate
from brains import brain_from_config


@pytest.mark.parametrize("name", BRAINS)
def test_a_saved_agent_acts_as_before(name, tmp_path):
    model = small_ppo(name)
    model.learn(32 * ROWS)
    model.save(tmp_path / "agent")
    loaded = BrainPPO.load(tmp_path / "agent")
    observation = sensed(name, rows=3)
    expected, _ = model.predict(observation, deterministic=True)
    np.testing.assert_array_equal(loaded.predict(observation, deterministic=True)[0], expected)
    on = BrainPPO.load(tmp_path / "agent", env=pendulums(name=name))
    on.learn(32 * ROWS, reset_num_timesteps=False)
    assert on.num_timesteps == 2 * 32 * ROWS


def test_an_agent_is_loaded_with_the_hyperparameters_that_it_was_made_with(tmp_path):
    usual = set(inspect.signature(BrainPPO).parameters)
    usual -= {"brain", "env", "device", "learning_rate", "_setup"}
    assert set(HYPERPARAMETERS) == usual
    given = {
        "n_steps": 64, "segment_length": 8, "n_epochs": 3, "n_minibatches": 4, "gamma": 0.9,
        "gae_lambda": 0.8, "clip_range": 0.3, "value_coefficient": 0.7, "verbose": 1,
        "entropy_coefficient": 0.01, "max_grad_norm": 0.6, "self_taught_rate": 1e-4,
        "self_taught_epochs": 2, "stats_window_size": 7, "seed": 3,
    }  # fmt: skip
    assert set(given) == usual
    BrainPPO(described("mlp"), pendulums(name="mlp"), **given).save(tmp_path / "agent")
    loaded = BrainPPO.load(tmp_path / "agent")
    assert {name: getattr(loaded, held) for name, held in HYPERPARAMETERS.items()} == given


@pytest.mark.parametrize("saved_with", [3e-4, None])
def test_a_loaded_agent_learns_at_the_rates_that_are_asked_for(saved_with, tmp_path):
    model = small_ppo("full", learning_rate=saved_with)
    model.learn(32 * ROWS)
    model.save(tmp_path / "agent")
    rate = KLAdaptiveRate(
        initial=2e-5, minimum=1e-5, maximum=3e-5, kl_low=0.01, kl_high=0.02, factor=1.5,
        anneal=False,
    )  # fmt: skip
    loaded = BrainPPO.load(tmp_path / "agent", learning_rate=rate, self_taught_rate=1e-4)
    assert loaded.rate.rate(1.0) == 2e-5
    own = loaded.policy.self_taught_optimizer
    assert [group["lr"] for group in own.param_groups] == [1e-4]


def test_an_agent_that_is_loaded_with_another_seed_explores_otherwise(tmp_path):
    small_ppo("mlp").save(tmp_path / "agent")
    loaded = [BrainPPO.load(tmp_path / "agent", seed=seed) for seed in (1, 1, 2)]
    one, again, other = (model.generator.get_state() for model in loaded)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_loaded_agent_goes_on_learning_with_rewards_in_the_unit_of_its_critic(tmp_path):
    model = small_ppo("mlp")
    model.learn(4 * 32 * ROWS)
    model.save(tmp_path / "agent")
    loaded = BrainPPO.load(tmp_path / "agent", env=pendulums(name="mlp"))
    assert loaded.reward_scaler.learned_state() == model.reward_scaler.learned_state()
    assert loaded.reward_scaler.deviation == pytest.approx(float(loaded.brain.reward_deviation))
    bodies = envs.make_vec_env("InvertedPendulum-v5", num_envs=2 * ROWS, num_threads=1)
    BrainPPO.load(tmp_path / "agent", env=bodies).learn(32 * 2 * ROWS)


def test_a_run_that_is_taken_for_a_saved_agent_is_told_how_to_read_it(tmp_path):
    (tmp_path / "config.yaml").touch()
    for path in (tmp_path, tmp_path / "checkpoints" / "latest"):
        with pytest.raises(CheckpointError, match=r"agents\.evaluation\.load_agent\('"):
            BrainPPO.load(path)


def test_a_ready_made_brain_must_be_given_again_when_loading(tmp_path):
    env = pendulums()
    brain = brain_from_config(described("gru"), env.observation_space, env.action_space)
    BrainPPO(brain, env).save(tmp_path / "agent")
    with pytest.raises(CheckpointError, match="pass brain="):
        BrainPPO.load(tmp_path / "agent")
    brain = brain_from_config(described("gru"), env.observation_space, env.action_space)
    assert BrainPPO.load(tmp_path / "agent", brain=brain).brain is brain


def test_a_brain_described_as_a_run_keeps_it_is_saved_with_its_references_resolved(tmp_path):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=["brain=full"])  # of lists and references
    nested = {**config.brain}  # as it looks to one who unpacks it
    for number, description in enumerate((config.brain, nested)):
        model = BrainPPO(description, pendulums(name="full"), seed=0)
        model.save(tmp_path / str(number))
        assert BrainPPO.load(tmp_path / str(number)).brain_source == config_of("full")


def test_an_agent_is_not_loaded_into_a_body_of_other_sizes(tmp_path):
    small_ppo("mlp").save(tmp_path / "agent")
    hopper = envs.make_vec_env("Hopper-v5", num_envs=1)
    with pytest.raises(UsageError, match=r"senses of shape \(4,\), but this env of shape \(11,\)"):
        BrainPPO.load(tmp_path / "agent", env=hopper)
    one_sense = envs.make_vec_env("InvertedPendulum-v5", num_envs=1, feedback=["reward"])
    with pytest.raises(UsageError, match="but this env of reward shape") as told:
        BrainPPO.load(tmp_path / "agent", env=one_sense)
    assert "\n" not in str(told.value)


def test_without_an_environment_only_a_saved_agent_can_be_made():
    with pytest.raises(ValueError, match=r"needs an env, .* BrainPPO\.load"):
        BrainPPO(described("gru"), None)
