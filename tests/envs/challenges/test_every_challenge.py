"""What holds for every challenge, found by its file in conf/challenge."""

import mujoco
import numpy as np
import pytest
from mujoco.batch import MODEL_FIELDS
from omegaconf import OmegaConf

from envs.challenges import challenge_names, named_challenge, onset_name, onset_names
from envs.challenges.catalogue import CONFIGS
from tests.envs.challenges.challenge_bodies import (
    LIMIT,
    actions_of,
    engine_of,
    rollout,
    started,
    suited,
    vector,
)

NAMES = challenge_names()
COMPOSED = [
    named_challenge("leg_weak", severity="hard", onset="drift"),
    named_challenge("noise", onset="removed"),
    named_challenge("action_delay", severity="easy", onset="start"),
    named_challenge("mass", severity="hard"),
]
CASES = [
    pytest.param(name, body, id=f"{name}-{body}")
    for name in NAMES
    for body in ("HalfCheetah-v5", "Crawler")
    if body == "Crawler" or name not in ("fatigue", "modality_loss")
]


def test_all_challenges_are_found():
    assert len(NAMES) == 21
    assert onset_names() == ["drift", "middle", "removed", "start", "transient"]


@pytest.mark.parametrize("name", onset_names())
def test_a_schedule_is_called_as_its_file_whose_numbers_it_has_and_with_others_it_has_no_name(name):
    numbers = OmegaConf.to_container(OmegaConf.load(CONFIGS / "onset" / f"{name}.yaml"))
    assert onset_name(numbers) == name
    assert onset_name({**numbers, "ramp": 0.9}) is None


def fields_of(engine, row):
    """Return every number of a row's model."""
    model = engine.batch.get_model(row)
    numbers = {}
    for name in MODEL_FIELDS:
        owner, field = (model.opt, name[4:]) if name.startswith("opt.") else (model, name)
        numbers[name] = np.array(getattr(owner, field, 0))
    return numbers


@pytest.mark.parametrize(("name", "body"), CASES)
@pytest.mark.parametrize("onset", ["drift", "removed"])
def test_it_goes_on_bit_for_bit_from_a_checkpoint(name, body, onset):
    challenge = named_challenge(name, severity="easy", onset=onset)
    env, other = vector(body, challenge, stagger=True), vector(body, challenge, seed=9, threads=2)
    actions = actions_of(env.engine, 45)
    for action in actions[:15]:
        env.step(action)
        other.step(-action)
    state = env.training_state()
    other.load_training_state(state)
    for action in actions[15:]:
        mine, theirs = env.step(action), other.step(action)
        for part, same in zip(mine[:3], theirs[:3], strict=True):
            np.testing.assert_equal(part, same)
        assert [info.get("challenge") for info in mine[3]] == [
            info.get("challenge") for info in theirs[3]
        ]


