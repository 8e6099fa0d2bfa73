"""The Gymnasium face, apart from equality with Gymnasium's tasks."""

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

import envs
from tests.envs.flat import flat


def make(env_id="Hopper-v5", num_envs=4, num_threads=1, **options):
    return gymnasium.make_vec(
        f"wetware/{env_id}", num_envs=num_envs, num_threads=num_threads, **options
    )


def trajectory(env, steps, seed=0):
    """Return all observations and rewards of random actions, as one array."""
    told = [flat(env.reset(seed=seed)[0]).ravel()]
    env.action_space.seed(seed)
    for _ in range(steps):
        observation, reward, *_ = env.step(env.action_space.sample())
        told += [flat(observation).ravel(), reward]
    return np.concatenate(told)


@pytest.mark.parametrize("env_id", envs.native_names())
def test_the_number_of_threads_changes_nothing(env_id):
    alone, together = (trajectory(make(env_id, num_threads=n, num_envs=9), 30) for n in (1, 4))
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("env_id", envs.native_names())
def test_a_row_does_not_depend_on_how_many_rows_there_are(env_id):
    few, many = make(env_id, num_envs=2), make(env_id, num_envs=7)
    np.testing.assert_array_equal(flat(few.reset(seed=5)[0]), flat(many.reset(seed=5)[0])[:2])
    many.action_space.seed(0)
    for _ in range(20):
        actions = many.action_space.sample()
        mine, others = few.step(actions[:2])[0], many.step(actions)[0]
        np.testing.assert_array_equal(flat(mine), flat(others)[:2])


def test_another_seed_gives_another_trajectory():
    assert not np.array_equal(trajectory(make(), 3, seed=1), trajectory(make(), 3, seed=2))


def test_a_reset_without_a_seed_goes_on_with_the_generators():
    env = make()
    first, again = env.reset(seed=3)[0], env.reset()[0]
    assert not np.array_equal(first, again)
    env.reset(seed=3)
    np.testing.assert_array_equal(env.reset()[0], again)


def test_seeds_can_be_given_row_by_row():
    env = make()
    rows = env.reset(seed=7)[0]
    np.testing.assert_array_equal(env.reset(seed=[9, 8, 7, None])[0][2], rows[0])
    with pytest.raises(ValueError, match="expected 4 seeds"):
        env.reset(seed=[1, 2])


def test_reset_mask_restarts_those_rows_and_leaves_the_others_where_they_are():
    env = make(autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    before = env.step(env.action_space.sample())[0]
    mask = np.array([False, True, False, True])
    after, infos = env.reset(options={"reset_mask": mask})
    np.testing.assert_array_equal(after[~mask], before[~mask])
    assert (after[mask] != before[mask]).any(axis=1).all()
    np.testing.assert_array_equal(infos["_x_position"], mask)


def test_the_first_step_needs_a_reset():
    env = gymnasium.make_vec("wetware/Hopper-v5", num_envs=2)
    with pytest.raises(ResetNeeded, match="call reset before the first step"):
        env.step(np.zeros((2, 3)))


@pytest.mark.parametrize("mask", [np.zeros(4, bool), np.ones(3, bool), np.ones(4, int)])
def test_a_reset_mask_that_chooses_no_rows_is_refused(mask):
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="reset_mask must be bool of shape"):
        env.reset(options={"reset_mask": mask})


def test_without_autoreset_an_ended_row_must_be_reset_before_it_steps():
    env = make(autoreset_mode=AutoresetMode.DISABLED, max_episode_steps=1)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    with pytest.raises(ResetNeeded, match="rows"):
        env.step(env.action_space.sample())


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_gymnasium_counts_the_right_episodes(mode):
    env = RecordEpisodeStatistics(make("HalfCheetah-v5", max_episode_steps=5, autoreset_mode=mode))
    env.reset(seed=0)
    lengths, returns, told = [], np.zeros(4), []
    for _ in range(12):
        _, reward, _, truncated, infos = env.step(env.action_space.sample())
        returns += reward
        if truncated.any():
            told.append(returns.copy())
            returns[:] = 0
            lengths += infos["episode"]["l"].tolist()
            np.testing.assert_allclose(infos["episode"]["r"], told[-1])
    assert lengths == [5] * 8


