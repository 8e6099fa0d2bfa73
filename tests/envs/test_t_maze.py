"""The maze is solved by remembering the light, and only by that."""

import mujoco
import numpy as np
import pytest

import envs
from envs.scripted.t_maze import controller
from tests.envs.episodes import flail, play

CUE_STEPS = 20


def forgetful(rows):
    """Return a driver that made up its side before it saw the light."""
    driver = controller(rows)
    driver.side[:] = np.random.default_rng(0).choice([-1, 1], rows)
    return driver


def test_who_remembers_the_light_succeeds_and_who_does_not_is_at_chance():
    remembering, _ = play("TMaze-v0", rows=32)
    forgetting, _ = play("TMaze-v0", forgetful(32), rows=32)
    flailing, _ = flail("TMaze-v0", rows=32)
    assert remembering.mean() > 0.95
    assert 0.25 < forgetting.mean() < 0.75
    assert np.abs(flailing.mean()) < 0.1


def test_returns_are_one_for_success_and_zero_for_failure():
    returns, _ = play("TMaze-v0", forgetful(32), rows=32)
    nearest = np.round(returns)
    assert set(nearest) == {0.0, 1.0}
    np.testing.assert_allclose(returns, nearest, atol=0.05)


def test_nothing_sensed_after_the_light_went_out_tells_its_side():
    """Two robots that differ in the side of the light alone cannot be told apart later."""
    env = envs.make_vec_env("TMaze-v0", 2, seed=0, num_threads=1)
    env.reset()
    task = env.engine.task
    task.qpos[:] = 0.0
    task.memory()["side"][:] = [1.0, -1.0]
    env.engine.batch.bind("mocap_pos")[1, :, 0] *= -1
    for step in range(60):
        vision = env.step(np.full((2, 2), 0.8, np.float32))[0]
        lights = vision.pop("vision")
        if step < CUE_STEPS - 1:
            np.testing.assert_array_equal(lights[:, 7:], [[1, 0], [0, 1]])
        else:
            np.testing.assert_array_equal(lights[0], lights[1])
        for senses in vision.values():
            np.testing.assert_array_equal(senses[0], senses[1])


def test_the_lamps_that_people_see_hang_on_the_side_of_the_light():
    env = envs.make_vec_env("TMaze-v0", 8, seed=0, num_threads=1)
    lit = env.reset()["vision"][:, 7:]
    task, batch = env.engine.task, env.engine.batch
    lamps, places = batch.bind("mocap_pos"), batch.bind("xpos")
    assert 0 < lit[:, 0].sum() < 8
    task.qpos[:, 1] = 0.7 * (lit[:, 0] - lit[:, 1])  # into the arm of the light
    batch.forward()
    robot = places[:, task.model.body("robot").id, 0]
    np.testing.assert_array_equal(np.sign(lamps[:, :, 0]), np.sign([robot, robot]).T)
    assert (lamps[:, 0, 2] > 0).all()
    task.qpos[:, 1] = 0.0
    for _ in range(CUE_STEPS):
        env.step(np.zeros((8, 2), np.float32))
    assert (lamps[:, 0, 2] < 0).all() and (lamps[:, 1, 2] > 0).all()


def test_the_brakes_hold_the_robot_while_the_light_shines():
    env = envs.make_vec_env("TMaze-v0", 2, seed=0, num_threads=1)
    env.reset()
    places = []
    for _ in range(40):
        env.step(np.ones((2, 2), np.float32))
        places.append(env.engine.task.qpos[:, 0].copy())
    moved = np.abs(np.array(places) - places[0]).max(axis=1)
    assert moved[CUE_STEPS - 1] < 1e-3 < 0.05 < moved[CUE_STEPS + 5]


@pytest.mark.parametrize("frame_skip", [5, 3])
def test_rays_tell_the_distance_to_the_walls_as_they_are_now(frame_skip):
    env = envs.make_vec_env(
        "TMaze-v0", 1, seed=0, num_threads=1, env_kwargs={"frame_skip": frame_skip}
    )
    env.reset()
    task = env.engine.task
    fresh, data = task.model.__copy__(), mujoco.MjData(task.model)
    left, right = fresh.site("ray_left").id, fresh.site("ray_right").id
    generator, ray, hit = np.random.default_rng(0), np.zeros(7), np.zeros(1, np.int32)
    for step in range(120):
        if step % 10 == 0:
            actions = generator.uniform(-1, 1, (1, 2)).astype(np.float32)
        vision = env.step(actions)[0]["vision"][0]
        data.qpos[:] = task.qpos[0]
        mujoco.mj_kinematics(fresh, data)
        for index, site in enumerate(range(left, right + 1)):
            origin, along = data.site_xpos[site], data.site_xmat[site].reshape(3, 3)[:, 2]
            body = fresh.body("robot").id
            ray[index] = mujoco.mj_ray(fresh, data, origin, along, None, 1, body, hit, None)
        np.testing.assert_allclose(vision[:7], ray, atol=1e-9)


def test_a_bump_is_felt_where_the_rim_touches():
    env = envs.make_vec_env("TMaze-v0", 1, seed=0, num_threads=1)
    env.reset()
    felt = np.zeros(4)
    for _ in range(70):
        felt += env.step(np.float32([[0.6, 1.0]]))[0]["touch"][0]
    assert felt[0] > 0 and felt[0] == felt.max()
