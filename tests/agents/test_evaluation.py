import json

import numpy as np
import pytest
import torch
from stable_baselines3.common.evaluation import evaluate_policy

from agents import evaluation
from agents.episodes import evaluate
from agents.errors import CheckpointError, UsageError
from agents.evaluation import Conditions, evaluate_run, load_agent
from agents.run_folder import RunFolder
from tests.agents.small_runs import AGENTS, Metronomes, Noter, config_of, train_run


@pytest.fixture(scope="module", params=list(AGENTS))
def trained(request, tmp_path_factory):
    return train_run(request.param, tmp_path_factory.mktemp(request.param))


def test_a_row_with_short_episodes_contributes_no_more_of_them_than_a_row_with_long_ones():
    result = evaluate(Noter(), Metronomes([2, 50]), 4, deterministic=True, seed=0)
    assert result.lengths == [2, 2, 50, 50]
    assert result.returns == [2.0, 2.0, 50.0, 50.0]


@pytest.mark.parametrize("episodes", [1, 2, 3, 5, 7])
def test_exactly_the_episodes_asked_for_are_counted_however_they_divide_over_rows(episodes):
    result = evaluate(Noter(), Metronomes([3, 5, 4]), episodes, deterministic=True, seed=0)
    assert len(result.returns) == len(result.lengths) == episodes


def test_the_agent_gets_its_state_back_and_is_told_where_episodes_start():
    agent, env = Noter(), Metronomes([2, 3])
    evaluate(agent, env, 4, deterministic=True, seed=11)
    states, starts, deterministic = zip(*agent.calls, strict=True)
    assert states == (None, 1, 2, 3, 4, 5)
    assert np.array(starts)[:, 0].tolist() == [True, False, True, False, True, False]
    assert np.array(starts)[:, 1].tolist() == [True, False, False, True, False, False]
    assert set(deterministic) == {True}
    assert env.seeded == [11]


def test_exploration_repeats_with_its_seed_and_leaves_torchs_generator_alone():
    before = torch.random.get_rng_state()
    actions = []
    for seed in (5, 5, 6):
        env = Metronomes([4])
        evaluate(Noter(), env, 1, deterministic=False, seed=seed)
        actions.append(np.concatenate(env.actions))
    assert (actions[0] == actions[1]).all()
    assert (actions[0] != actions[2]).any()
    assert (torch.random.get_rng_state() == before).all()


def test_no_episodes_are_refused():
    with pytest.raises(ValueError, match="got 0"):
        evaluate(Noter(), Metronomes([1]), 0, deterministic=True, seed=0)


def test_a_loaded_agent_acts_as_the_trained_one_did(trained):
    run, model = trained
    loaded, env = load_agent(run.path)
    observation = np.random.default_rng(0).normal(size=(4, *env.observation_space.shape))
    starts = np.ones(4, bool)
    for _ in range(3):
        mine, _ = model.predict(observation, None, starts, deterministic=True)
        theirs, _ = loaded.predict(observation, None, starts, deterministic=True)
        assert (mine == theirs).all()
        observation = observation * 0.5


def test_a_checkpoint_can_be_loaded_by_its_own_folder(trained):
    run, _ = trained
    (checkpoint,) = run.checkpoint_folders()
    for source in (checkpoint, run.checkpoints / "latest", run.path):
        assert evaluation.locate(source)[1] == checkpoint
        assert evaluation.locate(source)[0].path == run.path


def test_the_returns_are_those_of_sb3s_own_evaluation(trained):
    run, _ = trained
    config = run.read_config()
    model, _ = load_agent(run.path)
    env = evaluation.make_evaluation_env(config, num_envs=3, seed=7)
    ours = evaluate(model, env, 6, deterministic=True, seed=7)
    env.seed(7)
    returns, lengths = evaluate_policy(
        model, env, n_eval_episodes=6, deterministic=True, return_episode_rewards=True
    )
    assert sorted(ours.returns) == pytest.approx(sorted(returns), abs=1e-5)
    assert sorted(ours.lengths) == sorted(lengths)


