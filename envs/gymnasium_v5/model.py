"""Where the v5 tasks find their bodies: the model files that Gymnasium ships."""

from pathlib import Path

import gymnasium
import mujoco

from envs.task import load_model

_ASSETS = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"


def v5_model(xml_file: str) -> mujoco.MjModel:
    """Compile a model, by Gymnasium's rule for finding the file.

    Args:
        xml_file: A path that starts with `.`, `/` or `~`, or the name of one of Gymnasium's files.

    Raises:
        ValueError: There is no such file.
    """
    is_path = xml_file.startswith((".", "/", "~"))
    path = Path(xml_file).expanduser() if is_path else _ASSETS / xml_file
    if not path.is_file():
        raise ValueError(f"xml_file {xml_file!r}: there is no file {path}")
    return load_model(path)
