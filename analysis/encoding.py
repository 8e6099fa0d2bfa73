"""The encoder: frames to an mp4 file that appears under its name when it is whole."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import imageio
import imageio_ffmpeg

from analysis.stage import Frame
from envs import RenderingError

SIDE_MULTIPLE = 16
"""Codecs work in blocks of this many pixels; other sides would be rescaled."""


def require_encodable(width: int, height: int) -> None:
    """Raise a ValueError that names the nearest size if frames of this one would be rescaled."""
    for name, side in (("width", width), ("height", height)):
        if side < SIDE_MULTIPLE or side % SIDE_MULTIPLE:
            nearest = max(1, round(side / SIDE_MULTIPLE)) * SIDE_MULTIPLE
            raise ValueError(f"{name} must be a multiple of 16, got {side}: take {nearest}")


@contextmanager
def writing(path: Path, frames_per_second: float) -> Iterator[Callable[[Frame], None]]:
    """Open an mp4 file for frames; whatever fails meanwhile, no unfinished file is left.

    Args:
        path: The file; one that is already there stays until the new one is finished.
        frames_per_second: Its pace.

    Yields:
        What appends a frame.

    Raises:
        RenderingError: There is no encoder, or it failed; the message tells what mends it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(
        prefix=f".{path.stem}.", suffix=".unfinished.mp4", dir=path.parent
    )
    os.close(descriptor)
    aside = Path(name)
    try:
        with _explained(path):
            writer = _open_encoder(aside, frames_per_second)

        frames = 0

        def append(frame: Frame) -> None:
            nonlocal frames
            with _explained(path):
                writer.append_data(frame)
            frames += 1

        try:
            yield append
        finally:
            with _explained(path):
                writer.close()
        with _explained(path):
            _require_whole(aside, frames)
        aside.chmod(0o644)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _open_encoder(path: Path, frames_per_second: float) -> Any:
    return imageio.get_writer(
        path,
        format=cast(Any, "FFMPEG"),
        mode="I",
        fps=frames_per_second,
        codec="libx264",
        pixelformat="yuv420p",
        macro_block_size=SIDE_MULTIPLE,
        ffmpeg_log_level="fatal",  # of what else goes wrong _explained tells
        output_params=["-preset", "veryfast", "-crf", "20", "-movflags", "+faststart"],
    )


def _require_whole(path: Path, frames: int) -> None:
    """Raise an OSError if a film is not all there: that the encoder failed at its end is not told.

    Where the disk was full by then, the file may lack the frames that were still held back, or the
    index without which no player opens it.
    """
    try:
        written, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
    except RuntimeError:
        written = 0
    if written != frames:
        raise OSError(f"{written} of {frames} frames were written")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what the encoder raises into one line."""
    try:
        yield
    except (OSError, RuntimeError, ImportError, ValueError) as error:
        reason = " ".join(str(error).partition("FFMPEG COMMAND")[0].split())[:200]
        message = f"{path} could not be encoded ({reason}): is there room on the disk, and ffmpeg"
        raise RenderingError(f"{message} (pip install imageio-ffmpeg)?") from error
