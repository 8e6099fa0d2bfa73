"""Tell what works on this machine, and the one line that mends what does not.

Run as `python envs/doctor.py` or `make doctor`. It imports nothing of the project, so that it still
speaks when the installation is broken, and it renders in subprocesses, because a driver that fails
may take its whole process down.
"""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

BACKENDS = ("egl", "osmesa", "glfw")
PROBE_SECONDS = 60
PACKAGES = ("mujoco-core", "gymnasium", "stable-baselines3", "sb3-contrib", "torch", "numpy")
INSTALL = "make setup"

RENDER_PROBE = """
import json, time, mujoco
model = mujoco.MjModel.from_xml_string(
    '<mujoco><visual><quality offsamples="0"/></visual><worldbody><light pos="0 0 3"/>'
    '<geom type="sphere" size=".3" rgba="1 0 0 1"/></worldbody></mujoco>')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 64, 64) as renderer:
    renderer.update_scene(data)
    renderer.render()
    start = time.perf_counter()
    frame = renderer.render()
    milliseconds = 1000 * (time.perf_counter() - start)
    from OpenGL import GL
    device = GL.glGetString(GL.GL_RENDERER).decode()
if frame.std() == 0:
    raise SystemExit("the frame is empty")
print(json.dumps({"device": device, "milliseconds": milliseconds}))
"""

TORCH_PROBE = """
import json, torch
print(json.dumps({
    "threads": torch.get_num_threads(),
    "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
    "cuda_build": torch.version.cuda,
}))
"""

STEPPING_PROBE = """
import json, sys, time, mujoco
from mujoco import batch
arm = '<body pos="0 0 .2"><joint axis="0 1 0"/><geom type="capsule" size=".02 .1"/>%s</body>'
xml = "%s"
for _ in range(12):
    xml = xml % arm
model = mujoco.MjModel.from_xml_string(f'<mujoco><worldbody>{xml % ""}</worldbody></mujoco>')
rates = []
for threads in (1, int(sys.argv[1])):
    bodies = batch.Batch(model, 64, nthread=threads)
    bodies.step(nstep=5)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < 0.3:
        bodies.step(nstep=5)
        steps += 5
    rates.append(steps / (time.perf_counter() - start))
print(json.dumps({"gain": rates[1] / rates[0]}))
"""

FFMPEG_PROBE = """
import json, os, tempfile, imageio_ffmpeg, imageio, numpy
path = os.path.join(tempfile.mkdtemp(), "film.mp4")
with imageio.get_writer(path, fps=10, codec="libx264", macro_block_size=16) as writer:
    writer.append_data(numpy.zeros((64, 64, 3), numpy.uint8))
print(json.dumps({"version": imageio_ffmpeg.get_ffmpeg_version(), "bytes": os.path.getsize(path)}))
"""

MENDS: tuple[tuple[str, str], ...] = (
    # A pattern in the error (any backend), and the line that mends its cause.
    ("PYOPENGL_PLATFORM", "unset PYOPENGL_PLATFORM"),
    ("MUJOCO_EGL_DEVICE_ID", "unset MUJOCO_EGL_DEVICE_ID"),
    (
        r"(No module named|Failed to import).*(OpenGL|glfw)",
        "pip install 'mujoco-core[rendering]'",
    ),
    ("No module named '?mujoco", INSTALL),
    (
        r"renderD\d+.*[Pp]ermission denied|[Pp]ermission denied.*renderD\d+",
        "sudo usermod -aG render,video $USER   (then log in again)",
    ),
)
PACKAGES_OF_BACKEND = {
    "egl": "sudo apt-get install -y libegl1 libgl1 libgl1-mesa-dri",
    "osmesa": "sudo apt-get install -y libosmesa6",
    "glfw": "sudo apt-get install -y xvfb   and start with: xvfb-run -a python ...",
}


