"""Pictures, and what happens where none can be drawn."""

import os
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

import envs


@pytest.fixture
def body():
    env = envs.make_vec_env("HalfCheetah-v5", num_envs=3)
    env.reset()
    try:
        env.render_frame(width=32, height=32)
    except envs.RenderingError as error:
        pytest.skip(str(error))
    yield env
    env.close()


def run(code, **variables):
    """Run code in a Python of its own, without a display; return what it prints."""
    kept = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    kept.pop("MUJOCO_GL", None)
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_a_frame_has_the_size_asked_for_and_shows_something(body):
    for width, height in ((64, 48), (80, 160)):
        frame = body.render_frame(1, width, height)
        assert frame.shape == (height, width, 3) and frame.dtype == np.uint8
        assert frame.std() > 5


def test_frames_show_their_own_row_and_drawing_changes_no_physics(body):
    body.step(np.zeros((3, 6), np.float32))
    state = body.engine.batch.state.copy()
    frames = [body.render_frame(index, 64, 64) for index in range(3)]
    assert not np.array_equal(frames[0], frames[1])
    np.testing.assert_array_equal(state, body.engine.batch.state)


def test_the_view_can_be_chosen_by_name_number_or_fields(body):
    views = [None, "track", 0, {"distance": 9.0, "azimuth": 10.0}]
    chosen = [body.render_frame(0, 64, 64, view) for view in views]
    np.testing.assert_array_equal(chosen[1], chosen[2])
    assert not np.array_equal(chosen[0], chosen[3])
    with pytest.raises(ValueError, match=r"no camera 'nose'; the model has \['track'\]"):
        body.render_frame(0, 64, 64, "nose")


def test_gymnasium_draws_a_single_body_and_a_vector(body):
    single = gymnasium.make("wetware/Reacher-v5", render_mode="rgb_array", width=64, height=32)
    single.reset(seed=0)
    assert single.render().shape == (32, 64, 3)
    vector = gymnasium.make_vec("wetware/Reacher-v5", num_envs=2, render_mode="rgb_array")
    vector.reset(seed=0)
    assert [frame.shape for frame in vector.render()] == [(480, 480, 3)] * 2
    single.close()
    vector.close()


def test_gymnasium_rows_are_fitted_into_the_size_asked_for(body):
    env = envs.make_vec_env("gymnasium:Ant-v5", num_envs=1)
    env.reset()
    assert env.render_frame(0, 96, 64).shape == (64, 96, 3)
    env.close()


def test_where_the_renderer_is_off_training_works_and_drawing_says_what_mends_it():
    code = """
import numpy, envs
env = envs.make_vec_env("Hopper-v5", num_envs=2)
env.reset()
env.step(numpy.zeros((2, 3)))
try:
    env.render_frame()
except envs.RenderingError as error:
    print(error)
"""
    message = run(code, MUJOCO_GL="disabled")
    assert "MUJOCO_GL=egl" in message and "\n" not in message


def test_a_renderer_whose_library_is_missing_does_not_stop_the_import():
    code = """
import ctypes.util
ctypes.util.find_library = lambda name: None
import envs
env = envs.make_vec_env("Hopper-v5", num_envs=1)
env.reset()
try:
    env.render_frame()
except envs.RenderingError as error:
    print(error)
"""
    assert "apt install libosmesa6" in run(code, MUJOCO_GL="osmesa")
    assert "apt install libegl1" in run(code)


def test_a_renderer_that_does_not_exist_does_not_stop_training_and_drawing_names_it():
    code = """
import numpy, envs
env = envs.make_vec_env("Hopper-v5", num_envs=1)
env.reset()
env.step(numpy.zeros((1, 3)))
try:
    env.render_frame()
except envs.RenderingError as error:
    print(error)
"""
    message = run(code, MUJOCO_GL="bogus")
    assert "MUJOCO_GL=bogus" in message and "\n" not in message
    if sys.platform == "linux":
        assert "MUJOCO_GL=egl or MUJOCO_GL=osmesa" in message


def test_a_process_started_by_one_that_cannot_draw_gives_the_same_reason():
    code = """
import subprocess, sys
from envs.headless import WHY_NOT
again = "from envs.headless import WHY_NOT; print(WHY_NOT)"
print(WHY_NOT)
print(subprocess.run([sys.executable, "-c", again], capture_output=True, text=True).stdout.strip())
"""
    first, second = run(code, MUJOCO_GL="bogus").splitlines()
    assert first == second
    assert "bogus" in first


@pytest.mark.parametrize("module", ["envs", "agents", "analysis.film", "analysis.live", "train"])
def test_whatever_is_imported_first_survives_a_renderer_that_does_not_exist(module):
    assert run(f"import {module}; print('imported')", MUJOCO_GL="bogus") == "imported"


@pytest.mark.parametrize("value", ["", "off", "GLFW ", "true", "0"])
def test_what_mujoco_takes_is_not_called_wrong(value):
    code = "from envs.headless import WHY_NOT; print(WHY_NOT)"
    assert "no renderer" not in run(code, MUJOCO_GL=value)


def test_without_a_display_egl_is_chosen_unless_the_user_chose():
    code = "import os, envs; print(os.environ.get('MUJOCO_GL'))"
    assert run(code) in ("egl", "None")  # None where its library is missing
    assert run(code, MUJOCO_GL="glfw") == "glfw"
