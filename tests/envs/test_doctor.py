import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from envs import doctor

SCRIPT = Path(doctor.__file__)


def run_doctor(**variables):
    return subprocess.run(
        [sys.executable, SCRIPT],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **variables},
        cwd="/",
        check=False,
    )


def test_the_doctor_names_every_part_and_its_exit_status_agrees_with_its_last_line():
    done = run_doctor()
    for what in ("python", "mujoco-core", "bodies", "torch threads", "rendering: egl", "ffmpeg"):
        assert what in done.stdout
    assert (done.returncode == 0) == ("Everything that training" in done.stdout)
    assert done.stderr == ""


def test_a_backend_chosen_by_a_variable_that_cannot_render_is_something_to_mend():
    # PyOpenGL bound to a platform that does not exist makes every backend fail.
    done = run_doctor(PYOPENGL_PLATFORM="nonsense", MUJOCO_GL="egl")
    assert done.returncode == 1
    assert "unset PYOPENGL_PLATFORM" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("To mend: films: renderer")


def test_every_finding_that_does_not_work_brings_exactly_one_line_that_mends_it():
    findings = [
        doctor.check_python((3, 14, 0)),
        doctor.check_package("mujoco-core", lambda _: "4.0.0"),
        doctor.check_package("torch", missing),
        doctor.check_rendering("nonsense"),
        doctor.check_chosen_backend([]),
    ]
    for finding in findings:
        assert not finding.works
        assert finding.mend
        assert "\n" not in finding.mend
        assert "\n" not in finding.detail


@pytest.mark.parametrize(
    ("variables", "working", "mend"),
    [
        ({}, ["egl"], ""),
        ({}, ["osmesa"], "export MUJOCO_GL=osmesa"),  # without a display EGL is taken by itself
        ({"DISPLAY": ":0"}, ["egl"], "export MUJOCO_GL=egl"),
        ({"DISPLAY": ":0"}, ["egl", "glfw"], ""),
        ({"MUJOCO_GL": "osmesa"}, ["egl", "osmesa"], ""),
        ({"MUJOCO_GL": "disabled"}, ["egl"], "export MUJOCO_GL=egl"),
        ({"MUJOCO_GL": "bogus"}, ["egl"], "export MUJOCO_GL=egl"),
        ({}, [], doctor.PACKAGES_OF_BACKEND["egl"]),
    ],
)
def test_the_backend_that_films_will_use_is_judged_and_another_proposed(
    monkeypatch, variables, working, mend
):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    finding = doctor.check_chosen_backend(working)
    assert finding.mend == mend
    assert finding.works == (mend == "")


def test_a_renderer_that_does_not_exist_is_named_and_bodies_step_without_it(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "bogus")
    assert doctor.check_chosen_backend(["egl"]).detail.startswith("MUJOCO_GL=bogus is none of egl,")
    bodies = doctor.check_stepping()
    assert "threads step" in bodies.detail
    assert bodies.mend != doctor.INSTALL


def test_what_works_needs_no_mending():
    assert doctor.check_python((3, 12, 1)) == ("python", True, "3.12.1", "", True)
    assert doctor.check_package("mujoco-core", lambda _: "4.0.1").mend == ""


@pytest.mark.parametrize(
    ("backend", "error", "mend"),
    [
        ("egl", "ImportError: Cannot initialize a EGL device display", "libegl1"),
        ("egl", "ImportError: The PYOPENGL_PLATFORM environment variable is set", "unset PYOPENGL"),
        ("egl", "RuntimeError: The MUJOCO_EGL_DEVICE_ID environment", "unset MUJOCO_EGL"),
        ("egl", "/dev/dri/renderD128: Permission denied", "usermod -aG render"),
        ("egl", "ModuleNotFoundError: No module named 'OpenGL'", "mujoco-core[rendering]"),
        ("egl", "ModuleNotFoundError: No module named 'mujoco'", "make setup"),
        ("osmesa", "AttributeError: 'NoneType' object has no attribute", "libosmesa6"),
        ("glfw", "X11: The DISPLAY environment variable is missing", "xvfb"),
    ],
)
def test_each_known_rendering_error_gets_the_line_that_mends_its_cause(backend, error, mend):
    assert mend in doctor.mend_rendering(backend, error)


def test_the_first_error_is_reported_and_not_the_one_that_cleaning_up_raises():
    stderr = """Traceback (most recent call last):
  File "x.py", line 1, in <module>
ImportError: Cannot initialize a EGL device display. This likely means no driver.
Exception ignored in: <function GLContext.__del__>
Traceback (most recent call last):
AttributeError: 'GLContext' object has no attribute '_context'
"""
    assert doctor.first_error(stderr).startswith("ImportError: Cannot initialize a EGL")


def test_a_probe_that_kills_its_process_is_survived_and_reported():
    answer, error = doctor.probe("import os; os.abort()")
    assert answer is None
    assert "status" in error


def test_more_threads_than_cores_are_pointed_out(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    finding = doctor.check_processors()
    assert not finding.works
    assert finding.mend == f"export OMP_NUM_THREADS={doctor.available_cores()}"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert doctor.check_processors().works


@pytest.mark.parametrize(
    ("gpu", "cuda_build", "tool", "detail", "mend"),
    [
        ("H100", "12.8", "/bin/nvidia-smi", "H100: add device=cuda to use it", ""),
        (None, None, None, "none: everything runs on the CPU, device=cuda does not", ""),
        (None, None, "/bin/nvidia-smi", "PyTorch's CPU build: device=cuda does not work", "CUDA"),
        (None, "12.8", "/bin/nvidia-smi", "can use: device=cuda does not work", "CUDA 12.8"),
    ],
)
def test_whether_a_gpu_can_be_used_is_said_in_one_line(
    monkeypatch, gpu, cuda_build, tool, detail, mend
):
    answer = {"threads": 2, "gpu": gpu, "cuda_build": cuda_build}
    monkeypatch.setattr(doctor, "probe", lambda _: (answer, ""))
    monkeypatch.setattr(doctor.shutil, "which", lambda _: tool)
    _, finding = doctor.check_torch()
    assert finding.what == "gpu"
    assert detail in finding.detail
    assert mend in finding.mend
    assert finding.works == (finding.mend == "") == (mend == "")
    assert not finding.needed or finding.works


def missing(name):
    raise importlib.metadata.PackageNotFoundError(name)
