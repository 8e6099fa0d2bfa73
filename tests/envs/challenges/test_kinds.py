"""What each kind of challenge does, against values worked out by hand."""

import numpy as np
import pytest

from envs.challenges import named_challenge
from envs.challenges.draws import AT_START, derived, normal, uniform
from tests.envs.challenges.challenge_bodies import LIMIT, actions_of, rollout, started

CRAWLER_ACTUATORS = ("flexor", "extensor", "elbow", "roll")


def pair(name, body="HalfCheetah-v5", severity="easy", **options):
    """Return rows without and with a challenge that holds from the first step."""
    options = {"onset": "start", **options}
    return started(body), started(body, named_challenge(name, severity=severity, **options))


def part_of(engine):
    (part,) = engine.challenges.parts.values()
    return part


def gains(engine):
    return engine.batch.expanded("actuator_gainprm")


def test_noise_has_the_deviation_of_its_severity_in_raw_units():
    plain, noisy = pair("noise", severity="medium")
    gap = [noisy.observation - plain.observation]
    for action in actions_of(plain, 23):
        plain.step(action)
        noisy.step(action)
        gap.append(noisy.observation - plain.observation)
    gap = np.array(gap)
    assert gap.std() == pytest.approx(0.3, rel=0.05)
    assert abs(gap.mean()) < 0.03
    assert np.unique(gap).size == gap.size


def test_noise_can_be_confined_to_a_modality():
    plain, noisy = pair("noise", "Crawler", modality="touch")
    moved = (plain.observation != noisy.observation).all(axis=0)
    assert np.flatnonzero(moved).tolist() == [plain.task.columns["touch"].start]


def test_dropped_numbers_read_zero_for_their_steps_as_often_as_the_suite_says():
    plain, dropped = pair("dropout", "Crawler", levels={"easy": {"probability": 0.1, "steps": 3}})
    goal = plain.task.columns["goal"]
    told = [dropped.observation[:, goal]]
    for action in actions_of(plain, LIMIT - 1):
        dropped.step(action)
        told.append(dropped.observation[:, goal])
    zero = (np.array(told) == 0.0).reshape(len(told), -1).T
    assert set(np.unique(told)) == {0.0, 3.0}
    runs = ["".join(str(int(z)) for z in line).split("0") for line in zero]
    lengths = {len(run) for line in runs for run in line[1:-1]} - {0}
    assert 3 in lengths and all(length % 3 == 0 for length in lengths)


def test_stuck_numbers_stay_as_they_were_last_sensed():
    _, stuck = pair("stuck", levels={"easy": {"probability": 1.0, "steps": 4}})
    told = [stuck.observation.copy()]
    for action in actions_of(stuck, 12):
        stuck.step(action)
        told.append(stuck.observation.copy())
    # Always stuck again at once: the first sensation is held for ever.
    assert all((later == told[0]).all() for later in told)


def test_late_senses_are_those_of_so_many_steps_ago():
    plain, late = pair("sense_delay", severity="medium")
    true, told = [plain.observation], [late.observation]
    for action in actions_of(plain, 20):
        plain.step(action)
        late.step(action)
        true.append(plain.observation)
        told.append(late.observation)
    for step in range(21):
        np.testing.assert_array_equal(told[step], true[max(0, step - 6)])


def test_late_commands_are_those_of_so_many_steps_ago():
    plain, late = pair("action_delay", severity="easy")
    actions = actions_of(plain, 20)
    rest = np.zeros((3, *actions.shape[1:]), np.float32)
    for now, before in zip(actions, np.concatenate([rest, actions[:-3]]), strict=True):
        late.step(now)
        plain.step(before)
        np.testing.assert_array_equal(late.observation, plain.observation)
        np.testing.assert_array_equal(late.reward, plain.reward)


def test_muscles_rest_where_their_range_lets_them_before_the_first_command_arrives():
    _, late = pair("action_delay", "Crawler")
    late.step(actions_of(late, 1)[0] * 0 + 0.7)
    np.testing.assert_array_equal(late.batch.bind("ctrl"), 0.0)