class Finding(NamedTuple):
    """What was found about one thing.

    Attributes:
        what: Name of the thing.
        works: Whether it works.
        detail: One line about it.
        mend: The one line that mends it; empty where it works.
        needed: Whether something of Wetware fails without it.
    """

    what: str
    works: bool
    detail: str
    mend: str = ""
    needed: bool = True


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Check the interpreter: released Hydra does not start on 3.14."""
    fits = (3, 11) <= version[:2] < (3, 14)
    mend = "" if fits else "install Python 3.13 and remake .venv: rm -rf .venv && make setup"
    return Finding("python", fits, ".".join(map(str, version)), mend)


def check_package(
    name: str, version_of: Callable[[str], str] = importlib.metadata.version
) -> Finding:
    """Check that a package is there, and is not the MuJoCo release with a solver bug."""
    try:
        version = version_of(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, False, "not installed", INSTALL)
    if name == "mujoco-core" and version == "4.0.0":
        mend = "pip uninstall -y mujoco mujoco-core && pip install 'mujoco-core[rendering]>=4.0.1'"
        return Finding(name, False, "4.0.0 has a solver bug", mend)
    return Finding(name, True, version)


def check_processors() -> Finding:
    """Report the cores that this process may use, and a thread setting that wastes them."""
    cores = available_cores()
    detail = f"{cores} of {os.cpu_count()} cores for this process"
    asked = os.environ.get("OMP_NUM_THREADS")
    if asked is not None and asked.isdigit() and int(asked) > cores:
        detail += f", but OMP_NUM_THREADS={asked}: threads would wait for each other"
        return Finding("processors", False, detail, f"export OMP_NUM_THREADS={cores}", False)
    return Finding("processors", True, detail)


def check_stepping() -> Finding:
    """Step a batch of bodies on one thread and on all cores."""
    cores = available_cores()
    # Bodies step without a renderer, whatever stands in the way of drawing: see envs.headless.
    answer, error = probe(STEPPING_PROBE, {**os.environ, "MUJOCO_GL": "disabled"}, [str(cores)])
    if answer is None:
        return Finding("bodies", False, error, INSTALL)
    gain = float(answer["gain"])
    detail = f"{cores} threads step {gain:.1f} times as fast as one"
    if cores > 1 and gain < 1.1:
        mend = "train with num_threads=1, or end what else runs on this machine"
        return Finding("bodies", False, detail, mend, needed=False)
    return Finding("bodies", True, detail)


def available_cores() -> int:
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_torch() -> Iterator[Finding]:
    """Report PyTorch's threads and the GPU that it sees."""
    answer, error = probe(TORCH_PROBE)
    if answer is None:
        yield Finding("torch runs", False, error, INSTALL)
        return
    yield Finding("torch threads", True, str(answer["threads"]))
    if answer["gpu"] is not None:
        yield Finding("gpu", True, f"{answer['gpu']}: add device=cuda to use it")
        return
    if shutil.which("nvidia-smi") is None:
        yield Finding("gpu", True, "none: everything runs on the CPU, device=cuda does not")
        return
    if answer["cuda_build"] is None:
        detail = "there is one, but this is PyTorch's CPU build: device=cuda does not work"
        mend = "install a CUDA build of torch: see https://pytorch.org/get-started/locally"
    else:
        detail = "PyTorch finds none that its CUDA build can use: device=cuda does not work"
        mend = f"nvidia-smi has to list it, with a driver for CUDA {answer['cuda_build']} or newer"
    yield Finding("gpu", False, detail, mend, needed=False)


def check_rendering(backend: str, environment: Mapping[str, str] | None = None) -> Finding:
    """Render one 64x64 frame through a backend in a subprocess.

    Args:
        backend: A value of MUJOCO_GL.
        environment: Variables of the subprocess; this process's by default.
    """
    variables = {**(os.environ if environment is None else environment), "MUJOCO_GL": backend}
    answer, error = probe(RENDER_PROBE, variables)
    what = f"rendering: {backend}"
    if answer is None:
        return Finding(what, False, error, mend_rendering(backend, error), needed=False)
    detail = f"a 64x64 frame in {answer['milliseconds']:.0f} ms on {answer['device']}"
    return Finding(what, True, detail)


