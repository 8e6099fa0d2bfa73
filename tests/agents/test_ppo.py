import gymnasium
import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from small_ppo import BRAINS, CONF, ROWS, described, pendulums, sensed, small_ppo
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.evaluation import evaluate_policy

import envs
from agents import BrainPPO
from agents.errors import NonFiniteError
from agents.learning_rate import LinearRate
from brains.recurrent import tree_leaves


class Recorder(BaseCallback):
    """Keeps what each hook saw."""

    def __init__(self):
        super().__init__()
        self.steps = 0
        self.rollouts = 0

    def _on_step(self):
        self.steps += 1
        return True

    def _on_rollout_end(self):
        self.rollouts += 1


@pytest.mark.parametrize("name", BRAINS)
def test_on_a_fresh_rollout_every_probability_ratio_is_one(name):
    class Check(BaseCallback):
        worst = 0.0

        def _on_step(self):
            return True

        def _on_rollout_end(self):
            model = self.model
            with torch.no_grad():
                for batch in model.rollout.minibatches(2, torch.Generator()):
                    output, _ = model.brain.unroll(batch.percepts, batch.episode_start, batch.state)
                    again = model.policy.distribution.log_prob(output, batch.actions)
                    self.worst = max(self.worst, float((again - batch.log_probs).abs().max()))

    model, check = small_ppo(name), Check()
    model.learn(4 * 32 * ROWS, callback=check)  # poles fall: segments contain restarts
    assert check.worst < 1e-5


@pytest.mark.parametrize("name", BRAINS)
def test_the_same_seed_gives_the_same_weights_after_two_updates(name):
    weights = []
    for _ in range(2):
        model = small_ppo(name)
        model.learn(2 * 32 * ROWS)
        weights.append(torch.cat([p.detach().flatten() for p in model.brain.parameters()]))
    assert torch.equal(*weights)


def test_another_seed_gives_other_weights():
    one, other = small_ppo(), BrainPPO(described("gru"), pendulums(), seed=1)
    assert not torch.equal(one.brain.action_head.weight, other.brain.action_head.weight)


