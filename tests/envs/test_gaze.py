"""Gaze-v0: what only the fovea tells, and what it is worth."""

import numpy as np
import pytest

from envs.engine import Engine
from envs.gaze import Gaze
from tests.envs.episodes import flail, play

OBJECTS = ("target", "first_decoy", "second_decoy")


def engine_of(rows=2, **options):
    engine = Engine(
        Gaze(**options), name="Gaze", num_envs=rows, num_threads=1, max_episode_steps=None
    )
    engine.seed([0] * rows)
    engine.reset(np.arange(rows))
    return engine


def place_of(engine, name):
    """Return where an object lies in all rows, [N, 3], as a view."""
    return engine.batch.bind("mocap_pos")[:, engine.task.model.body(name).mocapid[0]]


def swap(engine, row, one, other):
    places = place_of(engine, one), place_of(engine, other)
    places[0][row], places[1][row] = places[1][row].copy(), places[0][row].copy()


def turn_eye(engine, pan, tilt):
    engine.task.qpos[:, 2:] = pan, tilt
    engine.batch.forward()
    engine.observation = engine.task.observe()
    return engine.task.present(engine.observation)


def test_only_the_fovea_tells_which_object_is_the_target():
    engine = engine_of()
    swap(engine, 1, "target", "first_decoy")
    half = engine.task.observation_space["vision"].shape[1] // 2
    away = turn_eye(engine, 0.0, -0.5)
    assert not np.isclose(away["vision"][:, :, :half, 0], 0.95).any()
    assert np.isclose(away["vision"][0, :, half:, 0], 0.4667).any()  # the periphery sees objects
    for senses in away.values():
        np.testing.assert_array_equal(senses[0], senses[1])
    difference = 0.0
    for pan in np.linspace(-0.9, 0.9, 7):
        for tilt in np.linspace(-0.3, 0.5, 7):
            seen = turn_eye(engine, pan, tilt)["vision"]
            np.testing.assert_array_equal(seen[0, :, half:], seen[1, :, half:])
            difference = max(difference, np.abs(seen[0] - seen[1]).max())
    assert difference > 0.5


def test_without_an_eye_nothing_tells_where_objects_are():
    engine = engine_of(vision=False)
    assert "vision" not in engine.task.observation_space.spaces
    swap(engine, 1, "target", "second_decoy")
    for _ in range(20):
        engine.step(np.zeros((2, 8)))
        np.testing.assert_array_equal(engine.observation[0], engine.observation[1])


def test_a_touched_target_pays_and_a_touched_decoy_earns_nothing():
    engine = engine_of(rows=3)
    hand = engine.batch.bind("site_xpos")[:, engine.task.model.site("hand").id]
    beside = hand + np.array([0.084, 0.0, -0.005])
    place_of(engine, "target")[0] = beside[0]
    place_of(engine, "first_decoy")[1] = beside[1]
    engine.step(np.zeros((3, 8)))
    info = engine.task.step_info()
    assert info["success"].tolist() == [True, False, False]
    assert info["decoy_touched"].tolist() == [False, True, False]
    assert engine.reward[0] > 0.4
    assert engine.reward[1] == 0.0
    assert 0.0 < engine.reward[2] < 0.2


def test_the_hand_feels_what_it_presses_against():
    engine = engine_of()
    hand = engine.batch.bind("site_xpos")[:, engine.task.model.site("hand").id]
    place_of(engine, "target")[0] = hand[0] + [0.07, 0.0, 0.0]
    engine.step(np.zeros((2, 8)))
    touch = engine.task.present(engine.observation)["touch"][:, 0]
    assert touch[0] > 0.1
    assert touch[1] == 0.0


def test_objects_lie_apart_and_within_reach():
    engine = engine_of(rows=200)
    engine.seed(list(range(200)))
    engine.reset(np.arange(200))
    places = np.stack([place_of(engine, name) for name in OBJECTS], axis=1)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(places[:, one] - places[:, other], axis=-1).min() > 0.115
    distance = np.linalg.norm(places[..., :2] - [0.0, -0.18], axis=-1)
    assert 0.35 < distance.min() < 0.4 and 0.5 < distance.max() < 0.55
    highest = places[..., 1].argmax(axis=1)
    assert (np.bincount(highest, minlength=3) > 40).all()  # any object may lie anywhere


@pytest.mark.parametrize(
    ("muscle", "joint", "sign"),
    [
        (0, 0, 1),
        (1, 0, -1),
        (2, 1, 1),
        (3, 1, -1),
        (4, 0, 1),
        (4, 1, 1),
        (5, 0, -1),
        (5, 1, -1),
    ],
)
def test_a_muscle_turns_its_joints_its_way(muscle, joint, sign):
    engine = engine_of()
    torque = engine.batch.bind("qfrc_actuator")
    engine.task.qpos[:, :2] = 0.3, 1.2
    actions = np.zeros((2, 8))
    actions[1, muscle] = 1.0
    for _ in range(3):
        engine.step(actions)
    assert sign * (torque[1, joint] - torque[0, joint]) > 0.5


def test_looking_before_reaching_succeeds_and_chance_does_not():
    returns, told = play("Gaze-v0")
    by_chance, told_by_chance = flail("Gaze-v0")
    assert told["success"][-1].mean() >= 0.9
    assert told_by_chance["success"].mean() < 0.2
    assert returns.mean() > 105 > 35 > by_chance.mean()
