"""What a configuration may hold follows from its files and from the constructors' annotations."""

import pytest
from omegaconf import OmegaConf

from agents.config_check import check_config, differing_keys, nearest
from agents.errors import UsageError


def check(written, reference):
    checked = check_config(OmegaConf.create(written), OmegaConf.create(reference))
    return OmegaConf.to_container(checked)


@pytest.mark.parametrize(
    ("value", "default"),
    [(3, 1), (-2, 1), (0.5, 1.5), (2, 1.5), (True, False), ("b", "a"), ([1], []), ("x", None)],
)
def test_a_value_of_the_type_in_the_file_is_taken(value, default):
    assert check({"key": value}, {"key": default}) == {"key": value}


@pytest.mark.parametrize(
    ("value", "default"),
    [("a", 1), (True, 1), (1.5, 1), (None, 1), (1, False), ("0.5", 0.5), (3, "a"), ("a", [1])],
)
def test_a_value_of_another_type_is_refused_by_its_name(value, default):
    with pytest.raises(UsageError, match=r"group\.key must be "):
        check({"group": {"key": value}}, {"group": {"key": default}})


def test_a_whole_float_becomes_an_integer_only_where_one_is_meant():
    checked = check({"steps": 1e6, "rate": 1.0}, {"steps": 5, "rate": 0.5})
    assert checked == {"steps": 1_000_000, "rate": 1.0}
    assert [type(value) for value in checked.values()] == [int, float]


def test_an_annotation_decides_over_the_value_in_the_file():
    described = {"_target_": "agents.baselines.Sb3SAC", "ent_coef": "auto"}
    assert check({**described, "ent_coef": 0.1}, described)["ent_coef"] == 0.1
    with pytest.raises(UsageError, match="ent_coef must be a number or text"):
        check({**described, "ent_coef": [1]}, described)


@pytest.mark.parametrize("default", [[-1], 0.25, None])
def test_an_annotation_of_the_parent_that_arguments_are_handed_on_to_decides_too(default):
    described = {"_target_": "envs.challenges.limbs.Weakness", "held_out": default}
    for value in ([0], 0.5, None):
        assert check({**described, "held_out": value}, described)["held_out"] == value
    with pytest.raises(UsageError, match=r"held_out must be a list of .* or a number or null"):
        check({**described, "held_out": "half"}, described)


def test_a_choice_of_words_names_the_nearest():
    described = {"_target_": "agents.trackers.WandbTracker", "mode": None}
    with pytest.raises(UsageError, match="did you mean 'offline'"):
        check({**described, "mode": "offlin"}, described)


def test_an_empty_mapping_takes_any_key_and_others_only_their_own():
    assert check({"kwargs": {"a": 1}}, {"kwargs": {}}) == {"kwargs": {"a": 1}}
    with pytest.raises(UsageError, match=r"unknown key 'group\.ab'; did you mean 'group\.abc'"):
        check({"group": {"abc": 1, "ab": 1}}, {"group": {"abc": 1}})


def test_interpolations_are_resolved_and_broken_ones_told():
    assert check({"a": 1, "b": "${a}"}, {"a": 1, "b": "${a}"}) == {"a": 1, "b": 1}
    with pytest.raises(UsageError, match="Interpolation key 'c' not found"):
        check({"b": "${c}"}, {"b": "${c}"})


def test_the_nearest_name_ignores_case_and_is_always_found():
    assert nearest("halfcheetah", ["Hopper-v5", "HalfCheetah-v5"]) == "HalfCheetah-v5"
    assert nearest("zzz", ["b", "a"]) == "a"


def test_configurations_differ_where_a_value_does():
    assert differing_keys({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == ["a.c", "d"]
