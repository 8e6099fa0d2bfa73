"""Names and options of environments."""

import subprocess
import sys

import gymnasium
import pytest

import envs


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("HalfCheeta-v5", "HalfCheetah-v5"),
        ("halfcheetah-v5", "HalfCheetah-v5"),
        ("wetware/Hoper-v5", "Hopper-v5"),
        ("CartPoll-v1", "CartPole-v1"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_one_in_one_line(wrong, right):
    with pytest.raises(envs.UnknownEnvironment) as error:
        envs.make_vec_env(wrong)
    assert str(error.value) == f"unknown environment {wrong!r}; did you mean {right!r}?"


def test_a_name_like_no_other_is_answered_without_a_guess():
    with pytest.raises(envs.UnknownEnvironment, match=r"^unknown environment 'qqqq'$"):
        envs.make_vec_env("qqqq")


def test_a_module_that_registers_the_name_can_be_named_with_it():
    with pytest.raises(envs.UnknownEnvironment, match="there is no module 'no_such_module'"):
        envs.make_vec_env("no_such_module:Thing-v0")


def test_an_unknown_option_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"Reacher-v5 has no option 'speed'; .*frame_skip"):
        envs.make_vec_env("Reacher-v5", env_kwargs={"speed": 2})


def test_an_option_of_another_environment_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^CartPole-v1 does not work with speed=2: "):
        envs.make_vec_env("CartPole-v1", env_kwargs={"speed": 2})


def test_a_model_file_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"^Reacher-v5: xml_file 'no_such\.xml': there is no file"):
        envs.make_vec_env("Reacher-v5", env_kwargs={"xml_file": "no_such.xml"})


def test_the_short_and_the_full_name_are_the_same_body():
    short, full = (envs.make_vec_env(name, 2) for name in ("Hopper-v5", "wetware/Hopper-v5"))
    assert (short.reset() == full.reset()).all()


def test_gymnasium_keeps_its_own_tasks():
    assert gymnasium.spec("Hopper-v5").entry_point == "gymnasium.envs.mujoco.hopper_v5:HopperEnv"


def test_time_limits_and_thresholds_are_those_of_gymnasium():
    twins = [name for name in envs.native_names() if name in gymnasium.registry]
    assert len(twins) == 11
    for name in twins:
        ours, theirs = gymnasium.spec(f"wetware/{name}"), gymnasium.spec(name)
        assert ours.max_episode_steps == theirs.max_episode_steps
        assert ours.reward_threshold == theirs.reward_threshold


def test_a_second_import_registers_nothing_twice():
    code = "import envs; n = len(envs.native_names()); envs.register_tasks(); "
    code += "assert len(envs.native_names()) == n > 0"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
