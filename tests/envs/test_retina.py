"""The eye sees what is there, where it is."""

import mujoco
import numpy as np
import pytest

import envs
from analysis.stage import open_renderer
from envs.engine import Engine
from envs.forager import Forager
from envs.gaze import Gaze
from envs.retina import Retina, off_axis, picture
from envs.scenery import UNSEEN_GROUP


def engine_of(task, rows=3, threads=1):
    engine = Engine(task, name="Eye", num_envs=rows, num_threads=threads, max_episode_steps=None)
    engine.seed(list(range(rows)))
    engine.reset(np.arange(rows))
    return engine


def eyes(engine):
    """Return fovea and periphery of all rows, [N, h, w, 4] each."""
    vision = engine.task.present(engine.observation)["vision"]
    half = vision.shape[2] // 2
    return vision[:, :, :half], vision[:, :, half:]


def open_eye(model, size):
    try:
        renderer = open_renderer(model, size, size)
    except envs.RenderingError as error:
        pytest.skip(str(error))
    renderer.enable_segmentation_rendering()
    return renderer


def shown_by_renderer(renderer, model, state, camera):
    """Return which geom a rendered picture shows in each pixel, [size, size]; -1 for none."""
    data = mujoco.MjData(model)
    mujoco.mj_setState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
    mujoco.mj_forward(model, data)
    options = mujoco.MjvOption()
    options.geomgroup[:] = 1
    options.geomgroup[UNSEEN_GROUP] = 0
    renderer.update_scene(data, camera, options)
    kinds = renderer.render()
    return np.where(kinds[..., 1] == mujoco.mjtObj.mjOBJ_GEOM, kinds[..., 0], -1)


@pytest.mark.parametrize("task_class", [Gaze, Forager])
def test_each_pixel_has_the_colour_of_what_a_rendered_picture_shows_there(task_class):
    size = 24
    task = task_class(resolution=size)
    engine = engine_of(task)
    generator = np.random.default_rng(0)
    for _ in range(25):
        low, high = task.action_space.low, task.action_space.high
        engine.step(generator.uniform(low, high, (3, low.size)))
    model, seen = task.model, set()
    colours = np.concatenate([model.geom_rgba[:, :3], np.zeros((1, 3), np.float32)])
    floor = model.geom("floor").id
    colours[floor] = model.mat_rgba[model.geom_matid[floor], :3]
    with open_eye(model, size) as renderer:
        for row, state in enumerate(engine.batch.state):
            for camera, vision in zip(("fovea", "periphery"), eyes(engine), strict=True):
                geoms = shown_by_renderer(renderer, model, state, camera)
                wanted = colours[geoms]
                if camera == "periphery":
                    wanted = np.repeat(wanted.mean(axis=-1, keepdims=True), 3, axis=-1)
                same = np.abs(vision[row][..., :3] - wanted).max(axis=-1) < 1e-3
                assert same.mean() > 0.97, camera  # outlines may fall to either side
                seen |= set(np.unique(geoms).tolist())
    assert len(seen) >= 5


def test_nearness_is_the_distance_along_the_ray():
    engine = engine_of(Gaze())
    fovea, periphery = eyes(engine)
    model, data = engine.task.model, mujoco.MjData(engine.task.model)
    mujoco.mj_setState(model, data, engine.batch.state[0], mujoco.mjtState.mjSTATE_INTEGRATION)
    mujoco.mj_forward(model, data)
    camera = data.camera("periphery")
    size = periphery.shape[1]
    slope = np.tan(np.radians(model.camera("periphery").fovy[0] / 2)) * ((2 * 5 + 1) / size - 1)
    ray = camera.xmat.reshape(3, 3) @ np.array([slope, -slope, -1.0])  # fifth row, fifth column
    groups = np.array([1, 0, 1, 1, 1, 1], np.uint8)
    geom = np.zeros(1, np.int32)
    distance = mujoco.mj_ray(
        model, data, camera.xpos, ray / np.linalg.norm(ray), groups, 1, -1, geom
    )
    assert geom[0] >= 0
    assert periphery[0, 5, 5, 3] == pytest.approx(1 - distance / 1.2)
    assert fovea.min() >= 0 and fovea.max() <= 1 and periphery.min() >= 0 and periphery.max() <= 1


def test_what_is_not_there_is_black_and_far():
    engine = engine_of(Gaze())
    engine.task.qpos[:, 3] = -0.6  # look up, over the edge of the world
    engine.batch.forward()
    periphery = eyes(observing(engine))[1]
    assert (periphery[:, 0] == 0).all()


def observing(engine):
    engine.observation = engine.task.observe()
    return engine


def test_rows_that_start_again_see_what_they_would_see_if_all_looked():
    engine = engine_of(Gaze(), rows=4)
    for _ in range(5):
        engine.step(np.full((4, 8), 0.5))
    engine.reset(np.array([1, 3]))
    before = engine.observation.copy()
    np.testing.assert_array_equal(observing(engine).observation, before)


def test_an_eye_in_two_places_is_refused():
    xml = """<mujoco><worldbody><body name="b"><geom name="g" size="1"/>
        <camera name="fovea"/><camera name="periphery" pos="0 0 1"/></body></worldbody></mujoco>"""
    with pytest.raises(ValueError, match="at one place"):
        spec = mujoco.MjSpec.from_string(xml)
        Retina(spec, spec.compile(), resolution=2, farthest=1.0)
    with pytest.raises(ValueError, match="at least 1 ray, got 0"):
        Gaze(resolution=0)


def test_resolution_is_the_side_of_each_half():
    assert Gaze(resolution=5).observation_space["vision"].shape == (5, 10, 4)


def test_a_picture_shows_the_pixels_side_by_side():
    vision = np.zeros((2, 4, 4))
    vision[0, 0, :3] = 1.0, 0.0, 0.0
    vision[1, 3, :3] = 0.5
    shown = picture(vision, pixel=8)
    assert shown.dtype == np.uint8 and shown.shape == (16, 34, 3)
    assert (shown[:8, :8] == [255, 0, 0]).all()
    assert (shown[8:, -8:] == 127).all()
    assert (shown[:, 16:18] == 235).all()


def test_the_angle_off_axis_is_zero_ahead_and_right_beside():
    ahead = np.eye(3)[np.newaxis]  # looks along -z
    targets = np.array([[0.0, 0.0, -2.0], [3.0, 0.0, 0.0]])
    angles = off_axis(np.repeat(ahead, 2, axis=0), np.zeros((2, 3)), targets)
    np.testing.assert_allclose(angles, [0, np.pi / 2])
