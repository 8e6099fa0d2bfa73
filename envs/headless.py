"""Choose how MuJoCo draws, before it is imported: it reads `MUJOCO_GL` once and for all.

Left alone, `import mujoco` picks a backend that needs a display, and fails outright where the
library of the chosen backend is missing. Training must not depend on drawing.
"""

import ctypes.util
import os
import sys

_LIBRARIES = {"egl": ("EGL", "libegl1 libgl1-mesa-dri"), "osmesa": ("OSMesa", "libosmesa6")}


def choose_renderer() -> str | None:
    """Set `MUJOCO_GL` to EGL where there is no display, and off where its library is missing.

    Returns:
        Why nothing can be drawn and what mends it, in one line; None if nothing stands against it.
    """
    if sys.platform != "linux" or "mujoco" in sys.modules:
        return None
    requested = os.environ.get("MUJOCO_GL", "").strip().lower()
    has_display = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    backend = requested or ("" if has_display else "egl")
    library, packages = _LIBRARIES.get(backend, (None, ""))
    if library is None:
        return None
    if ctypes.util.find_library(library) is None:
        os.environ["MUJOCO_GL"] = "disabled"
        return f"MUJOCO_GL={backend} needs a library that is missing: apt install {packages}"
    os.environ["MUJOCO_GL"] = backend
    return None


WHY_NOT = choose_renderer()
