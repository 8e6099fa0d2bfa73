"""The maze is solved by remembering the light, and only by that."""

import mujoco
import numpy as np
import pytest

import envs
from tests.envs.episodes import episode_returns, flail

CUE_STEPS = 20


class Driver:
    """Drives down the corridor and turns to a side: the light's, or one that it makes up."""

    def __init__(self, rows, *, remembers=True):
        self.heading, self.side = np.zeros(rows), np.zeros(rows)
        self.made_up = None if remembers else np.random.default_rng(0).choice([-1, 1], rows)
        self.at_the_crossing = np.zeros(rows, bool)

    def __call__(self, observation, step):
        vision = observation["vision"]
        self.heading += 0.05 * observation["vestibular"][:, 2]
        self.side += (vision[:, 7] - vision[:, 8]) * (self.side == 0)
        self.at_the_crossing |= vision[:, 3] < 0.25
        side = self.side if self.made_up is None else self.made_up
        error = np.where(self.at_the_crossing, side * np.pi / 2, 0) - self.heading
        between_walls = (vision[:, 0] < 0.4) & (vision[:, 6] < 0.4)
        error += np.where(between_walls, vision[:, 0] - vision[:, 6], 0)
        forwards = np.clip(1 - 1.5 * np.abs(error), 0, 1)
        wheels = np.stack([forwards - error, forwards + error], axis=1)
        return np.clip(wheels, -1, 1).astype(np.float32)


def test_who_remembers_the_light_succeeds_and_who_does_not_is_at_chance():
    remembering = episode_returns("TMaze-v0", Driver(32), rows=32)
    forgetting = episode_returns("TMaze-v0", Driver(32, remembers=False), rows=32)
    flailing = episode_returns("TMaze-v0", flail(2), rows=32)
    assert remembering.mean() > 0.95
    assert 0.25 < forgetting.mean() < 0.75
    assert np.abs(flailing.mean()) < 0.1


def test_returns_are_one_for_success_and_zero_for_failure():
    returns = episode_returns("TMaze-v0", Driver(32, remembers=False), rows=32)
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
