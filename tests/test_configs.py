"""Every option of every config group composes, passes the check, and makes what it describes."""

import numpy as np
import pytest
from omegaconf import OmegaConf

from agents import cli
from agents.build import build_agent, build_part, make_env
from agents.config_check import check_config
from tests.command_line import CONFIGS, SMALL

GROUPS = sorted(
    folder.relative_to(CONFIGS).as_posix()
    for folder in CONFIGS.rglob("*")
    if folder.is_dir() and folder.name not in ("hydra", "shared")
)
OPTIONS = [
    (group, path.stem) for group in GROUPS for path in sorted((CONFIGS / group).glob("*.yaml"))
]
ANY_BODY = ("env.id=CartPole-v1",)


def compose(*overrides):
    with cli.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = cli.compose("train", list(overrides))
    chosen = [override for override in overrides if "." not in override.split("=")[0]]
    return check_config(config, cli.reference_config("train", chosen))


def test_every_yaml_file_belongs_to_a_group_that_is_tested():
    in_groups = {CONFIGS / group / f"{option}.yaml" for group, option in OPTIONS}
    shared = set(CONFIGS.glob("hydra/*.yaml")) | set(CONFIGS.glob("brain/shared/*.yaml"))
    top = {CONFIGS / "train.yaml", CONFIGS / "evaluate.yaml"}
    assert in_groups | shared | top == set(CONFIGS.rglob("*.yaml"))
    assert {"env", "brain", "brain/controller", "agent", "tracker"} <= set(GROUPS)


def test_the_native_tasks_all_have_a_file():
    from envs import native_names

    paths = [path for path in (CONFIGS / "env").glob("*.yaml") if path.stem != "any"]
    files = {path.stem: OmegaConf.load(path).id for path in paths}
    assert sorted(files.values()) == native_names()
    for name, env_id in files.items():
        assert name in (env_id, env_id.rpartition("-")[0])


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_an_option_composes_and_makes_an_agent_that_acts(group, option):
    overrides = [f"{group}={option}", "num_envs=2", "num_threads=1"]
    if (group, option) == ("env", "any"):
        overrides += ANY_BODY
    if (group, option) == ("brain", "none"):
        overrides += ["agent=sb3_ppo"]
    if group == "agent":
        overrides += SMALL[option]
    config = compose(*overrides)
    env = make_env(config)
    observation = env.reset()
    actions, _ = build_agent(config, env).predict(observation)
    assert len(actions) == config.num_envs
    assert np.all(np.isfinite(actions))
    env.close()


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "tracker"])
def test_a_tracker_is_made(option, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    for description in compose(f"tracker={option}").tracker.values():
        build_part(dict(description))


def test_the_defaults_need_no_override():
    config = compose()
    assert config.env.id == "HalfCheetah-v5"
    assert config.run_dir is None


def test_every_group_says_in_its_first_line_what_an_option_is():
    for group, option in OPTIONS:
        first, *rest = (CONFIGS / group / f"{option}.yaml").read_text().splitlines()
        said = rest[0] if first.startswith("# @package") else first
        assert said.startswith("# "), f"conf/{group}/{option}.yaml"
        assert len(said) > 12
