"""What the v5 tasks say of their bodies: which joints make a limb, which senses are velocities."""

import numpy as np
import pytest

import envs
from envs.registration import build_task, native_spec

# Options that move the velocities to other columns.
CASES = [
    *[(name, {}) for name in envs.native_names() if name.endswith("-v5")],
    *[
        (name, {"exclude_current_positions_from_observation": False})
        for name in ("HalfCheetah-v5", "Hopper-v5", "Swimmer-v5", "Walker2d-v5")
    ],
]
LIMBLESS = {"InvertedPendulum-v5", "InvertedDoublePendulum-v5"}


def task_of(env_id, **options):
    return build_task(native_spec(env_id).kwargs["task"], env_id, options)


@pytest.mark.parametrize("env_id", [name for name, options in CASES if not options])
def test_limbs_are_disjoint_sets_of_actuated_joints(env_id):
    task = task_of(env_id)
    actuated = {task.model.joint(joint).name for joint in task.model.actuator_trnid[:, 0]}
    named = [joint for limb in task.limbs.values() for joint in limb]
    assert set(named) <= actuated
    assert len(named) == len(set(named))
    assert bool(named) != (env_id in LIMBLESS)


@pytest.mark.parametrize(("env_id", "options"), CASES)
def test_velocity_columns_and_no_others_double_when_a_body_moves_twice_as_fast(env_id, options):
    env = envs.make_vec_env(env_id, num_envs=1, seed=3, env_kwargs=options)
    env.reset()
    engine = env.engine
    slow = np.random.default_rng(0).uniform(0.1, 1.0, engine.task.model.nv)
    sensed = []
    for velocity in (slow, 2.0 * slow):
        engine.task.qvel[0] = velocity
        engine.batch.forward()
        sensed.append(engine.task.observe()[0])
    columns = engine.task.velocity_columns
    moving = np.zeros(sensed[0].shape, bool)
    moving[columns] = True
    np.testing.assert_allclose(sensed[1][moving], 2.0 * sensed[0][moving])
    assert (sensed[0][moving] != 0.0).all()
    if env_id == "InvertedDoublePendulum-v5":
        moving[-1] = True  # the force of the rail, which depends on the velocities
    np.testing.assert_array_equal(sensed[1][~moving], sensed[0][~moving])