def test_an_evaluation_repeats_and_does_not_disturb_the_agent(trained):
    run, _ = trained
    model, env = load_agent(run.path)
    first, second = (evaluate(model, env, 4, deterministic=False, seed=1) for _ in range(2))
    assert first == second
    assert first != evaluate(model, env, 4, deterministic=False, seed=2)
    assert first != evaluate(model, env, 4, deterministic=True, seed=1)
    generator = getattr(model.policy, "generator", None)
    if generator is not None:
        before = generator.get_state()
        evaluate(model, env, 2, deterministic=False, seed=1)
        assert (generator.get_state() == before).all()


def test_evaluation_json_holds_every_episode_and_what_it_depends_on(trained):
    run, model = trained
    record = evaluate_run(run.path, Conditions(episodes=3, seed=40, num_envs=2))
    assert json.loads((run.path / "evaluation.json").read_text()) == record
    for kind in ("deterministic", "exploring"):
        assert len(record[kind]["returns"]) == len(record[kind]["lengths"]) == 3
    assert record["env"] == "Hopper-v5"
    assert record["challenge"] is None
    assert record["seed"] == 40
    assert record["checkpoint"] == run.checkpoint_folders()[0].name
    assert record["env_steps"] == model.num_timesteps
    assert {"mujoco-core", "gymnasium", "torch"} <= record["versions"].keys()
    assert [path.name for path in run.path.glob(".*writing*")] == []


def test_an_evaluation_tells_what_a_brain_of_ours_spends(trained):
    run, model = trained
    energy = evaluate_run(run.path, Conditions(2, 7, 2))["energy"]
    if not hasattr(model, "brain"):
        assert energy is None
        return
    operations = energy["operations_per_action"]
    assert operations["macs"] == 3 * 8 * (11 + 8) + 8 * 3 + 11 * 3  # GRU, action head, reflex
    assert operations["synaptic_ops"] == operations["spikes"] == 0
    spent = energy["nanojoules_per_action"]["45nm"]
    assert spent["brain"] == spent["dense"] == pytest.approx(operations["macs"] * 4.6e-3)


def test_an_evaluation_is_taken_again_only_if_something_it_depends_on_changed(trained, monkeypatch):
    run, _ = trained
    conditions = Conditions(episodes=2, seed=5, num_envs=2)
    record = evaluate_run(run.path, conditions)
    monkeypatch.setattr(evaluation, "live_both", None)  # calling it would fail
    assert evaluate_run(run.path, conditions) == record
    for changed in ({"seed": 6}, {"episodes": 3}, {"num_envs": 1}):
        with pytest.raises(TypeError):
            evaluate_run(run.path, conditions._replace(**changed))
    with pytest.raises(TypeError):
        evaluate_run(run.path, conditions, reuse=False)
    assert evaluate_run(run.path, conditions) == record


def test_threads_change_no_episode(trained):
    run, _ = trained
    conditions = Conditions(episodes=4, seed=2, num_envs=4)
    one = evaluate_run(run.path, conditions, num_threads=1, reuse=False)
    assert evaluate_run(run.path, conditions, num_threads=2, reuse=False) == one


def test_a_folder_without_a_run_and_a_run_without_a_checkpoint_say_what_is_missing(tmp_path):
    with pytest.raises(UsageError, match=r"no run at .*config\.yaml"):
        load_agent(tmp_path / "nothing")
    RunFolder(tmp_path).begin(config_of("sb3_ppo", tmp_path))
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        load_agent(tmp_path)


def test_a_checkpoint_of_another_brain_is_refused_in_one_line(tmp_path):
    run, _ = train_run("sb3_ppo", tmp_path)
    config = run.read_config()
    config.env.id = "HalfCheetah-v5"
    run.begin(config)
    with pytest.raises(CheckpointError, match="does not fit") as caught:
        load_agent(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_configuration_that_names_foreign_code_runs_nothing(tmp_path):
    run, _ = train_run("sb3_ppo", tmp_path)
    config = run.read_config()
    config.agent._target_ = "os.system"
    run.begin(config)
    with pytest.raises(UsageError):
        load_agent(tmp_path)


def test_a_damaged_record_counts_as_none(tmp_path):
    assert evaluation.read_record(tmp_path) is None
    for text in ("{", "[]", '{"format": 0}'):
        (tmp_path / "evaluation.json").write_text(text)
        assert evaluation.read_record(tmp_path) is None