@pytest.mark.parametrize("name", BRAINS)
def test_training_goes_on_exactly_from_its_state(name):
    states = []

    class Read(BaseCallback):
        def _on_step(self):
            return True

        def _on_rollout_start(self):
            if self.model.updates == 2:
                states.append(self.model.training_state())

    straight = small_ppo(name)
    straight.learn(4 * 32 * ROWS, callback=Read())
    resumed = small_ppo(name, env=pendulums(seed=99, name=name))
    resumed.load_training_state(states[0])
    resumed.learn(2 * 32 * ROWS, reset_num_timesteps=False)
    assert resumed.num_timesteps == straight.num_timesteps
    pairs = zip(straight.brain.parameters(), resumed.brain.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    timing = {"wall_seconds", "steps_per_second"}
    rows = [
        {key: value for key, value in model.progress_row().items() if key not in timing}
        for model in (straight, resumed)
    ]
    assert rows[0] == rows[1]


def test_the_last_update_never_climbs_its_loss():
    model = small_ppo(learning_rate=LinearRate(initial=1e-3))
    model.learn(32 * ROWS + 1)  # the second rollout reaches beyond the budget
    assert model.progress_row()["learning_rate"] == 0.0


def test_looking_at_an_agent_never_changes_its_training():
    weights = []
    for looks in (False, True):
        model = small_ppo()
        model.learn(32 * ROWS)
        if looks:
            evaluate_policy(model, pendulums(seed=5), n_eval_episodes=4, deterministic=False)
        model.learn(32 * ROWS, reset_num_timesteps=False)
        weights.append(torch.cat([p.detach().flatten() for p in model.brain.parameters()]))
    assert torch.equal(*weights)


@pytest.mark.parametrize("name", BRAINS)
def test_predict_carries_memory_and_restarts_the_rows_it_is_told_to(name):
    model = small_ppo(name)
    observation = sensed(name)
    action, state = model.predict(observation, deterministic=True)
    assert action.shape == (ROWS, 1)
    assert model.action_space.contains(action[0])
    starts = np.array([True, False, False, False])
    again, _ = model.predict(observation, state, starts, deterministic=True)
    np.testing.assert_allclose(again[0], action[0], rtol=1e-6)
    assert np.allclose(again[1:], action[1:]) == (not tree_leaves(state.controller))


def test_a_single_observation_gives_a_single_action():
    action, _ = small_ppo().predict(np.zeros(4))
    assert action.shape == (1,)


def test_sb3_callbacks_and_evaluation_work(tmp_path):
    model, recorder = small_ppo(), Recorder()
    evaluation = EvalCallback(
        pendulums(seed=7), n_eval_episodes=2, eval_freq=32, log_path=str(tmp_path), verbose=0
    )
    model.learn(2 * 32 * ROWS, callback=[recorder, evaluation])
    assert (recorder.steps, recorder.rollouts) == (64, 2)
    assert (tmp_path / "evaluations.npz").exists()
    mean, _ = evaluate_policy(model, pendulums(seed=8), n_eval_episodes=4)
    assert mean > 0


def test_a_callback_can_stop_training():
    class Stop(BaseCallback):
        def _on_step(self):
            return self.num_timesteps < 5 * ROWS

    model = small_ppo()
    model.learn(1000, callback=Stop())
    assert model.num_timesteps == 5 * ROWS


def test_plain_gymnasium_environments_can_be_learned_in():
    model = BrainPPO(
        described("gru"), gymnasium.make("CartPole-v1"), n_steps=32, n_epochs=1, n_minibatches=2
    )
    model.learn(64)
    action, _ = model.predict(np.zeros(4))
    assert model.action_space.contains(int(action))


def test_a_learner_that_a_callback_stopped_knows_where_its_bodies_are():
    class StopWhereAPoleFalls(BaseCallback):
        def _on_step(self):
            return not self.locals["dones"].any()

    model = small_ppo("mlp")
    model.learn(1000, callback=StopWhereAPoleFalls())
    bodies = model.get_env()
    np.testing.assert_array_equal(model._last_obs, bodies.last_observation())
    fallen = bodies.engine.elapsed == 0
    assert fallen.any()
    np.testing.assert_array_equal(model._last_episode_starts, fallen)
    assert not model.reward_scaler.running[fallen].any()


def test_learning_that_begins_again_remembers_nothing_of_the_bodies_before():
    class Look(BaseCallback):
        def _on_rollout_start(self):
            memory = sum(float(leaf.abs().sum()) for leaf in tree_leaves(self.model.brain_state))
            found.append((memory, abs(self.model.reward_scaler.running).sum()))

        def _on_step(self):
            return True

    model, found = small_ppo("gru", n_steps=2, segment_length=1), []
    for _ in range(2):
        model.learn(2 * 2 * ROWS, callback=Look())
    assert found[0] == found[2] == (0, 0)
    assert min(found[1] + found[3]) > 0


def test_a_minibatch_may_be_a_single_step():
    model = small_ppo("mlp", n_steps=4, segment_length=1, n_minibatches=4 * ROWS, n_epochs=1)
    model.learn(2 * 4 * ROWS)
    assert model.updates == 2


def test_a_memory_of_other_rows_is_refused():
    model = small_ppo("gru")
    observation = model.get_env().reset()
    _, state = model.predict(observation[:1])
    with pytest.raises(ValueError, match=f"of 1 rows, what is sensed of {ROWS}"):
        model.predict(observation, state=state)


@pytest.mark.parametrize("nothing", ["gru", None, 3])
def test_what_no_brain_comes_from_is_told_what_may_be_given(nothing):
    with pytest.raises(TypeError, match=r"brain must be .*a mapping\) or a function .* got"):
        BrainPPO(nothing, pendulums())


def test_a_negative_number_of_steps_is_refused():
    with pytest.raises(ValueError, match="total_timesteps must be at least 0, got -5"):
        small_ppo().learn(-5)


def test_a_nan_stops_training_with_where_and_before_it_reaches_the_weights():
    class Poison(BaseCallback):
        def _on_step(self):
            return True

        def _on_rollout_end(self):
            self.model.rollout.rewards[:] = float("nan")
            self.model.rollout.advantages[:] = float("nan")

    model = small_ppo()
    with pytest.raises(NonFiniteError, match="policy loss became nan in update 1, at 128 steps"):
        model.learn(32 * ROWS, callback=Poison())
    assert all(torch.isfinite(parameter).all() for parameter in model.brain.parameters())


def test_an_end_by_the_clock_is_worth_what_would_have_followed():
    model = small_ppo()
    model._last_obs = model.env.reset()
    model._last_episode_starts = np.ones(ROWS, bool)
    ended = np.array([True, True, False, False])
    last = np.random.default_rng(0).normal(size=(ROWS, 4))
    infos = [
        {"TimeLimit.truncated": True, "terminal_observation": last[0]},
        {"TimeLimit.truncated": False, "terminal_observation": last[1]},
        {},
        {},
    ]
    with torch.no_grad():
        beyond = model._value_beyond_time_limit(infos, ended)
        expected = model._value_of(last, model.brain_state)
    assert beyond[0] == pytest.approx(float(expected[0]), rel=1e-5)
    assert beyond[1:].tolist() == [0.0, 0.0, 0.0]


def test_it_learns_to_balance_a_pole():
    env = envs.make_vec_env("InvertedPendulum-v5", num_envs=16, seed=0, num_threads=1)
    model = BrainPPO(described("gru"), env, seed=0, n_steps=64, n_epochs=6)
    before, _ = evaluate_policy(model, pendulums(seed=50), n_eval_episodes=8)
    model.learn(20_000)
    after, _ = evaluate_policy(model, pendulums(seed=50), n_eval_episodes=8)
    assert after > 5 * before


@pytest.mark.parametrize("name", ["spiking", "gru", "mlp", "full"])
def test_a_brain_is_taught_from_python_as_from_the_command_line(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[f"brain={name}", "agent=ppo"])
    agent = OmegaConf.to_container(config.agent, resolve=True)
    model = BrainPPO(described(name), pendulums(name=name))
    assert agent.pop("learning_rate") == model.rate.description()
    names = {"value_coefficient": "vf_coef", "entropy_coefficient": "ent_coef"}
    agent.pop("_target_")
    for attribute, value in agent.items():
        assert getattr(model, names.get(attribute, attribute)) == value, attribute


def test_agents_made_one_after_another_share_no_learning_rate():
    one, other = (BrainPPO(described("spiking"), pendulums()) for _ in range(2))
    before = other.rate.rate(1.0)
    one.rate.observe(1.0)
    assert one.rate.rate(1.0) < before == other.rate.rate(1.0)


def test_a_recipe_with_a_number_that_none_has_is_refused_by_its_name():
    with pytest.raises(ValueError, match="learning has 'speed', but a recipe has"):
        BrainPPO({**described("gru"), "learning": {"speed": 1.0}}, pendulums())
