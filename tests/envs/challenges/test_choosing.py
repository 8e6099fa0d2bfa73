"""How challenges are named, refused, split into variants, and told."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import envs
from envs.challenges import Challenge, Onset, named_challenge
from envs.challenges.onset import NEVER
from envs.challenges.variants import allowed_variants, held_out_variants
from tests.envs.challenges.challenge_bodies import actions_of, engine_of, started, vector

HARD = {"severity": "hard", "onset": "start"}


@pytest.mark.parametrize(
    ("name", "env_id", "message"),
    [
        ("leg_loss", "InvertedPendulum-v5", "named limbs; InvertedPendulum-v5 has no limbs"),
        ("fatigue", "Hopper-v5", "muscles; Hopper-v5 has no muscles"),
        ("modality_loss", "Hopper-v5", "several modalities; Hopper-v5 has no modalities"),
        ("gravity", "Pusher-v5", "feel gravity; Pusher-v5 has no gravity"),
        ("gravity", "Reach-v0", "feel gravity; Reach-v0 has no joint and no sensor that feels it"),
        ("friction", "Reacher-v5", "surfaces that rub against each other; Reacher-v5 has none"),
        ("push", "Reacher-v5", "free to move; Reacher-v5 has a trunk that is fixed"),
        ("motor_remap", "InvertedPendulum-v5", "enough actuators; InvertedPendulum-v5 has 1 act"),
        ("joint_loss", "Reacher-v5", "actuated joints; Reacher-v5 has 2 actuated joints, and"),
    ],
)
def test_a_body_that_cannot_have_it_is_refused_in_one_line_with_those_that_can(
    name, env_id, message
):
    severity = "hard" if name == "joint_loss" else "easy"
    with pytest.raises(ValueError, match=message) as error:
        envs.make_vec_env(env_id, 2, challenge=named_challenge(name, severity=severity))
    text = str(error.value)
    assert text.startswith(f"challenge '{name}' needs a body with ")
    assert "\n" not in text
    able = text.rpartition("those that can have it: ")[2]
    assert env_id not in able
    assert "Gaze-v0" in able or name in ("gravity", "push"), able
    assert ("HalfCheetah-v5" in able) == (name not in ("fatigue", "modality_loss")), able


def test_velocity_masking_needs_a_body_that_knows_its_velocities(monkeypatch):
    from tests.envs.challenges.challenge_bodies import Crawler

    monkeypatch.setattr(
        Crawler, "velocity_columns", property(lambda _: np.zeros(0), lambda *_: None), raising=False
    )
    with pytest.raises(ValueError, match="Crawler has no number that is known to be a velocity"):
        engine_of("Crawler", "velocity_masking")


def test_bodies_of_gymnasium_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^challenge 'noise' needs a native body; CartPole-v1"):
        envs.make_vec_env("CartPole-v1", 2, challenge="noise")
    envs.make_vec_env("CartPole-v1", 2, challenge="none")


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ("leg_los", "unknown challenge 'leg_los'; did you mean 'leg_loss'"),
        (["noise", "noise"], "'noise' is there twice"),
        ({"noise": {"_target_": "os.system"}}, "must begin with envs.challenges."),
        ({"noise": {"_target_": "envs.challenges.senses.Any"}}, "is no class of challenges"),
        ({"noise": {"_target_": "envs.challenges.senses.Nois"}}, "there is no envs.challenges"),
        ({"noise": {"_target_": "envs.challenges.senses.Noise"}}, "missing"),
        ({"noise": {"_target_": "envs.challenges.fields.ModelFields", "batch": 0}}, "no challenge"),
    ],
)
def test_a_wrong_description_is_told_in_one_line(described, message):
    with pytest.raises(ValueError, match=message) as error:
        envs.make_vec_env("Hopper-v5", 2, challenge=described)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"severity": "mild"}, "severity must be one of easy, medium, hard, got 'mild'"),
        ({"onset": "strat"}, "unknown onset 'strat'; did you mean 'start'"),
        ({"split": "tset"}, "split must be all, train or test, got 'tset'"),
        ({"severty": "hard"}, "unknown option of leg_loss 'severty'; did you mean 'severity'"),
        ({"held_out": [7]}, "held_out names variant 7, but there are 2"),
        ({"held_out": 1.5}, "held_out must be a share"),
    ],
)
def test_a_wrong_option_is_told_with_what_is_right(options, message):
    with pytest.raises(ValueError, match=message):
        envs.make_vec_env("HalfCheetah-v5", 2, challenge=named_challenge("leg_loss", **options))


def test_a_modality_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(ValueError, match="has proprioception, touch, vestibular, goal, and no 'vi"):
        engine_of("Crawler", named_challenge("noise", modality="vision"))


def test_a_challenge_can_be_given_to_several_environments():
    challenge = named_challenge("leg_loss", **HARD)
    first, second = (started("HalfCheetah-v5", challenge, seed=seed) for seed in (0, 0))
    for action in actions_of(first, 5):
        first.step(action)
    for action in actions_of(first, 5):
        second.step(action)
    np.testing.assert_array_equal(first.observation, second.observation)


def variants_met(split, body="HalfCheetah-v5", name="leg_loss", **options):
    engine = started(body, named_challenge(name, split=split, **options), rows=60)
    (part,) = engine.challenges.parts.values()
    assert isinstance(part, Challenge)
    return {part.variants[index] for index in part.variant}


def test_training_never_meets_the_leg_that_is_held_out_and_testing_meets_no_other():
    assert variants_met("train") == {"back_leg"}
    assert variants_met("test") == {"front_leg"}
    assert variants_met("all") == {"back_leg", "front_leg"}
    assert variants_met("train", held_out=[0]) == {"front_leg"}


@pytest.mark.parametrize("name", ["motor_remap", "sense_remap", "joint_loss"])
def test_splits_of_large_families_share_no_variant(name):
    train, test = (variants_met(split, name=name, severity="easy") for split in ("train", "test"))
    assert train and test and not train & test


@pytest.mark.parametrize("severity", ["easy", "medium", "hard"])
@pytest.mark.parametrize("env_id", ["Reach-v0", "InvertedPendulum-v5", "Swimmer-v5"])
def test_a_remap_of_few_senses_that_is_held_out_is_not_trained_under_another_number(
    env_id, severity
):
    if (env_id, severity) == ("InvertedPendulum-v5", "easy"):
        return  # a quarter of two numbers is none
    challenge = named_challenge("sense_remap", severity=severity, onset="start")
    env: Any = envs.make_vec_env(env_id, 2, challenge=challenge)
    env.reset()
    remap = env.engine.challenges.parts["sense_remap"]
    sensed = np.arange(1.0, remap.body.senses_size + 1)
    told = set()
    for variant in range(len(remap.variants)):
        remap.variant[:] = variant
        told.add(tuple(remap.sense(np.tile(sensed, (len(remap.variant), 1)), slice(None))[0]))
    assert len(told) == len(remap.variants) <= 16
    assert tuple(sensed) not in told


def test_the_only_leg_is_not_held_out_and_cannot_be_tested_alone():
    assert variants_met("train", "Hopper-v5") == {"leg"}
    with pytest.raises(ValueError, match="Hopper-v5: no variant of leg_loss is held out for test"):
        variants_met("test", "Hopper-v5")


def test_a_challenge_without_held_out_variants_keeps_all_beside_one_with_some():
    parts = [named_challenge(name, split="test") for name in ("leg_loss", "mass")]
    engine = started("HalfCheetah-v5", parts, rows=60)
    leg, mass = engine.challenges.parts.values()
    assert set(leg.variant) == {1}
    assert set(mass.variant) == {0, 1}


@pytest.mark.parametrize("count", [2, 3, 8, 105, 911])
def test_a_share_holds_out_at_least_one_and_not_all_and_always_the_same(count):
    for share in (0.01, 0.125, 0.5, 0.99):
        held_out = held_out_variants(count, share)
        assert 1 <= held_out.size < count
        assert held_out.size == min(max(1, round(share * count)), count - 1)
        np.testing.assert_array_equal(held_out, held_out_variants(count, share))
        train, test = (allowed_variants(count, split, share) for split in ("train", "test"))
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(count))


def onset(**changes):
    options = {"window": [0.0, 0.0], "ramp": 0.0, "lasts": None, "lasts_steps": None, **changes}
    made = Onset(**options)
    made.set_time_limit(100)
    return made


def test_onsets_fill_their_window_evenly_to_both_ends():
    begin, end = onset(window=[0.3, 0.5]).draw((np.arange(2100) + 0.5) / 2100)
    assert np.bincount(begin)[30:51].tolist() == [100] * 21
    assert begin.size == 2100 and (end == NEVER).all()


def test_an_intensity_rises_along_its_ramp_and_falls_at_the_end():
    made = onset(window=[0.1, 0.1], ramp=0.04, lasts=0.1)
    begin, end = made.draw(np.array([0.5]))
    told = made.intensity(np.arange(8, 22), begin, end)
    assert told.tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    steps = onset(window=[0.1, 0.1], lasts_steps=3)
    assert steps.intensity(np.arange(8, 15), *steps.draw(np.array([0.5]))).tolist() == [
        0, 0, 1, 1, 1, 0, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": [0.5, 0.2]}, "two growing shares"),
        ({"window": [0.5]}, "two growing shares"),
        ({"ramp": 2}, "shares of the time limit"),
        ({"lasts": 0.1, "lasts_steps": 5}, "not both"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        onset(**changes)


def test_a_body_without_a_time_limit_can_only_have_it_from_the_start():
    started("HalfCheetah-v5", named_challenge("leg_loss", onset="start"), limit=None)
    with pytest.raises(ValueError, match="no time limit"):
        started("HalfCheetah-v5", "leg_loss", limit=None)


def test_challenges_with_the_same_window_begin_together():
    parts = ["leg_loss", "noise", named_challenge("mass", onset="start")]
    engine = started("HalfCheetah-v5", parts, rows=30)
    leg, noise, mass = engine.challenges.parts.values()
    np.testing.assert_array_equal(leg.begin_step, noise.begin_step)
    assert np.unique(leg.begin_step).size > 4
    assert (mass.begin_step == 0).all()


def test_a_second_challenge_changes_nothing_of_what_is_drawn_for_the_first():
    alone, beside = (
        started("HalfCheetah-v5", parts, rows=30) for parts in ("leg_loss", ["mass", "leg_loss"])
    )
    for name in ("variant", "begin_step", "keys"):
        np.testing.assert_array_equal(
            getattr(alone.challenges.parts["leg_loss"], name),
            getattr(beside.challenges.parts["leg_loss"], name),
        )


def test_clocks_that_are_staggered_meet_the_change_where_it_is():
    env = vector("HalfCheetah-v5", named_challenge("leg_loss", onset="middle"), stagger=True)
    clock, told = env.engine.elapsed, env.engine.reset_info()
    assert clock.tolist() == [0, 6, 12, 18]
    np.testing.assert_array_equal(told["challenge_active"], clock >= told["challenge_onset"])
    assert told["challenge_active"][3]


def test_the_single_environment_is_the_first_row_of_the_vector():
    options = {"challenge": named_challenge("motor_remap", onset="middle", severity="easy")}
    single = gymnasium.make("wetware/HalfCheetah-v5", **options)
    several = gymnasium.make_vec("wetware/HalfCheetah-v5", num_envs=3, **options)
    one, told = single.reset(seed=4)
    many, infos = several.reset(seed=4)
    actions = actions_of(several.unwrapped.engine, 700)
    for action in actions:
        np.testing.assert_array_equal(one, many[0])
        assert told["challenge_active"] == infos["challenge_active"][0]
        one, _, _, _, told = single.step(action[0])
        many, _, _, _, infos = several.step(action)
    assert 333 <= told["challenge_onset"] == infos["challenge_onset"][0] <= 667
    assert told["challenge_end"] == -1
    assert told["challenge_active"]
    assert told["challenge_variant"] == infos["challenge_variant"][0]


def test_the_single_environment_repeats_with_its_seed_and_goes_on_without_one():
    env = gymnasium.make("wetware/HalfCheetah-v5", challenge="motor_remap").unwrapped

    def told(**options):
        info = env.reset(**options)[1]
        return int(info["challenge_variant"]), int(info["challenge_onset"])

    first, second = told(seed=3), told()
    assert first != second
    assert (told(seed=3), told()) == (first, second)


@pytest.mark.parametrize("mode", AutoresetMode)
def test_gymnasium_tells_the_change_of_the_episode_that_is_meant(mode):
    env = gymnasium.make_vec(
        "wetware/HalfCheetah-v5",
        num_envs=2,
        max_episode_steps=12,
        autoreset_mode=mode,
        challenge=named_challenge("leg_loss", onset="middle", split="all"),
    )
    _, infos = env.reset(seed=0)
    onset = infos["challenge_onset"]
    for _ in range(11):
        _, _, _, _, infos = env.step(env.action_space.sample())
        np.testing.assert_array_equal(infos["challenge_onset"], onset)
    _, _, _, truncated, infos = env.step(env.action_space.sample())
    assert truncated.all()
    last = infos["final_info"] if mode is AutoresetMode.SAME_STEP else infos
    np.testing.assert_array_equal(last["challenge_onset"], onset)
    assert last["challenge_active"].all()
    if mode is AutoresetMode.SAME_STEP:
        assert not infos["challenge_active"].any()


def test_several_challenges_tell_together_and_each_by_its_name():
    parts = [named_challenge("leg_loss", onset="removed"), named_challenge("noise", onset="start")]
    told = started("HalfCheetah-v5", parts).reset_info()
    assert told["challenge_active"].all()
    assert (told["challenge_onset"] == 0).all()
    assert not told["challenge_leg_loss_active"].any()
    assert (told["challenge_end"] == -1).all()
    assert (told["challenge_leg_loss_end"] > told["challenge_leg_loss_onset"]).all()
    assert (told["challenge_noise_variant"] == 0).all()


def test_sb3_is_told_at_the_end_of_an_episode_what_befell_it():
    env = vector("HalfCheetah-v5", named_challenge("leg_loss", onset="removed"), rows=2)
    before = env.engine.reset_info()
    for action in actions_of(env.engine, 24):
        _, _, dones, infos = env.step(action)
    assert dones.all()
    for row, info in enumerate(infos):
        assert info["challenge"] == {
            "leg_loss": {
                "onset": int(before["challenge_onset"][row]),
                "end": int(before["challenge_end"][row]),
                "variant": "back_leg",
            }
        }


def test_with_and_without_a_challenge_episodes_start_the_same():
    plain, changed = vector("Hopper-v5"), vector("Hopper-v5", "noise")
    for action in actions_of(plain.engine, 60):
        plain.step(action)
        changed.step(action)
        again = plain.engine.elapsed == 0
        np.testing.assert_array_equal(
            plain.engine.task.motion[again], changed.engine.task.motion[again]
        )
