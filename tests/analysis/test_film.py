import json
import resource
import subprocess
from itertools import pairwise

import imageio_ffmpeg
import mujoco
import numpy as np
import pytest
import torch

import envs
from agents.build import build_agent, make_env
from agents.composition import reference_config
from agents.run_folder import RunFolder
from analysis import stage
from analysis import view as views
from analysis.encoding import writing
from analysis.film import film
from analysis.run_films import film_run
from envs.headless import WHY_NOT

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
SMALL = {"width": 160, "height": 96}


class Shaker:
    """An agent whose actions come from torch's generator, as those of an exploring brain do."""

    def __init__(self, size):
        self.size = size
        self.starts = []

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        self.starts.append(bool(episode_start[0]))
        return torch.rand(len(observation), self.size).numpy() * 2 - 1, (state or 0) + 1


@pytest.fixture
def cheetah():
    env = envs.make_vec_env("HalfCheetah-v5", num_envs=1, num_threads=1)
    yield env
    env.close()


def frames_of(path, height=96, width=160):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24"]
    raw = subprocess.run([*command, "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def test_a_film_has_a_frame_per_control_step_at_the_pace_of_the_body(cheetah, tmp_path):
    made = film(Shaker(6), cheetah, tmp_path / "videos" / "film.mp4", seconds=1.0, **SMALL)
    frames = frames_of(made.path)
    assert frames.shape == (20, 96, 160, 3)
    assert made.frames == 20
    assert made.frames_per_second == pytest.approx(1 / cheetah.control_period)
    assert frames[0].std() > 10
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 1


def test_a_fast_control_rate_is_thinned_to_at_most_fifty_frames_a_second(tmp_path):
    env = envs.make_vec_env("Hopper-v5", num_envs=1, num_threads=1)
    made = film(Shaker(3), env, tmp_path / "film.mp4", episodes=99, seconds=0.48, **SMALL)
    assert made.frames_per_second == pytest.approx(125 / 3)
    assert 20 <= made.frames <= 20 + len(made.returns)


def test_episodes_are_filmed_whole_and_their_returns_told(tmp_path):
    env = envs.make_vec_env("Hopper-v5", num_envs=1, num_threads=1)
    agent = Shaker(3)
    made = film(agent, env, tmp_path / "film.mp4", episodes=2, **SMALL)
    assert len(made.returns) == 2
    assert sum(agent.starts) == 2
    assert agent.starts[0]


def test_the_same_seed_makes_the_same_film_and_leaves_torchs_generator_alone(cheetah, tmp_path):
    before = torch.random.get_rng_state()
    first, second, other = (
        frames_of(film(Shaker(6), cheetah, tmp_path / name, seconds=0.4, seed=seed, **SMALL).path)
        for name, seed in (("a.mp4", 3), ("b.mp4", 3), ("c.mp4", 4))
    )
    assert (first == second).all()
    assert (first != other).any()
    assert (torch.random.get_rng_state() == before).all()


def test_a_film_can_be_played_anywhere(cheetah, tmp_path):
    made = film(Shaker(6), cheetah, tmp_path / "film.mp4", seconds=0.2, **SMALL)
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    told = subprocess.run([ffmpeg, "-i", made.path], capture_output=True, text=True).stderr
    assert "h264" in told
    assert "yuv420p" in told


@pytest.mark.parametrize("failure", [RuntimeError("brain"), KeyboardInterrupt()])
def test_a_film_that_fails_halfway_leaves_no_file_and_keeps_the_one_before_it(
    cheetah, tmp_path, failure
):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"the film of yesterday")
    agent = Shaker(6)

    def fail(observation, **_):
        if len(agent.starts) > 3:
            raise failure
        return Shaker.predict(agent, observation, **_)

    agent.predict = fail
    with pytest.raises(type(failure)) as caught:
        film(agent, cheetah, path, seconds=1.0, **SMALL)
    assert caught.value is failure
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]
    assert path.read_bytes() == b"the film of yesterday"


@pytest.mark.parametrize(("side", "nearest"), [({"width": 100}, 96), ({"height": 7}, 16)])
def test_a_size_that_codecs_would_rescale_is_refused_with_the_nearest_that_fits(
    cheetah, tmp_path, side, nearest
):
    with pytest.raises(ValueError, match=f"take {nearest}"):
        film(Shaker(6), cheetah, tmp_path / "film.mp4", **(SMALL | side))


def test_a_film_that_would_never_end_is_refused(cheetah, tmp_path):
    with pytest.raises(ValueError, match="episodes or seconds"):
        film(Shaker(6), cheetah, tmp_path / "film.mp4", episodes=None, **SMALL)


def test_a_run_is_filmed_into_its_folder_under_the_name_of_its_checkpoint(tmp_path):
    config = reference_config("train", ["env=Hopper-v5", "brain=mlp", "num_envs=2"])
    run = RunFolder(tmp_path)
    run.begin(config)
    state = build_agent(config, make_env(config)).training_state()
    for env_steps in (64, 128):
        run.save_checkpoint(state, env_steps=env_steps, wall_seconds=1.0)
    newest = film_run(tmp_path, seed=1, seconds=0.3, **SMALL)
    assert newest.path == tmp_path / "videos" / "step_000000128.mp4"
    first = run.checkpoint_folders()[0]
    assert film_run(first, seed=1, seconds=0.1, **SMALL).path.stem == first.name
    assert len(frames_of(newest.path)) == newest.frames > 5