def test_several_at_once_go_on_bit_for_bit():
    for body in ("HalfCheetah-v5", "Crawler"):
        engine, other = started(body, COMPOSED), started(body, COMPOSED, seed=9)
        actions = actions_of(engine, 60)
        rollout(engine, actions[:37])
        rollout(other, actions[:5])
        other.load_training_state(engine.training_state())
        for part, same in zip(
            rollout(engine, actions[37:]), rollout(other, actions[37:]), strict=True
        ):
            np.testing.assert_array_equal(part, same)


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_threads_changes_nothing(name):
    challenge, body = suited(name, onset="middle")
    one, three = (started(body, challenge, threads=threads) for threads in (1, 3))
    actions = actions_of(one, 30)
    for part, same in zip(rollout(one, actions), rollout(three, actions), strict=True):
        np.testing.assert_array_equal(part, same)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_knows_nothing_of_the_others(name):
    """Another number of rows, other actions and other restarts beside it change nothing."""
    challenge, body = suited(name, onset="middle")
    alone, beside = started(body, challenge, rows=2), started(body, challenge, rows=5)
    actions = actions_of(beside, 30)
    for step, action in enumerate(actions):
        alone.step(action[:2])
        beside.step(np.concatenate([action[:2], action[2:] * 0.5]))
        np.testing.assert_array_equal(alone.observation, beside.observation[:2])
        np.testing.assert_array_equal(alone.reward, beside.reward[:2])
        if step % 7 == 6:
            beside.reset(np.array([2, 4]))
        if step % 20 == 19:
            alone.reset(np.array([1]))
            beside.reset(np.array([1, 3]))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_changes_before_the_onset_and_something_does_after_it(name):
    challenge, body = suited(name, onset="middle", severity="hard")
    plain, changed = started(body), started(body, challenge)
    np.testing.assert_array_equal(plain.observation, changed.observation)
    onset = changed.reset_info()["challenge_onset"]
    assert (onset >= LIMIT // 3).all() and (onset <= 2 * LIMIT // 3 + 1).all()
    differ = np.zeros(4, bool)
    for step, action in enumerate(actions_of(plain, LIMIT)):
        plain.step(action)
        changed.step(action)
        told = changed.step_info()
        np.testing.assert_array_equal(told["challenge_active"], step + 1 >= onset)
        same = (plain.observation == changed.observation).all(axis=1)
        assert same[step + 1 < onset].all()
        assert (plain.reward == changed.reward)[step < onset].all()
        differ |= ~same
    assert differ.all()


@pytest.mark.parametrize("name", NAMES)
def test_the_body_is_nominal_again_after_the_end_and_after_a_reset(name):
    challenge, body = suited(name, onset="removed", severity="easy")
    nominal = fields_of(engine_of(body), 0)
    engine = started(body, challenge)
    seen = False
    for action in actions_of(engine, LIMIT):
        engine.step(action)
        active = engine.step_info()["challenge_active"]
        seen |= active.any()
    assert seen and not active.any()
    engine.reset(np.array([1]))
    for row in range(4):
        for field, numbers in fields_of(engine, row).items():
            np.testing.assert_array_equal(numbers, nominal[field], err_msg=field)
    assert not engine.batch.bind("xfrc_applied").any()


@pytest.mark.parametrize("name", NAMES)
def test_a_new_episode_forgets_the_one_before(name):
    """A row that starts again is as one whose first episode it is, given the same key."""
    challenge, body = suited(name, onset="start")
    engine, fresh = started(body, challenge), started(body, challenge)
    actions = actions_of(engine, 20)
    rollout(engine, actions[:10])
    engine.seed([None, 1, 2, 3])  # row 0 keeps its generators, the others begin again
    engine.reset(np.arange(1, 4))
    for action in actions[10:]:
        engine.step(action)
        fresh.step(action)
        np.testing.assert_array_equal(engine.observation[1:], fresh.observation[1:])
        np.testing.assert_array_equal(engine.reward[1:], fresh.reward[1:])


@pytest.mark.parametrize("name", NAMES)
def test_a_skipped_row_is_left_where_it_is(name):
    """Rows that wait for their reset, as in Gymnasium's next-step mode, are not stepped."""
    challenge, body = suited(name, onset="start")
    engine = started(body, challenge)
    row = engine.batch.bind("qpos")[2].copy()
    for action in actions_of(engine, 3):
        engine.step(action, np.array([0, 1, 3]))
    np.testing.assert_array_equal(engine.batch.bind("qpos")[2], row)


def test_without_a_challenge_nothing_of_the_model_is_copied_and_nothing_is_told():
    engine = started("Crawler")
    rollout(engine, actions_of(engine, 5))
    assert all(engine.batch.expanded(name) is None for name in ("body_mass", "actuator_gainprm"))
    assert "challenge_active" not in engine.step_info()
    assert engine.challenges.parts == {}


def test_a_state_of_another_challenge_is_refused():
    engine = started("HalfCheetah-v5", "leg_loss")
    with pytest.raises(ValueError, match=r"saved state has the challenges leg_loss.* none"):
        started("HalfCheetah-v5").load_training_state(engine.training_state())


def test_states_from_before_there_were_challenges_still_load():
    engine = started("HalfCheetah-v5")
    state = engine.training_state()
    del state["challenges"]
    started("HalfCheetah-v5", seed=4).load_training_state(state)


def test_the_model_itself_is_never_written():
    engine = started("Crawler", COMPOSED)
    before = {name: np.copy(value) for name, value in fields_of(engine_of("Crawler"), 0).items()}
    rollout(engine, actions_of(engine, 30))
    model: mujoco.MjModel = engine.task.model
    np.testing.assert_array_equal(model.body_mass, before["body_mass"])
    np.testing.assert_array_equal(model.actuator_gainprm, before["actuator_gainprm"])
