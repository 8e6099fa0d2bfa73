"""A contact sheet of Wetware's own bodies: python -m analysis.contact_sheet docs/bodies.png.

Every body that is registered and that Gymnasium does not know is drawn in the middle of an episode
from its two cameras, with what its eye sees beside it, under its scripted controller where it has
one and random actions where not.
"""

import argparse
import io
from pathlib import Path
from typing import cast

import gymnasium
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import envs
from envs.retina import picture
from envs.sb3 import EngineVecEnv
from envs.scripted import scripted_controller

CAMERAS = ("chase", "overview")
WIDTH, HEIGHT, MARGIN, CAPTION = 416, 260, 8, 26
PAPER, INK, FAINT = (250, 250, 248), (30, 34, 40), (110, 116, 124)
ACTION_CORRELATION = 0.9
"""From one random action to the next: independent ones would only make bodies tremble."""


def own_bodies() -> list[str]:
    """Return the names of the native tasks that are Wetware's own."""
    return [name for name in envs.native_names() if name not in gymnasium.registry]


def act_until(env: EngineVecEnv, env_id: str, steps: int, seed: int) -> str:
    """Let one row act for some steps; return what moved it."""
    controller = scripted_controller(env_id, env.num_envs)
    low, high = env.engine.task.action_space.low, env.engine.task.action_space.high
    generator, drift = np.random.default_rng(seed), np.zeros(low.size)
    observation = env.reset()
    for _ in range(steps):
        if controller is not None and isinstance(observation, dict):
            actions = controller(observation)
        else:
            noise = generator.standard_normal(low.size) * np.sqrt(1 - ACTION_CORRELATION**2)
            drift = ACTION_CORRELATION * drift + noise
            actions = np.clip((low + high) / 2 + drift * (high - low) / 2, low, high)[np.newaxis]
        observation, *_ = env.step(actions.astype(np.float32))
    return "random actions" if controller is None else "scripted"


def strip(env_id: str, *, share: float, seed: int) -> Image.Image:
    """Draw one body: its name, the views of its cameras, and what its eye sees.

    Args:
        env_id: The body.
        share: When to look, as a share of the time limit.
        seed: Of the episode.

    Raises:
        RenderingError: This machine cannot draw.
    """
    env = cast("EngineVecEnv", envs.make_vec_env(env_id, num_envs=1, seed=seed, num_threads=1))
    steps = round(share * (env.engine.max_episode_steps or 100))
    mover = act_until(env, env_id, steps, seed)
    views = [env.render_frame(0, WIDTH, HEIGHT, camera) for camera in CAMERAS]
    seen = env.last_observation()
    env.close()
    columns = len(CAMERAS) + 1
    sheet = Image.new("RGB", (columns * (WIDTH + MARGIN) + MARGIN, HEIGHT + CAPTION), PAPER)
    pen, large, small = ImageDraw.Draw(sheet), _font(15), _font(12)
    pen.text((MARGIN, 5), f"{env_id}", INK, large)
    caption = f"{mover}, after {steps * env.control_period:.1f} s"
    pen.text((MARGIN + pen.textlength(env_id, large) + 10, 7), caption, FAINT, small)
    for index, view in enumerate(views):
        sheet.paste(Image.fromarray(view), (MARGIN + index * (WIDTH + MARGIN), CAPTION))
    corner = MARGIN + len(CAMERAS) * (WIDTH + MARGIN)
    vision = seen.get("vision") if isinstance(seen, dict) else None
    if vision is not None and vision.ndim == 4:
        _paste_eye(sheet, pen, vision[0], corner)
    return sheet


def _paste_eye(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, vision: NDArray[np.float64], left: int
) -> None:
    """Put what the eye sees to the right of the views, labelled."""
    shown = Image.fromarray(picture(vision, pixel=WIDTH // vision.shape[1] - 1))
    top = CAPTION + (HEIGHT - shown.height) // 2
    sheet.paste(shown, (left, top))
    pen.text((left, top - 18), "fovea", FAINT, _font(12))
    pen.text((left + shown.width // 2 + 4, top - 18), "periphery", FAINT, _font(12))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def contact_sheet(names: list[str], *, share: float, seed: int) -> Image.Image:
    """Draw bodies one below the other."""
    strips = [strip(name, share=share, seed=seed) for name in names]
    height = sum(one.height for one in strips) + MARGIN
    sheet = Image.new("RGB", (strips[0].width, height), PAPER)
    top = 0
    for one in strips:
        sheet.paste(one, (0, top))
        top += one.height
    return sheet


def save(sheet: Image.Image, path: Path, most_bytes: int) -> None:
    """Write a PNG of at most so many bytes: with all its colours, or else with 256 of them.

    Raises:
        ValueError: It is too large even so.
    """
    for candidate in (sheet, sheet.quantize(256, dither=Image.Dither.NONE)):
        written = io.BytesIO()
        candidate.save(written, "PNG", optimize=True)
        if len(written.getvalue()) <= most_bytes:
            path.write_bytes(written.getvalue())
            return
    raise ValueError(f"{path} would hold more than {most_bytes} bytes; draw fewer bodies")


def main() -> None:
    """Draw the bodies asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("path", type=Path, nargs="?", default=Path("docs/bodies.png"))
    parser.add_argument("--bodies", nargs="+", default=own_bodies())
    parser.add_argument("--share", type=float, default=0.164, help="of an episode, when to look")
    parser.add_argument("--seed", type=int, default=29)
    arguments = parser.parse_args()
    sheet = contact_sheet(arguments.bodies, share=arguments.share, seed=arguments.seed)
    save(sheet, arguments.path, most_bytes=1_000_000)
    print(f"{arguments.path}: {', '.join(arguments.bodies)}")


if __name__ == "__main__":
    main()
