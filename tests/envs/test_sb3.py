"""The SB3 face of the batched engine."""

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import envs


def make(env_id, num_envs, **options):
    return envs.make_vec_env(env_id, num_envs, num_threads=1, **options)


def random_actions(env, seed=0):
    generator = np.random.default_rng(seed)
    space, shape = env.action_space, (env.num_envs, *env.action_space.shape)
    while True:
        yield generator.uniform(space.low, space.high, shape).astype(np.float32)


@pytest.mark.parametrize("env_id", ["Hopper-v5", "Reacher-v5", "InvertedPendulum-v5"])
def test_results_equal_those_of_sb3_over_monitored_gymnasium_environments(env_id):
    ours = make(env_id, num_envs=3, seed=5)
    theirs = DummyVecEnv([lambda: Monitor(gymnasium.make(env_id)) for _ in range(3)])
    theirs.seed(5)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    endings = 0
    for _, actions in zip(range(120), random_actions(ours), strict=False):
        mine, others = ours.step(actions), theirs.step(actions)
        np.testing.assert_array_equal(mine[0], others[0])
        np.testing.assert_array_equal(mine[1].astype(np.float32), others[1])
        np.testing.assert_array_equal(mine[2], others[2])
        for info, other in zip(mine[3], others[3], strict=True):
            if "episode" not in other:
                assert info == {}
                continue
            endings += 1
            np.testing.assert_array_equal(
                info["terminal_observation"], other["terminal_observation"]
            )
            assert info["TimeLimit.truncated"] == other["TimeLimit.truncated"]
            assert info["episode"]["l"] == other["episode"]["l"]
            assert info["episode"]["r"] == pytest.approx(other["episode"]["r"], abs=2e-6)
    assert endings >= 6


def test_the_seed_of_the_constructor_holds_for_the_first_reset():
    first = make("Hopper-v5", num_envs=2, seed=4).reset()
    np.testing.assert_array_equal(first, make("Hopper-v5", 2, seed=4).reset())
    env = make("Hopper-v5", num_envs=2, seed=9)
    env.seed(4)
    np.testing.assert_array_equal(first, env.reset())
    assert not np.array_equal(first, env.reset())


def test_staggered_clocks_spread_the_ends_and_the_cut_episodes_are_not_told():
    env = make("Reacher-v5", num_envs=5, stagger=True)
    env.reset()
    ends, told = [], []
    for step, actions in zip(range(100), random_actions(env), strict=False):
        _, _, dones, infos = env.step(actions)
        for row in np.flatnonzero(dones):
            ends.append((step + 1, int(row)))
            assert infos[row]["TimeLimit.truncated"]
            if "episode" in infos[row]:
                told.append((step + 1, int(row), infos[row]["episode"]["l"]))
    limit = 50
    assert ends[:5] == [(10, 4), (20, 3), (30, 2), (40, 1), (50, 0)]
    assert all(length == limit for _, _, length in told)
    assert [entry[:2] for entry in told] == [(50, 0), (60, 4), (70, 3), (80, 2), (90, 1), (100, 0)]


def test_only_the_first_reset_is_staggered():
    env = make("Reacher-v5", num_envs=2, stagger=True)
    env.reset()
    env.reset()
    for step, actions in zip(range(50), random_actions(env), strict=False):
        dones = env.step(actions)[2]
        assert dones.all() == (step == 49)


def test_sb3_trains_and_evaluates_on_it_without_a_warning():
    env = VecNormalize(make("Reacher-v5", num_envs=4))
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, device="cpu", seed=1)
    model.learn(512)
    assert len(model.ep_info_buffer) == 8
    fresh = make("Reacher-v5", num_envs=3, seed=7)
    returns, lengths = evaluate_policy(model, fresh, 5, return_episode_rewards=True)
    assert lengths == [50] * 5
    assert all(-200 < value < 0 for value in returns)


def test_the_last_observation_is_what_the_last_step_returned():
    env = make("InvertedPendulum-v5", num_envs=3)
    np.testing.assert_array_equal(env.reset(), env.last_observation())
    for _, actions in zip(range(20), random_actions(env), strict=False):
        np.testing.assert_array_equal(env.step(actions)[0], env.last_observation())


def test_options_of_the_task_reach_it():
    env = make("HalfCheetah-v5", num_envs=1, env_kwargs={"frame_skip": 2})
    assert env.control_period == pytest.approx(0.02)
    assert env.get_attr("frame_skip") == [2]
    assert env.get_attr("control_period") == [env.control_period]


@pytest.mark.parametrize("env_id", ["Hopper-v5", "CartPole-v1"])
@pytest.mark.parametrize("num_envs", [0, 1.5, "2"])
def test_a_number_of_rows_that_is_none_is_told_in_one_line(env_id, num_envs):
    with pytest.raises(ValueError, match=f"num_envs must be .* at least 1, got {num_envs!r}$"):
        envs.make_vec_env(env_id, num_envs)


@pytest.mark.parametrize("described", [{"share": 0.5}, {"share": 0.5, "tau": 3}])
def test_distractors_that_are_not_described_are_told_in_one_line(described):
    with pytest.raises(ValueError, match=r"by share and time_constants, got share"):
        envs.make_vec_env("Hopper-v5", 2, distractors=described)