def test_a_command_is_held_for_the_further_steps_of_its_severity():
    plain, held = pair("action_repeat", severity="hard")
    actions = actions_of(plain, 20)
    for step, action in enumerate(actions):
        held.step(action)
        plain.step(actions[step - step % 4])
        np.testing.assert_array_equal(held.observation, plain.observation)


@pytest.mark.parametrize(("severity", "lost"), [("easy", 3), ("medium", 6), ("hard", 9)])
def test_masked_velocities_read_zero_and_nothing_else_does(severity, lost):
    plain, masked = pair("velocity_masking", severity=severity)
    zero = (masked.observation == 0) & (plain.observation != 0)
    assert (zero.sum(axis=1) == lost).all()
    velocities = np.isin(np.arange(17), plain.task.velocity_columns)
    assert not zero[:, ~velocities].any()
    if severity != "hard":
        assert np.unique(zero, axis=0).shape[0] > 1


def test_a_lost_modality_reads_zero_and_all_others_go_on():
    plain, lost = pair("modality_loss", "Crawler", severity="hard", split="all")
    part = part_of(lost)
    assert part.variants == ("proprioception", "touch", "vestibular", "goal")
    for row in range(4):
        name = part.variants[part.variant[row]]
        gone = np.zeros(plain.observation.shape[1], bool)
        gone[plain.task.columns[name]] = True
        assert (lost.observation[row, gone] == 0).all()
        np.testing.assert_array_equal(lost.observation[row, ~gone], plain.observation[row, ~gone])


def test_remapped_senses_are_the_true_ones_elsewhere_and_with_other_signs():
    plain, moved = pair("sense_remap", "Crawler", severity="hard")
    columns = plain.task.columns
    for true, told in zip(plain.observation, moved.observation, strict=True):
        for where in columns.values():
            np.testing.assert_array_equal(
                np.sort(np.abs(true[where])), np.sort(np.abs(told[where]))
            )
    velocities = plain.task.velocity_columns
    np.testing.assert_array_equal(
        np.sort(np.abs(plain.observation[:, velocities]), axis=1),
        np.sort(np.abs(moved.observation[:, velocities]), axis=1),
    )
    assert (plain.observation != moved.observation).any(axis=1).all()


def test_remapped_motors_get_each_others_commands_in_their_own_range():
    _, moved = pair("motor_remap", "Crawler", severity="hard", split="all")
    part = part_of(moved)
    low, high = moved.task.model.actuator_ctrlrange.T
    action = actions_of(moved, 1)[0]
    moved.step(action)
    relative = 2 * (action - low) / (high - low) - 1
    applied = 2 * (moved.batch.bind("ctrl") - low) / (high - low) - 1
    for row in range(4):
        told = dict(word.split("=") for word in part.variants[part.variant[row]].split())
        for index, name in enumerate(CRAWLER_ACTUATORS):
            source = told.get(name, name)
            sign = -1 if source.startswith("-") else 1
            other = CRAWLER_ACTUATORS.index(source.removeprefix("-"))
            assert applied[row, index] == pytest.approx(sign * relative[row, other], abs=1e-6)


def test_every_remap_of_exactly_two_of_four_motors_is_a_variant_once():
    variants = part_of(pair("motor_remap", "Crawler", split="all")[1]).variants
    assert len(variants) == 6 * 5 == len({*variants})  # both signs changed, or a swap of any signs
    assert "flexor=-extensor extensor=flexor" in variants
    assert "" not in variants


@pytest.mark.parametrize(("severity", "dead"), [("easy", 1), ("medium", 2), ("hard", 3)])
def test_a_limb_dies_from_its_far_end_inwards(severity, dead):
    _, lame = pair("leg_loss", severity=severity, split="all")
    part = part_of(lame)
    assert part.variants == ("back_leg", "front_leg")
    for row in range(4):
        expected = np.ones(6)
        end = 3 * (int(part.variant[row]) + 1)
        expected[end - dead : end] = 0.0
        np.testing.assert_array_equal(gains(lame)[row, :, 0], expected)


def test_a_dead_limb_exerts_no_force_and_the_others_do():
    _, lame = pair("leg_loss", severity="hard", split="all")
    force = lame.batch.bind("actuator_force")
    lame.step(np.ones((4, 6), np.float32))
    dead = part_of(lame).hit(slice(None))
    assert (force[dead] == 0).all() and (force[~dead] == 1.0).all()


