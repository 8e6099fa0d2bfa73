import json

import numpy as np
import pytest
import torch
from gymnasium import spaces
from omegaconf import OmegaConf
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from agents import cli, evaluation
from agents.build import build_agent, make_env
from agents.challenge_choice import described, title, under_challenge
from agents.cli import CONFIGS
from agents.episodes import evaluate, live
from agents.errors import CheckpointError, UsageError
from agents.evaluation import Conditions, evaluate_run, load_agent
from agents.reward_traces import read_rewards
from agents.run_folder import RunFolder

SMALL = {"n_steps": 64, "batch_size": 64, "n_epochs": 1}
PPO, RECURRENT_PPO = (
    {**OmegaConf.load(CONFIGS / "agent" / f"{name}.yaml").agent, **SMALL}
    for name in ("sb3_ppo", "sb3_recurrent_ppo")
)
BRAIN_PPO = {
    "_target_": "agents.ppo.BrainPPO",
    "n_steps": 32,
    "n_epochs": 1,
    "n_minibatches": 4,
}
GRU = {
    "_target_": "brains.build.build_brain",
    "senses": {"_target_": "brains.senses.Senses", "clip": 10.0},
    "controller": {"_target_": "brains.gated.GRUController", "hidden_size": 8},
    "reflex": {"_target_": "brains.reflex.LinearReflex"},
    "critic": {"_target_": "brains.critic.Critic", "hidden_sizes": [8], "sees_memory": True},
    "action_gain": 0.1,
    "initial_log_std": -0.5,
    "exploration_rate_scale": 1.0,
}
AGENTS = {"sb3_ppo": (PPO, {}), "sb3_recurrent_ppo": (RECURRENT_PPO, {}), "ppo": (BRAIN_PPO, GRU)}


class Metronomes(VecEnv):
    """Row i has episodes of exactly `lengths[i]` steps and a reward of 1 per step."""

    def __init__(self, lengths):
        self.limits = np.array(lengths)
        self.actions = []
        self.seeded = []
        self.clock = np.zeros(len(lengths), int)
        self.observation_space = spaces.Box(-1, 1, (1,))
        self.action_space = spaces.Box(-1, 1, (1,))
        self.num_envs = len(lengths)

    def seed(self, seed=None):
        self.seeded.append(seed)
        return [seed]

    def reset(self):
        self.clock[:] = 0
        return np.zeros((self.num_envs, 1))

    def step_async(self, actions):
        self.actions.append(actions)

    def step_wait(self):
        self.clock += 1
        dones = self.clock >= self.limits
        self.clock[dones] = 0
        return np.zeros((self.num_envs, 1)), np.ones(self.num_envs), dones, [{}] * self.num_envs

    def close(self): ...
    def get_attr(self, attr_name, indices=None): ...
    def set_attr(self, attr_name, value, indices=None): ...
    def env_method(self, method_name, *args, indices=None, **kwargs): ...
    def env_is_wrapped(self, wrapper_class, indices=None): ...


class Noter:
    """Remembers what it is given, and explores with torch's generator."""

    def __init__(self):
        self.calls = []

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        self.calls.append((state, episode_start.copy(), deterministic))
        return torch.rand(len(observation), 1).numpy(), len(self.calls)


def config_of(agent, tmp_path, **changes):
    described, brain = AGENTS[agent]
    config = {
        "env": {"id": "Hopper-v5", "kwargs": {}},
        "brain": brain,
        "agent": described,
        "seed": 3,
        "num_envs": 2,
        "num_threads": 1,
        "stagger": False,
        "device": "cpu",
    }
    return OmegaConf.create({**config, **changes})


def train_run(agent, path, steps=256):
    config = config_of(agent, path)
    env = make_env(config)
    model = build_agent(config, env)
    model.learn(steps, None)
    run = RunFolder(path)
    run.begin(config)
    run.save_checkpoint(model.training_state(), env_steps=model.num_timesteps, wall_seconds=1.0)
    return run, model


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


def challenge_of(*overrides):
    """Return the challenge that evaluate.py is asked for."""
    with cli.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = cli.compose("evaluate", ["runs=x", *overrides])
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
    with cli.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = cli.compose("train", ["challenge=leg_loss", "challenge.severity=easy"])
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