def test_results_of_a_step_are_not_written_into_by_the_next():
    env = make()
    env.reset(seed=0)
    results = env.step(env.action_space.sample())
    kept = [np.copy(part) for part in results[:4]]
    for _ in range(60):
        env.step(env.action_space.sample())
    for part, copy in zip(results, kept, strict=False):
        np.testing.assert_array_equal(part, copy)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_action_that_is_not_finite_is_refused_with_its_row_and_step(bad):
    env = make("Swimmer-v5")
    env.reset(seed=0)
    env.step(env.action_space.sample())
    actions = np.zeros((4, 2), np.float32)
    actions[2, 1] = bad
    with pytest.raises(envs.PhysicsError, match=r"Swimmer-v5: row 2 was given .* at its step 2"):
        env.step(actions)


def test_physics_that_leaves_the_finite_numbers_stops_with_its_row_and_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes a log beside its warning
    env = make("HalfCheetah-v5")
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.action_space.sample())
    env.engine.batch.bind("qvel")[3, 2] = 1e200
    with pytest.raises(envs.PhysicsError, match=r"row 3 became non-finite in .* at its step 4"):
        env.step(env.action_space.sample())
    env.reset(seed=0)  # and the environment can be used again
    assert np.isfinite(env.step(env.action_space.sample())[0]).all()


@pytest.mark.parametrize(
    ("bad", "told"),
    [(np.nan, "nan"), (np.inf, "inf"), (-1e40, r"-1e\+40, more than a float32 holds")],
)
def test_a_reward_that_no_learner_can_hold_stops_with_its_row_and_step(bad, told, monkeypatch):
    env = make("HalfCheetah-v5")
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.action_space.sample())
    task = env.engine.task
    evaluate = task.evaluate

    def broken(actions):
        reward, terminated = evaluate(actions)
        reward[2] = bad
        return reward, terminated

    monkeypatch.setattr(task, "evaluate", broken)
    with pytest.raises(envs.PhysicsError, match=rf"^HalfCheetah-v5: row 2 earned {told}, at .* 4$"):
        env.step(env.action_space.sample())


def test_what_a_row_earns_that_waits_for_its_reset_is_not_looked_at(monkeypatch):
    engine = make("HalfCheetah-v5").engine
    engine.seed([0] * 4)
    engine.reset(np.arange(4))
    reward = np.array([1.0, np.nan, 1.0, 1.0])
    monkeypatch.setattr(engine.task, "evaluate", lambda _: (reward, np.zeros(4, bool)))
    engine.step(np.zeros((4, 6), np.float32), np.array([0, 2, 3]))
    with pytest.raises(envs.PhysicsError, match="row 1 earned nan"):
        engine.step(np.zeros((4, 6), np.float32), np.array([0, 1]))


def test_actions_of_the_wrong_shape_are_refused():
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"actions must have shape \(4, 3\), got \(3,\)"):
        env.step(np.zeros(3, np.float32))


@pytest.mark.parametrize("sizes", [{"num_envs": 0}, {"num_threads": 0}])
def test_rows_and_threads_number_at_least_one(sizes):
    with pytest.raises(ValueError, match="must be at least 1"):
        make(**sizes)


def test_the_control_period_is_a_whole_number_of_physics_steps():
    for name in envs.native_names():
        task = make(name, num_envs=1).engine.task
        assert task.control_period == pytest.approx(task.frame_skip * task.model.opt.timestep)


def test_every_joint_of_a_native_task_has_a_name_and_so_has_all_of_our_own_bodies():
    for name in envs.native_names():
        model = make(name, num_envs=1).engine.task.model
        named = [model.joint(i).name for i in range(model.njnt)]
        if not name.endswith("-v5"):  # Gymnasium leaves some bodies and actuators without
            named += [model.body(i).name for i in range(model.nbody)]
            named += [model.actuator(i).name for i in range(model.nu)]
        assert all(named), name
