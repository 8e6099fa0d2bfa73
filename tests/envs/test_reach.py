"""A target that jumps is followed by whoever knows the motors, and by nobody who does not."""

import mujoco
import numpy as np
import pytest

import envs
from envs.reach import Reach
from envs.scripted.reach import controller
from tests.envs.episodes import flail, play

ARMS = (2, 3)


def arms(joints, rows, **options):
    """Return rows of an arm at the start of their episodes, and what they sense."""
    env = envs.make_vec_env(
        "Reach-v0", rows, seed=0, num_threads=1, env_kwargs={"joints": joints, **options}
    )
    return env, env.reset()


@pytest.mark.parametrize("joints", ARMS)
def test_who_turns_to_the_target_scores_and_who_flails_or_rests_does_not(joints):
    reaching, _ = play("Reach-v0", rows=24, joints=joints)
    flailing, _ = flail("Reach-v0", rows=24, joints=joints)
    resting, _ = play("Reach-v0", lambda _: np.zeros((24, joints)), rows=24, joints=joints)
    assert reaching.min() > 0.65 * 200 and reaching.mean() > 0.75 * 200
    assert flailing.mean() < 0.2 * 200
    assert resting.mean() < 0.25 * 200


@pytest.mark.parametrize("joints", ARMS)
def test_with_motors_in_each_others_place_the_same_controller_scores_next_to_nothing(joints):
    arm = controller(24)
    scores = [
        play("Reach-v0", lambda seen, act=act: act(arm(seen)), rows=24, joints=joints)[0].mean()
        for act in (lambda action: -action, lambda action: np.roll(action, 1, axis=1))
    ]
    assert max(scores) < 0.25 * 200


@pytest.mark.parametrize("joints", ARMS)
def test_a_joint_turns_within_a_step_as_its_own_motor_asks(joints):
    for joint in range(joints):
        env, _ = arms(joints, 8)
        asked = np.zeros((8, joints))
        asked[:, joint] = np.linspace(-1, 1, 8)
        speeds = env.step(asked)[0]["proprioception"][:, joints:]
        np.testing.assert_allclose(speeds[:, joint], 5.0 * asked[:, joint], atol=1.5)
        assert (np.sign(speeds[:, joint]) == np.sign(asked[:, joint])).all()
        others = np.delete(speeds, joint, axis=1)
        assert np.abs(others).max() < 0.15 * np.abs(speeds[:, joint]).max()


@pytest.mark.parametrize("joints", ARMS)
def test_the_target_stays_for_15_to_30_steps_and_then_is_elsewhere_within_reach(joints):
    env, seen = arms(joints, 16)
    places = [seen["goal"][:, :2]]
    places += [env.step(np.zeros((16, joints)))[0]["goal"][:, :2] for _ in range(190)]
    places = np.array(places)
    assert np.linalg.norm(places, axis=-1).max() <= 0.26 + 0.18 + 0.12
    jumps = np.linalg.norm(np.diff(places, axis=0), axis=-1)
    for row in range(16):
        lasted = np.diff([0, *(np.flatnonzero(jumps[:, row]) + 1)])
        assert ((lasted >= 15) & (lasted <= 30)).all()
        assert len(set(lasted.tolist())) > 2
    assert np.median(jumps[jumps > 0]) > 0.2


def test_the_targets_of_a_long_life_come_again():
    env, seen = arms(2, 2, lasting=(1, 1))
    places = [seen["goal"][0, :2]]
    places += [env.step(np.zeros((2, 2)))[0]["goal"][0, :2] for _ in range(40)]
    assert len({tuple(place) for place in places}) == 16
    np.testing.assert_array_equal(places[3], places[19])


def test_what_is_seen_is_where_the_target_is_and_the_way_from_the_fingertip():
    env, seen = arms(2, 4)
    for _ in range(40):
        seen = env.step(env.action_space.sample() * np.ones((4, 2)))[0]
    tips = seen["goal"][:, :2] - seen["goal"][:, 2:]
    np.testing.assert_allclose(tips, env.engine.task._tip, atol=1e-12)
    angles = seen["proprioception"][:, :2]
    np.testing.assert_allclose(env.engine.task._fingertip_at(angles), tips, atol=1e-9)


def test_a_step_is_judged_by_the_target_that_it_followed():
    env, seen = arms(2, 8, lasting=(3, 3))
    for _ in range(12):
        followed = seen["goal"][:, :2]
        seen, reward, *_ = env.step(np.full((8, 2), 0.3))
        tips = seen["goal"][:, :2] - seen["goal"][:, 2:]
        away = np.linalg.norm(tips - followed, axis=1)
        np.testing.assert_allclose(reward, np.exp(-away / 0.15), atol=1e-6)
        np.testing.assert_allclose(env.engine.task.step_info()["distance"], away, atol=1e-9)


@pytest.mark.parametrize("joints", ARMS)
def test_an_arm_has_the_joints_it_was_asked_for_and_the_same_reach(joints):
    task = Reach(joints=joints)
    assert task.model.nv == task.model.nu == joints
    assert task.limbs["arm"] == ("shoulder", "elbow", "wrist")[:joints]
    assert task.observation_space["proprioception"].shape == (2 * joints,)
    assert task.velocity_columns.tolist() == list(range(joints, 2 * joints))
    data = mujoco.MjData(task.model)
    data.qpos[0] = 0.65  # straight ahead
    mujoco.mj_forward(task.model, data)
    np.testing.assert_allclose(data.site("fingertip").xpos[:2], [0, 0.56], atol=1e-9)


@pytest.mark.parametrize(
    ("joints", "severity", "trained", "held_out"),
    [(2, "easy", 4, 1), (3, "easy", 13, 2), (3, "medium", 25, 4)],
)
def test_its_motors_can_be_remapped_and_some_ways_are_held_out(joints, severity, trained, held_out):
    def met(split):
        challenge = envs.named_challenge("motor_remap", severity=severity, split=split)
        env = envs.make_vec_env(
            "Reach-v0", 256, seed=0, challenge=challenge, env_kwargs={"joints": joints}
        )
        env.reset()
        return set(env.engine.challenges.parts["motor_remap"].variant.tolist())

    assert (len(met("train")), len(met("test"))) == (trained, held_out)
    assert not met("train") & met("test")


@pytest.mark.parametrize(
    "options", [{"joints": 4}, {"lasting": (3, 2)}, {"lasting": (0, 2)}, {"scale": 0.0}]
)
def test_an_arm_that_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match="joints must be 2 or 3"):
        Reach(**options)
