"""One picture of all bodies."""

import numpy as np
import pytest
from PIL import Image

import envs
from analysis.contact_sheet import contact_sheet, own_bodies, save


def test_own_bodies_are_those_that_gymnasium_does_not_know():
    assert {"Forager-v0", "Gaze-v0", "Whisker-v0"} <= set(own_bodies())
    assert not {"Hopper-v5", "Reacher-v5"} & set(own_bodies())


def test_a_body_with_an_eye_is_shown_with_what_it_sees_and_one_without_is_not(tmp_path):
    try:
        sheet = contact_sheet(["Gaze-v0", "Whisker-v0"], share=0.05, seed=0)
    except envs.RenderingError as error:
        pytest.skip(str(error))
    pixels = np.asarray(sheet)
    half, right = len(pixels) // 2, pixels.shape[1] * 2 // 3 + 8
    assert pixels[:half, right:].std() > 20 > pixels[half:, right:].std()
    assert pixels[half:, :right].std() > 20
    save(sheet, tmp_path / "few.png", most_bytes=100_000)
    assert (tmp_path / "few.png").stat().st_size <= 100_000
    with Image.open(tmp_path / "few.png") as written:
        assert written.size == sheet.size


def test_a_picture_that_does_not_fit_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    with pytest.raises(ValueError, match="more than 100 bytes"):
        save(Image.fromarray(noise), tmp_path / "noise.png", most_bytes=100)