def mend_rendering(backend: str, error: str) -> str:
    """Return the one line that mends what a rendering backend complains about."""
    for pattern, line in MENDS:
        if re.search(pattern, error):
            return line
    return PACKAGES_OF_BACKEND.get(backend, "export MUJOCO_GL=egl")


def check_films() -> Finding:
    """Encode one frame with the ffmpeg that imageio-ffmpeg brings."""
    answer, error = probe(FFMPEG_PROBE)
    if answer is None:
        return Finding("films: ffmpeg", False, error, "pip install imageio imageio-ffmpeg", False)
    return Finding("films: ffmpeg", True, f"{answer['version']}, libx264")


def check_chosen_backend(working: list[str]) -> Finding:
    """Check that some backend works, and that MUJOCO_GL does not choose one that does not."""
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    has_display = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    chosen = asked or ("glfw" if has_display else "egl")  # as envs.headless chooses
    if not working:
        detail = "no backend works: training does, films do not"
        return Finding("films: renderer", False, detail, PACKAGES_OF_BACKEND["egl"])
    if chosen not in working:
        named = f"MUJOCO_GL={asked}" if asked else chosen
        wrong = "does not work here" if chosen in BACKENDS else f"is none of {', '.join(BACKENDS)}"
        mend = f"export MUJOCO_GL={working[0]}"
        return Finding("films: renderer", False, f"{named} {wrong}", mend)
    return Finding("films: renderer", True, f"{chosen}, {'by MUJOCO_GL' if asked else 'by itself'}")


def probe(
    code: str, environment: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
) -> tuple[dict[str, Any] | None, str]:
    """Run code in a subprocess that prints one JSON line.

    Args:
        code: Python source.
        environment: Variables of the subprocess; this process's by default.
        arguments: Its arguments.

    Returns:
        The parsed line and "", or None and the first error in one line. The first one, since an
        error while cleaning up often hides the cause.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *arguments],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            env=None if environment is None else dict(environment),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {PROBE_SECONDS} s"
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1]), ""
    return None, first_error(done.stderr) or f"the process ended with status {done.returncode}"


def first_error(stderr: str) -> str:
    """Return the line that names the first error in what a process printed."""
    warning = re.search(r"GLFWError: \(\d+\) b?['\"]?(.+?)['\"]?$", stderr, re.MULTILINE)
    if warning:
        return warning.group(1)
    errors = re.findall(r"^(?!Exception ignored)[\w.]*(?:Error|Exit|Exception)\b.*$", stderr, re.M)
    lines = errors or [line for line in stderr.splitlines() if line.strip()][-1:]
    if lines and "'NoneType' object has no attribute 'glGetError'" in lines[0]:
        return "the OpenGL library of this backend is not installed"
    return lines[0].strip()[:160] if lines else ""


def examine() -> Iterator[Finding]:
    """Check everything, one finding at a time."""
    yield check_python()
    for package in PACKAGES:
        yield check_package(package)
    yield check_processors()
    yield check_stepping()
    yield from check_torch()
    working: list[str] = []
    for backend in BACKENDS:
        finding = check_rendering(backend)
        if finding.works:
            working.append(backend)
        yield finding
    yield check_chosen_backend(working)
    yield check_films()


def describe(finding: Finding) -> str:
    """Return a finding as one line, and the line that mends it where one is due."""
    mark = "ok" if finding.works else "MEND" if finding.needed else "--"
    line = f"{mark:>6}  {finding.what:<19} {finding.detail}"
    return f"{line}\n{'':28}mend: {finding.mend}" if finding.mend else line


def main() -> int:
    """Print every finding; the exit status says whether something needed does not work."""
    print(f"Wetware on {platform.platform(terse=True)}, {platform.machine()}")
    broken: list[Finding] = []
    for finding in examine():
        print(describe(finding), flush=True)
        if finding.needed and not finding.works:
            broken.append(finding)
    if not broken:
        print("Everything that training and films need works (a line with -- is an alternative).")
        return 0
    print(f"To mend: {', '.join(finding.what for finding in broken)}.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
