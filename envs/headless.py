"""Choose how MuJoCo draws, before it is imported: it reads `MUJOCO_GL` once and for all.

Left alone, `import mujoco` picks a backend that needs a display, and fails outright where the
library of the chosen backend is missing or the variable holds a name that it does not know.
Training must not depend on drawing.
"""

import ctypes.util
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
    """Set `MUJOCO_GL` to EGL where there is no display, and off where it cannot be drawn with.

    Returns:
        Why nothing can be drawn and what mends it, in one line; None if nothing stands against it.
    """
    if "mujoco" in sys.modules:
        return None
    requested = os.environ.get("MUJOCO_GL", "").strip().lower()
    why_not = _unknown(requested)
    if why_not is None and sys.platform == "linux":
        has_display = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
        requested = requested or ("" if has_display else "egl")
        why_not = _without_library(requested)
    if why_not is not None:
        requested = "disabled"
    if requested:
        os.environ["MUJOCO_GL"] = requested
    return why_not


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