def test_a_weak_servo_keeps_its_set_point_and_a_weak_muscle_what_it_resists():
    plain, weak = pair("leg_weak", "Crawler", severity="medium", split="train")
    model = plain.task.model
    assert part_of(weak).variants == ("arm", "wheel")
    now, bias = gains(weak)[0], weak.batch.expanded("actuator_biasprm")[0]
    np.testing.assert_array_equal(now[2:, 0], model.actuator_gainprm[2:, 0] * [0.5, 1.0])
    np.testing.assert_array_equal(bias[2, :3], model.actuator_biasprm[2, :3] * 0.5)
    np.testing.assert_array_equal(bias[:2], model.actuator_biasprm[:2])
    force = 2
    assert (now[:2, force] == 0.5 * model.actuator_gainprm[:2, force]).all()
    np.testing.assert_array_equal(np.delete(now[:2], force, 1), model.actuator_gainprm[:2][
        :, np.arange(10) != force])  # fmt: skip


def test_reversed_commands_are_mirrored_in_the_middle_of_their_range():
    _, mirrored = pair("joint_reversed", "Crawler", split="all")
    part = part_of(mirrored)
    action = actions_of(mirrored, 1)[0]
    mirrored.step(action)
    low, high = mirrored.task.model.actuator_ctrlrange.T
    hit = part.hit(slice(None))
    assert hit.any(axis=1).all() and not hit.all(axis=1).any()
    expected = np.where(hit, low + high - action, action)
    np.testing.assert_allclose(mirrored.batch.bind("ctrl"), expected, atol=1e-6)


def test_a_joint_moved_by_tendons_is_hit_with_all_its_muscles():
    part = part_of(pair("joint_loss", "Crawler", split="all")[1])
    hit = dict(zip(part.variants, part._hit.tolist(), strict=True))
    assert hit["shoulder"] == [True, True, False, False]
    assert hit["elbow"] == [False, False, True, False]


@pytest.mark.parametrize("name", ["mass", "friction", "gravity"])
def test_physics_is_multiplied_or_divided_by_the_factor(name):
    fields = {"mass": "body_mass", "friction": "geom_friction", "gravity": "opt.gravity"}
    _, changed = pair(name, "Crawler", levels={"easy": {"factor": 2.0}})
    part = part_of(changed)
    assert part.variants == ("less", "more")
    model = changed.task.model
    nominal = model.opt.gravity if name == "gravity" else getattr(model, fields[name])
    nominal = nominal[:, 0] if name == "friction" else nominal
    for row, variant in enumerate(part.variant):
        now = changed.batch.expanded(fields[name])[row]
        now = now[:, 0] if name == "friction" else now
        np.testing.assert_array_equal(now, nominal * (0.5, 2.0)[variant])


def test_a_heavier_body_falls_alike_and_weighs_more_on_the_ground():
    plain, heavy = pair("mass", "Crawler", severity="hard", split="all")
    for _ in range(LIMIT - 1):
        for engine in (plain, heavy):
            engine.step(np.zeros((4, 4), np.float32))
    touch = plain.task.columns["touch"].start
    ratio = heavy.observation[:, touch] / plain.observation[:, touch]
    np.testing.assert_allclose(ratio, np.array([0.5, 2.0])[part_of(heavy).variant], rtol=0.1)


def test_a_push_changes_the_velocity_of_the_whole_body_by_its_speed():
    plain, hit = pair("push", "Crawler", severity="hard")
    assert part_of(hit).variants == ("+x", "-x")
    for engine in (plain, hit):
        engine.step(np.zeros((4, 4), np.float32))
    gained = hit.batch.bind("qvel")[:, 0] - plain.batch.bind("qvel")[:, 0]
    gained *= np.where(part_of(hit).variant == 0, 1.0, -1.0)
    # The arm swings behind, so that the trunk gains more than the centre of mass.
    assert ((gained > 2.0) & (gained < 2.6)).all()
    for engine in (plain, hit):
        engine.step(np.zeros((4, 4), np.float32))
    assert not hit.batch.bind("xfrc_applied").any()


