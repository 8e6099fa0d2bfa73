"""The look of the films."""

import numpy as np
import pytest

import envs
from analysis.stage import FLOOR_TONES, dress


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Gaze-v0", "Forager-v0"])
def test_a_floor_keeps_its_squares_in_the_two_tones_of_the_films(env_id):
    model = envs.make_vec_env(env_id, 1, num_threads=1).engine.task.model.__copy__()
    dress(model, 1.0, 320, 240)
    textures = model.mat_texid[model.geom_matid[model.geom("floor").id]]
    texture = textures[textures >= 0][0]
    start, size = model.tex_adr[texture], model.tex_height[texture] * model.tex_width[texture] * 3
    tones = model.tex_data[start : start + size].reshape(-1, 3)
    for tone in FLOOR_TONES:
        assert 0.3 < (tones == tone).all(axis=1).mean() < 0.7
    assert set(map(tuple, np.unique(tones, axis=0).tolist())) == set(
        map(tuple, FLOOR_TONES.tolist())
    )
