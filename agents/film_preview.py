"""A film as an animated picture, for what shows pictures but no films."""

import io
from pathlib import Path

WIDTH = 320
FRAMES_PER_SECOND = 10
FRAMES_AT_MOST = 150


def animated_picture(path: Path) -> tuple[bytes, int, int]:
    """Return the beginning of a film as a GIF, smaller and with fewer frames.

    Args:
        path: The film.

    Returns:
        The GIF, its width and its height in pixels.
    """
    import imageio.v3 as imageio
    from PIL import Image

    every = max(1, round(imageio.immeta(path, plugin="FFMPEG")["fps"] / FRAMES_PER_SECOND))
    pictures: list[Image.Image] = []
    for index, frame in enumerate(imageio.imiter(path, plugin="FFMPEG")):
        if len(pictures) == FRAMES_AT_MOST:
            break
        if index % every == 0:
            picture = Image.fromarray(frame)
            height = round(picture.height * WIDTH / picture.width)
            pictures.append(picture.resize((WIDTH, height)))
    first, *others = pictures
    file = io.BytesIO()
    duration = 1000 // FRAMES_PER_SECOND
    first.save(file, "GIF", save_all=True, append_images=others, duration=duration, loop=0)
    return file.getvalue(), first.width, first.height