def test_pushes_come_again_after_their_interval():
    _, hit = pair("push", "Crawler", interval=0.1)
    blows = []
    for _ in range(12):
        hit.step(np.zeros((4, 4), np.float32))
        blows.append(hit.batch.bind("xfrc_applied").any(axis=(1, 2)).all())
    assert np.flatnonzero(blows).tolist() == [0, 5, 10]


def test_a_muscle_that_works_tires_by_the_equation_and_one_at_rest_does_not():
    _, tired = pair("fatigue", "Crawler", severity="hard")
    action = np.tile(np.array([1, 0, 0, 0], np.float32), (4, 1))
    share, activation = np.zeros(4), tired.batch.bind("act")
    for _ in range(20):
        work = activation[:, 0].copy()
        tired.step(action)
        share += 0.02 * (1.0 * work * (1 - share) - 0.05 * share)
    np.testing.assert_allclose(part_of(tired)._tired[:, 0], share, rtol=1e-12)
    assert (share > 0.2).all()
    force = gains(tired)[:, :2, 2] / tired.task.model.actuator_gainprm[:2, 2]
    np.testing.assert_allclose(force[:, 0], 1 - share, rtol=1e-12)
    assert (force[:, 1] > 0.99).all()
    assert (gains(tired)[:, 2:, 0] == tired.task.model.actuator_gainprm[2:, 0]).all()


def test_a_drift_grows_in_equal_steps_to_its_full_size():
    engine = started("HalfCheetah-v5", named_challenge("leg_weak", severity="hard", onset="drift"))
    part = part_of(engine)
    strengths = []
    for action in actions_of(engine, LIMIT):
        engine.step(action)
        strengths.append(gains(engine)[0, :3, 0].min())
    begin, ramp = part.begin_step[0], LIMIT // 4
    expected = 1 - 0.75 * np.clip((np.arange(LIMIT) - begin + 1) / ramp, 0, 1)
    np.testing.assert_allclose(strengths, expected)


def test_challenges_compose_in_their_order():
    """The brain's command is mirrored, then late: the first that arrives is at rest."""
    challenge = [
        named_challenge("leg_reversed", severity="hard", onset="start", split="all"),
        named_challenge("action_delay", onset="start", severity="easy"),
    ]
    engine = started("HalfCheetah-v5", challenge)
    actions = actions_of(engine, 5)
    for action in actions:
        engine.step(action)
    hit = engine.challenges.parts["leg_reversed"].hit(slice(None))
    expected = np.where(hit, -actions[1], actions[1])
    np.testing.assert_array_equal(engine.batch.bind("ctrl"), expected)


def test_factors_of_two_challenges_on_one_field_multiply():
    weak = {"severity": "medium", "onset": "start", "split": "all"}
    engine = started(
        "Crawler", [named_challenge("leg_weak", **weak), named_challenge("fatigue", **weak)]
    )
    rollout(engine, actions_of(engine, 10))
    leg, fatigue = engine.challenges.parts.values()
    strength = np.where(leg.hit(slice(None)), 0.5, 1.0) * (1 - fatigue._tired)
    nominal = engine.task.model.actuator_gainprm[:2, 2]
    np.testing.assert_allclose(gains(engine)[:, :2, 2], nominal * strength[:, :2])


def test_looked_up_numbers_are_uniform_normal_and_unrelated():
    keys = np.arange(200, dtype=np.int64)
    number = uniform(keys, np.arange(200), 50)
    assert 0 < number.min() < number.max() < 1
    assert np.unique(number).size == number.size
    assert number.mean() == pytest.approx(0.5, abs=0.01)
    assert np.histogram(number, 10, (0, 1))[0].std() < 60
    assert normal(keys, 3, 50).std() == pytest.approx(1.0, abs=0.02)
    near = np.corrcoef(uniform(keys, 1, 50).ravel(), uniform(keys + 1, 1, 50).ravel())
    assert abs(near[0, 1]) < 0.03
    assert not np.array_equal(uniform(keys, 1, 5), uniform(keys, 2, 5))
    assert not np.array_equal(uniform(keys, AT_START, 5), uniform(derived(keys, "a"), AT_START, 5))
