"""Values of environments' options: what is refused, in one line, and what stays possible."""

import inspect
import itertools
import math
from typing import get_type_hints

import gymnasium
import numpy as np
import pytest

import envs
from envs.declared_types import constrains
from envs.registration import build_task, native_names, native_spec

NAN = math.nan


@pytest.mark.parametrize(
    ("env_id", "option", "value", "message"),
    [
        ("Hopper-v5", "frame_skip", 0, "Hopper-v5: frame_skip must be at least 1 physics step, "),
        ("HalfCheetah-v5", "frame_skip", -1, "frame_skip must be at least 1 physics step, got -1"),
        ("HalfCheetah-v5", "frame_skip", 2.5, "frame_skip must be a whole number, got 2.5"),
        ("HalfCheetah-v5", "frame_skip", True, "frame_skip must be a whole number, got True"),
        ("HalfCheetah-v5", "reset_noise_scale", None, "reset_noise_scale must be a number, got N"),
        ("HalfCheetah-v5", "ctrl_cost_weight", "abc", "ctrl_cost_weight must be a number, got 'a"),
        ("HalfCheetah-v5", "ctrl_cost_weight", NAN, "ctrl_cost_weight must be a finite number, go"),
        ("HalfCheetah-v5", "ctrl_cost_weight", math.inf, "must be a finite number, got inf"),
        ("HalfCheetah-v5", "xml_file", "nope.xml", "HalfCheetah-v5: xml_file 'nope.xml': there is"),
        ("HalfCheetah-v5", "xml_file", 3, "HalfCheetah-v5: xml_file must be text, got 3"),
        (
            "Reacher-v5",
            "xml_file",
            "hopper.xml",
            "not work with xml_file='hopper.xml': .*fingertip",
        ),
        ("Ant-v5", "xml_file", "inverted_pendulum.xml", "with xml_file='inverted_pendulum.xml': "),
        ("Ant-v5", "main_body", "torsoo", "not work with main_body='torsoo': .*'torsoo'"),
        ("Hopper-v5", "healthy_z_range", 0.7, "must be a list of 2 numbers, got 0.7"),
        ("Hopper-v5", "healthy_z_range", [0.7], r"must be a list of 2 numbers, got \[0.7\]"),
        ("Hopper-v5", "healthy_z_range", [0.7, NAN], "healthy_z_range must not hold nan"),
        ("Hopper-v5", "terminate_when_unhealthy", "false", "must be true or false, got 'false'"),
        ("Quadruped-v0", "frame_skip", 0, "frame_skip must be at least 1 physics step, got 0"),
        ("Gaze-v0", "resolution", None, "Gaze-v0: resolution must be a whole number, got None"),
        ("Gaze-v0", "resolution", 0, "Gaze-v0: resolution must be at least 1 ray, got 0"),
        ("Forager-v0", "resolution", None, "resolution must be a whole number, got None"),
        ("Whisker-v0", "gentle_bending", "abc", "gentle_bending must be a number, got 'abc'"),
        ("Whisker-v0", "gentle_bending", 0, "not work with gentle_bending=0: .*margin > 0"),
        ("Reach-v0", "lasting", 15, "Reach-v0: lasting must be a list of 2 whole numbers, got 15"),
        ("FrozenLake-v1", "map_name", "5x5", "not work with map_name='5x5': KeyError '5x5'"),
        ("Pendulum-v1", "g", "abc", "Pendulum-v1 does not work with g='abc': "),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_it(env_id, option, value, message):
    with pytest.raises(ValueError, match=message) as error:
        envs.make_vec_env(env_id, 2, env_kwargs={option: value})
    assert str(error.value).startswith(env_id)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", native_names())
def test_every_option_of_every_body_refuses_what_it_is_not_declared_to_be(name):
    task = native_spec(name).kwargs["task"]
    constructor = type(build_task(task, name, {})).__init__
    hints = get_type_hints(constructor)
    options = [option for option in inspect.signature(constructor).parameters if option != "self"]
    assert options
    for option in options:
        assert constrains(hints[option]), option
        for wrong in (None, {"a": 1}):
            with pytest.raises(ValueError, match=f"^{name}: {option} must be "):
                build_task(task, name, {option: wrong})


@pytest.mark.parametrize("name", native_names())
def test_every_body_takes_the_defaults_that_it_declares(name):
    task = native_spec(name).kwargs["task"]
    constructor = type(build_task(task, name, {})).__init__
    defaults = {
        option: list(parameter.default)
        if isinstance(parameter.default, tuple)
        else parameter.default
        for option, parameter in inspect.signature(constructor).parameters.items()
        if option != "self"
    }
    plain, given = (envs.make_vec_env(name, 2, env_kwargs=kwargs) for kwargs in ({}, defaults))
    first, same = plain.reset(), given.reset()
    for one, other in zip(*(_arrays(told) for told in (first, same)), strict=True):
        np.testing.assert_array_equal(one, other)


def _arrays(observation):
    return list(observation.values()) if isinstance(observation, dict) else [observation]


@pytest.mark.parametrize("make", [gymnasium.make, gymnasium.make_vec])
def test_gymnasium_is_told_the_same_line(make):
    with pytest.raises(ValueError, match=r"^Hopper-v5: frame_skip must be at least 1 physics step"):
        make("wetware/Hopper-v5", frame_skip=0)


def test_whole_floats_lists_and_numbers_of_numpy_stand_for_what_is_declared():
    plain = envs.make_vec_env("Hopper-v5", 2, env_kwargs={"frame_skip": 3})
    given = {"frame_skip": 3.0, "healthy_z_range": [np.float64(0.7), math.inf]}
    other = envs.make_vec_env("Hopper-v5", 2, env_kwargs=given)
    whole = envs.make_vec_env("Hopper-v5", 2, env_kwargs={"frame_skip": np.int64(3)})
    told = [env.reset() for env in (plain, other, whole)]
    for _ in range(20):
        for first, same in itertools.pairwise(told):
            np.testing.assert_array_equal(first, same)
        told = [env.step(np.ones((2, 3), np.float32))[0] for env in (plain, other, whole)]
