"""The quadruped can be made to follow its commands, and is judged by how well it does."""

import numpy as np
import pytest

import envs
from tests.envs.episodes import flail, play


def stand(observation):
    return np.zeros((len(observation["goal"]), 8))


def test_a_trot_earns_twice_what_standing_does_and_flailing_next_to_nothing():
    trotting, _ = play("Quadruped-v0")
    standing, _ = play("Quadruped-v0", stand)
    flailing, _ = flail("Quadruped-v0")
    assert trotting.mean() > max(450, 2 * standing.mean())
    assert standing.mean() > 100
    assert 0 < flailing.mean() < 10


@pytest.fixture
def rows():
    env = envs.make_vec_env("Quadruped-v0", 4, seed=2, num_threads=1)
    env.reset()
    return env


def test_a_step_is_judged_by_the_command_that_was_heard_before_it(rows):
    heard, changes = rows.last_observation()["goal"], 0
    for _ in range(400):
        goal = rows.step(np.zeros((4, 8), np.float32))[0]["goal"]
        told = rows.engine.task.step_info()
        np.testing.assert_array_equal(told["commanded_velocity"], heard[:, 0])
        np.testing.assert_array_equal(told["commanded_turning_rate"], heard[:, 1])
        changes += np.count_nonzero((goal != heard).any(axis=1))
        heard = goal
    assert 4 <= changes <= 16  # each lasts from two to five of these eight seconds


def test_commands_keep_to_what_was_asked_for():
    env = envs.make_vec_env(
        "Quadruped-v0", 64, num_threads=1, env_kwargs={"fastest": 0.5, "fastest_turn": 0.2}
    )
    commands = env.reset()["goal"]
    assert (commands[:, 0] >= 0).all() and 0.4 < commands[:, 0].max() <= 0.5
    assert np.abs(commands[:, 1]).max() <= 0.2
    assert 2 <= np.count_nonzero((commands == 0).all(axis=1)) <= 20  # stand still


def test_a_fall_ends_the_episode_unless_told_otherwise():
    jump = np.tile(np.float32([[1, -1] * 2 + [-1, 1] * 2]), (2, 1))
    for ends in (True, False):
        env = envs.make_vec_env(
            "Quadruped-v0", 2, num_threads=1, env_kwargs={"terminate_when_fallen": ends}
        )
        env.reset()
        dones = [env.step(jump * (-1) ** (step // 5))[2].any() for step in range(200)]
        assert any(dones) == ends


def test_standing_still_loads_all_feet_with_the_weight_of_the_body(rows):
    for _ in range(60):
        sensed = rows.step(np.zeros((4, 8), np.float32))[0]
    weight = 9.81 * rows.engine.task.model.body_subtreemass[0]
    np.testing.assert_allclose(sensed["touch"].sum(axis=1), weight, rtol=0.05)
    assert (sensed["touch"] > 5).all()
    np.testing.assert_allclose(sensed["vestibular"][:, 9:], [[0, 0, 1]] * 4, atol=0.05)