def test_a_batch_of_bodies_is_refused(tmp_path):
    env = envs.make_vec_env("Hopper-v5", num_envs=2, num_threads=1)
    with pytest.raises(ValueError, match="one row, got 2"):
        film(Shaker(3), env, tmp_path / "film.mp4", **SMALL)


def test_a_machine_without_a_renderer_is_told_what_mends_it(cheetah, tmp_path, monkeypatch):
    def broken(*_):
        raise ImportError("Cannot initialize a EGL device display")

    monkeypatch.setattr(mujoco, "Renderer", broken)
    monkeypatch.setenv("MUJOCO_GL", "egl")
    with pytest.raises(envs.RenderingError, match=r"EGL device.*libegl1.*make doctor") as caught:
        film(Shaker(6), cheetah, tmp_path / "film.mp4", **SMALL)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_fails_is_reported_in_one_line(cheetah, tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    with pytest.raises(envs.RenderingError, match="could not be encoded") as caught:
        film(Shaker(6), cheetah, tmp_path / "film.mp4", seconds=0.2, **SMALL)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_finds_no_room_is_reported_in_one_line(tmp_path, capfd):
    frames = np.random.default_rng(0).integers(0, 255, (60, 128, 128, 3), dtype=np.uint8)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, most[1]))
    try:
        with (
            pytest.raises(envs.RenderingError, match="is there room on the disk") as caught,
            writing(tmp_path / "film.mp4", 30.0) as append,
        ):
            for frame in frames:
                append(frame)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert "\n" not in str(caught.value)
    assert "FFMPEG" not in str(caught.value)
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


def test_a_body_at_constant_speed_stays_in_the_middle_of_the_picture():
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><body><freejoint/><geom size=".5"/></body></worldbody></mujoco>'
    )
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = stage.ChaseCamera(model, data, 0.05, 16 / 9, {})
    gaps = []
    for step in range(100):
        data.qpos[0] = 8.0 * 0.05 * step  # faster than any cheetah here runs
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        gaps.append(abs(data.qpos[0] - camera.follow(data).lookat[0]))
    assert max(gaps) < 1.2  # half of what the picture shows at the body's distance is 1.6 m
    assert gaps[-1] < 0.01


def test_the_camera_rests_where_the_body_cannot_leave_its_place():
    env = envs.make_vec_env("InvertedPendulum-v5", num_envs=1, num_threads=1)
    model = env.engine.task.model
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = stage.ChaseCamera(model, data, 0.04, 16 / 9, {})
    first = np.array(camera.follow(data).lookat)
    data.qpos[0] = 0.8
    mujoco.mj_forward(model, data)
    assert not camera.travels
    assert (camera.follow(data).lookat == first).all()


def test_a_body_within_walls_is_filmed_by_a_camera_that_rests_as_its_task_wishes(tmp_path):
    class Ahead(Shaker):
        def predict(self, observation, **_):
            return np.ones((len(observation["vision"]), self.size)), None

    env = envs.make_vec_env("TMaze-v0", num_envs=1, num_threads=1)
    task = env.engine.task
    made = film(Ahead(2), env, tmp_path / "film.mp4", seconds=2.5, **SMALL)
    frames = frames_of(made.path).astype(int)
    changed = np.abs(frames[-1, :88] - frames[0, :88]).max(axis=2) > 60  # above the caption
    assert 0 < changed.mean() < 0.3  # the robot and its light have moved, the walls have not
    data = mujoco.MjData(task.model)
    mujoco.mj_forward(task.model, data)
    near, far = (
        stage.ChaseCamera(task.model, data, 0.05, 16 / 9, {**task.film_view, "zoom": zoom})
        for zoom in (2.0, 1.0)
    )
    assert not near.travels
    assert near.follow(data).distance == pytest.approx(far.follow(data).distance / 2)


def test_rays_that_sense_distance_are_drawn_as_far_as_they_reach():
    env = envs.make_vec_env("TMaze-v0", num_envs=1, num_threads=1)
    env.reset()
    task, rows = env.engine.task, env.engine.batch.state
    still = stage.Stage(task.model, control_period=0.05, width=320, height=192, view=task.film_view)
    yellow = []
    for heading in (0.0, np.pi):  # along the corridor, and to the near wall behind the start
        task.qpos[0] = [0, 0, 0, heading, 0, 0]
        red, green, blue = np.moveaxis(still.draw(rows[0]).astype(int), 2, 0)
        yellow.append(np.count_nonzero((red > 200) & (green > 200) & (blue < 100)))
    still.close()
    assert 0 < yellow[1] < 0.75 * yellow[0]


def test_the_sky_grows_darker_upwards_and_is_one_colour_below_the_horizon():
    column = stage.sky(200, elevation=-10.0).astype(int).sum(axis=1)
    assert all(above <= below for above, below in pairwise(column))
    assert column[0] < column[-1]
    assert len(set(column[120:])) == 1


def test_the_body_of_the_simulation_is_not_dressed(cheetah, tmp_path):
    model = cheetah.engine.task.model
    before = json.dumps([model.tex_data.tolist(), model.vis.map.shadowclip, model.stat.extent])
    film(Shaker(6), cheetah, tmp_path / "film.mp4", seconds=0.1, **SMALL)
    after = json.dumps([model.tex_data.tolist(), model.vis.map.shadowclip, model.stat.extent])
    assert before == after


def test_the_speed_in_the_caption_is_that_of_the_centre_of_mass():
    view = views.View(lambda: None, None, 0.1)
    view._places.extend(np.array([0.3 * step, 0.4 * step, 9.0]) for step in range(4))
    assert view.speed() == pytest.approx(5.0)
    view.cut()
    assert view.speed() is None
