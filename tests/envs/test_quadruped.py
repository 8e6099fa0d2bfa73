"""The quadruped can be made to follow its commands, and is judged by how well it does."""

import numpy as np
import pytest

import envs
from tests.envs.episodes import episode_returns, flail

LEFT = np.array([1.0, -1.0, 1.0, -1.0])  # of front left, front right, back left, back right
PHASE = np.array([0.0, 0.5, 0.5, 0.0])  # diagonal legs step together
STEPS_PER_SECOND = 2.5
LEG_LENGTH = 0.306
LIFT = 0.4  # of the knee in mid swing, rad
SERVO = 0.6  # rad per unit of action


def trot(observation, step):
    """Step with diagonal pairs, as fast and with as much difference of sides as commanded."""
    command, sensed = observation["goal"], observation["vestibular"]
    forwards = command[:, 0] + 0.3 * (command[:, 0] - sensed[:, 3])
    turning = command[:, 1] + 0.2 * (command[:, 1] - sensed[:, 2])
    speed = forwards[:, np.newaxis] - 0.44 * LEFT * turning[:, np.newaxis]
    phase = 2 * np.pi * (STEPS_PER_SECOND * 0.02 * step + PHASE)
    stride = np.clip(speed / (4 * STEPS_PER_SECOND * LEG_LENGTH), -0.5, 0.5)
    bend = LIFT * np.maximum(np.sin(phase), 0) * np.ones_like(speed)
    angles = np.stack([stride * np.cos(phase) + bend / 2, -bend], axis=2)
    moving = np.abs(command).sum(axis=1) > 0
    angles *= moving[:, np.newaxis, np.newaxis]
    return np.clip(angles.reshape(-1, 8) / SERVO, -1, 1).astype(np.float32)


def stand(observation, step):
    return np.zeros((len(observation["goal"]), 8), np.float32)


def test_a_trot_earns_twice_what_standing_does_and_flailing_next_to_nothing():
    trotting, standing, flailing = (
        episode_returns("Quadruped-v0", policy, rows=4).mean() for policy in (trot, stand, flail(8))
    )
    assert trotting > max(450, 2 * standing)
    assert standing > 100
    assert 0 < flailing < 10


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
