"""Choose how MuJoCo draws, before it is imported: it reads `MUJOCO_GL` once and for all.

Left alone, `import mujoco` picks a backend that needs a display, and fails outright where the
library of the chosen backend is missing or the variable holds a name that it does not know.
Training must not depend on drawing.
"""

import ctypes.util
import importlib
import os
import sys

_BACKENDS = {
    "linux": ("egl", "osmesa", "glfw"),
    "darwin": ("cgl", "glfw"),
    "win32": ("wgl", "glfw"),
}
"""What is worth choosing, by platform."""

_ALSO_TAKEN = (
    *("", "enable", "enabled", "on", "true", "1", "glx"),
    *("disable", "disabled", "off", "false", "0"),
)
"""What else MuJoCo takes: leave the choice to it, or draw nothing."""

_LIBRARIES = {"egl": ("EGL", "libegl1 libgl1-mesa-dri"), "osmesa": ("OSMesa", "libosmesa6")}


def choose_renderer() -> str | None:
    """Set `MUJOCO_GL` to EGL where there is no display; import MuJoCo without drawing if it must.

    Returns:
        Why nothing can be drawn and what mends it, in one line; None if nothing stands against it.
    """
    if "mujoco" in sys.modules:
        return None
    backend = os.environ.get("MUJOCO_GL", "").strip().lower()
    why_not = _unknown(backend)
    if why_not is None and sys.platform == "linux":
        has_display = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
        backend = backend or ("" if has_display else "egl")
        why_not = _without_library(backend)
    if why_not is not None:
        _import_without_renderer()
    elif backend:
        os.environ["MUJOCO_GL"] = backend
    return why_not


def _import_without_renderer() -> None:
    """Import MuJoCo with drawing switched off, and leave the variable as it was.

    Processes that are started from here, such as the one that films, then find the same reason.
    """
    kept = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disabled"
    try:
        importlib.import_module("mujoco")
    finally:
        del os.environ["MUJOCO_GL"]
        if kept is not None:
            os.environ["MUJOCO_GL"] = kept


def _unknown(backend: str) -> str | None:
    """Say that a value of `MUJOCO_GL` would make MuJoCo's import fail, if it would."""
    known = _BACKENDS.get(sys.platform, ("glfw",))
    if backend in (*known, *_ALSO_TAKEN):
        return None
    choices = " or ".join(f"MUJOCO_GL={name}" for name in known)
    return f"MUJOCO_GL={backend} is no renderer of this system: set {choices}, or unset it"


def _without_library(backend: str) -> str | None:
    """Say that the library of a backend is missing, if it is."""
    library, packages = _LIBRARIES.get(backend, (None, ""))
    if library is None or ctypes.util.find_library(library) is not None:
        return None
    return f"MUJOCO_GL={backend} needs a library that is missing: apt install {packages}"


WHY_NOT = choose_renderer()
