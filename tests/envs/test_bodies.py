"""Wetware's own bodies: what holds for every task that senses through its sensors.

Each task here is found by its registration, so that a new one is tested by existing. What holds
for every native task (Gymnasium's and SB3's checkers, threads, resuming) is tested elsewhere.
"""

import functools
import inspect
import re

import gymnasium
import mujoco
import numpy as np
import pytest

import envs
from envs.sensor_task import SensorTask


def body_of(env_id):
    """Return the rows of a body, five of them."""
    return envs.make_vec_env(env_id, num_envs=5, seed=0, num_threads=1)


def is_own(env_id):
    return isinstance(body_of(env_id).engine.task, SensorTask)


BODIES = [env_id for env_id in envs.native_names() if is_own(env_id)]
MODELS = {env_id: body_of(env_id).engine.task.model for env_id in BODIES}


def extreme_actions(step, generator, size):
    """Return constant, alternating and random actions at the ends of their range, [5, A]."""
    actions = generator.choice([-1.0, 1.0], (5, size))
    actions[0], actions[1], actions[2] = 1.0, -1.0, (-1.0) ** step
    actions[3] = generator.uniform(-1, 1, size)
    return actions


@functools.cache
def violent_life(env_id):
    """Return what violent actions over a whole episode lead to; rows that end start again.

    Observations [T, 5, D], rewards [T, 5] and the terms told of them [T, K, 5].
    """
    engine = body_of(env_id).engine
    engine.reset(np.arange(5))
    generator = np.random.default_rng(1)
    observations, rewards, terms = [], [], []
    for step in range(engine.max_episode_steps):
        engine.step(extreme_actions(step, generator, engine.task.model.nu))
        info = engine.task.step_info()
        observations.append(engine.observation)
        rewards.append(engine.reward)
        terms.append([info[name] for name in info if name.startswith("reward_")])
        if engine.terminated.any():
            engine.reset(np.flatnonzero(engine.terminated))
    return np.array(observations), np.array(rewards), np.array(terms)


def test_there_are_own_bodies():
    seven = {
        *("Forager-v0", "Gaze-v0", "Quadruped-v0", "Reach-v0", "Reversal-v0", "TMaze-v0"),
        "Whisker-v0",
    }
    assert seven <= set(BODIES)


@pytest.mark.parametrize("env_id", BODIES)
def test_violent_actions_leave_senses_and_rewards_finite(env_id):
    observations, rewards, _ = violent_life(env_id)
    assert np.isfinite(observations).all()
    assert np.isfinite(rewards).all()


@pytest.mark.parametrize("env_id", BODIES)
def test_reward_is_the_product_or_the_sum_of_its_bounded_terms(env_id):
    _, reward, terms = violent_life(env_id)
    assert terms.shape[1] >= 1
    assert np.abs(terms).max() <= 1 and np.abs(reward).max() <= 1
    product = np.allclose(terms.prod(axis=1), reward, atol=1e-12)
    assert product or np.allclose(terms.sum(axis=1), reward, atol=1e-12)
    if product:
        assert terms.min() >= 0


@pytest.mark.parametrize("env_id", BODIES)
def test_what_a_step_tells_are_new_arrays_of_one_number_per_row(env_id):
    engine = body_of(env_id).engine
    engine.reset(np.arange(5))
    engine.step(np.zeros((5, engine.task.model.nu)))
    for tell in (engine.task.step_info, engine.task.reset_info):
        told, again = tell(), tell()
        for name, values in told.items():
            assert values.shape == (5,), name
            assert not np.shares_memory(values, again[name]), name


@pytest.mark.parametrize("env_id", BODIES)
def test_everything_in_the_model_has_a_name(env_id):
    model = MODELS[env_id]
    for kind in ("body", "jnt", "geom", "site", "cam", "light", "sensor", "tex", "mat"):
        names = getattr(model, f"name_{kind}adr")
        assert all(model.names[start] for start in names), kind
    assert all(model.actuator(index).name for index in range(model.nu))


@pytest.mark.parametrize("env_id", BODIES)
def test_the_model_is_cheap_and_stable_to_step(env_id):
    model = MODELS[env_id]
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    assert model.nmesh == 0 and model.nv < 60
    pulls_only = model.actuator_dyntype == mujoco.mjtDyn.mjDYN_MUSCLE
    lowest = np.where(pulls_only, 0, -1)
    np.testing.assert_array_equal(
        model.actuator_ctrlrange, np.stack([lowest, np.ones(model.nu)], 1)
    )
    free = model.jnt_type[model.dof_jntid] == mujoco.mjtJoint.mjJNT_FREE
    assert (model.dof_armature[~free] > 0).all()
    assert (model.dof_damping[~free] > 0).all()


@pytest.mark.parametrize("env_id", BODIES)
def test_limbs_name_the_actuated_joints_each_once(env_id):
    task = body_of(env_id).engine.task
    joints = task.model.actuator_trnid[:, 0]
    moved = task.model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT
    actuated = {task.model.joint(int(joint)).name for joint in joints[moved]}
    named = [joint for limb in task.limbs.values() for joint in limb]
    assert len(named) == len(set(named))
    assert set(named) <= actuated


@pytest.mark.parametrize("env_id", BODIES)
@pytest.mark.parametrize("camera", ["chase", "overview", None])
def test_every_body_shows_itself_to_its_cameras(env_id, camera):
    env = body_of(env_id)
    env.reset()
    try:
        frame = env.render_frame(width=96, height=64, camera=camera)
    except envs.RenderingError as error:
        pytest.skip(str(error))
    assert frame.std() > 10
    env.close()


def indices_told(table):
    """Return the indices in the first column of each row that holds some: `0`, `1, 2`, `3-5`."""
    for row in table:
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        numbers = [cell for cell in cells if re.fullmatch(r"\d+([-,] *\d+)*", cell)]
        if numbers:
            ranges = [part.split("-") for part in numbers[0].split(",")]
            yield cells[0], [n for ends in ranges for n in range(int(ends[0]), int(ends[-1]) + 1)]


@pytest.mark.parametrize("env_id", BODIES)
def test_the_tables_of_actions_and_observations_tell_every_number(env_id):
    task = body_of(env_id).engine.task
    lines = inspect.getdoc(type(task)).splitlines()
    tables = "\n".join(line if line.startswith("|") else "" for line in lines).split("\n\n")
    tables = [table.strip().splitlines() for table in tables if table.strip()]
    actions, observations = (
        next(table for table in tables if word in table[0]) for word in ("action", "observation")
    )
    assert [n for _, row in indices_told(actions) for n in row] == list(range(task.model.nu))
    told, modality = {}, ""
    for name, row in indices_told(observations):
        modality = name or modality
        told.setdefault(modality, []).extend(row)
    sizes = {name: where.stop - where.start for name, where in task.columns.items()}
    assert {name: list(range(size)) for name, size in sizes.items()} == told


@pytest.mark.parametrize("env_id", BODIES)
def test_the_same_seed_gives_the_same_life_and_another_seed_another(env_id):
    def life(seed):
        env = gymnasium.make(f"wetware/{env_id}")
        env.action_space.seed(0)
        seen = [env.reset(seed=seed)[0]]
        seen += [env.step(env.action_space.sample())[0] for _ in range(40)]
        return np.concatenate([part.ravel() for senses in seen for part in senses.values()])

    np.testing.assert_array_equal(life(1), life(1))
    assert not np.array_equal(life(1), life(2))
