"""Every option of every config group composes, passes the check, and makes what it describes."""

import numpy as np
import pytest
from gymnasium.spaces import Box
from omegaconf import OmegaConf

from agents import composition
from agents.build import build_agent, build_part, make_env
from agents.config_check import check_config
from agents.errors import UsageError
from grids.launch import make_pool
from tests.command_line import CONFIGS, SMALL

GROUPS = sorted(
    folder.relative_to(CONFIGS).as_posix()
    for folder in CONFIGS.rglob("*")
    if folder.is_dir() and folder.name not in ("hydra", "launcher", "shared")
    if folder.relative_to(CONFIGS).parts[0] != "search"  # tests/search has these
)
OPTIONS = [
    (group, path.stem) for group in GROUPS for path in sorted((CONFIGS / group).glob("*.yaml"))
]
ANY_BODY = ("env.id=CartPole-v1",)
BODIES = {"fatigue": "env=Gaze", "modality_loss": "env=Gaze"}
"""Bodies that can have challenges which the default one cannot."""


def compose(*overrides):
    with composition.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = composition.compose("train", list(overrides))
    chosen = [override for override in overrides if "." not in override.split("=")[0]]
    return check_config(config, composition.reference_config("train", chosen))


def test_every_yaml_file_belongs_to_a_group_that_is_tested():
    in_groups = {CONFIGS / group / f"{option}.yaml" for group, option in OPTIONS}
    shared = {*CONFIGS.glob("hydra/**/*.yaml"), *CONFIGS.glob("*/shared/*.yaml")}
    shared |= set(CONFIGS.glob("search/**/*.yaml"))  # tests/search/test_plan.py
    top = {CONFIGS / f"{command}.yaml" for command in ("train", "evaluate", "search")}
    assert in_groups | shared | top == set(CONFIGS.rglob("*.yaml"))
    assert {"env", "brain", "brain/controller", "agent", "challenge", "tracker"} <= set(GROUPS)


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
    if group == "challenge" and option in BODIES:
        overrides += [BODIES[option]]
    config = compose(*overrides)
    env = make_env(config)
    observation = env.reset()
    actions, _ = build_agent(config, env).predict(observation)
    assert len(actions) == config.num_envs
    assert np.all(np.isfinite(actions))
    env.close()


LAUNCHERS = sorted(path.stem for path in (CONFIGS / "hydra" / "launcher").glob("*.yaml"))


@pytest.mark.parametrize("option", LAUNCHERS)
def test_a_launcher_makes_its_pool_and_says_how_many_threads_a_cell_has(option):
    extra = {"joblib": "joblib", "ray": "ray", "serial": "json"}.get(option, "submitit")
    pytest.importorskip(extra, reason="the launcher's extra is not installed")
    with composition.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = composition.compose(
            "train", [f"hydra/launcher={option}"], return_hydra_config=True
        )
    options = dict(config.hydra.launcher)
    assert options.pop("_target_") == "hydra_plugins.wetware_grids.GridLauncher"
    assert options["retries"] == 1
    description = {"_target_": options.pop("pool"), **options}
    retries = description.pop("retries")
    assert make_pool(description, retries).threads(3) == 3
    pool = make_pool(description, retries)
    assert pool.threads(None) in (None, 1)
    assert len(pool.describe()) > 5


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "tracker"])
def test_a_tracker_is_made(option, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    for description in compose(f"tracker={option}").tracker.values():
        build_part(dict(description))


def test_the_defaults_need_no_override():
    config = compose()
    assert config.env.id == "HalfCheetah-v5"
    assert config.run_dir is None


def test_a_brain_brings_its_feedback_and_the_command_line_overrules_it():
    assert compose("brain=spiking").feedback == []
    assert compose("brain.feedback=[action,alive]").feedback == ["action", "alive"]
    chosen = compose("brain.feedback=[action,alive]", "feedback=[reward]", "num_envs=2")
    env = make_env(chosen)
    assert set(env.observation_space.spaces) == {"senses", "reward"}
    env.reset()
    assert not compose("brain=none", "agent=sb3_ppo").feedback
    del chosen["feedback"]  # as in the configuration of an older run
    assert isinstance(make_env(chosen).observation_space, Box)


def test_a_wrong_kind_of_feedback_is_answered_in_one_line():
    with pytest.raises(UsageError, match="unknown feedback 'rewrd'; did you mean 'reward'"):
        make_env(compose("feedback=[rewrd]"))
    with pytest.raises(UsageError, match="feedback must be a list"):
        compose("feedback=action")


def test_every_group_says_in_its_first_line_what_an_option_is():
    for group, option in OPTIONS:
        first, *rest = (CONFIGS / group / f"{option}.yaml").read_text().splitlines()
        said = rest[0] if first.startswith("# @package") else first
        assert said.startswith("# "), f"conf/{group}/{option}.yaml"
        assert len(said) > 12


SEVERITIES = ("easy", "medium", "hard")
CHALLENGES = [option for group, option in OPTIONS if group == "challenge" and option != "none"]


@pytest.mark.parametrize("option", CHALLENGES)
def test_a_challenge_has_three_severities_that_differ_and_takes_the_shared_options(option):
    overrides = (f"challenge={option}", "challenge.split=all", "challenge/onset=drift")
    for severity in SEVERITIES:
        config = compose(*overrides, f"challenge.severity={severity}")
        assert list(config.challenge.parts) == [option]
        part = config.challenge.parts[option]
        assert (part.severity, part.split) == (severity, "all")
        assert part.onset.ramp == config.challenge.onset.ramp == 0.25
        assert tuple(part.levels) == SEVERITIES
    assert len({str(level) for level in part.levels.values()}) == len(SEVERITIES)


def test_challenges_are_chosen_together_and_changed_together_or_alone():
    config = compose(
        "challenge=[leg_loss,noise]",
        "challenge/onset=start",
        "challenge.severity=hard",
        "challenge.parts.noise.severity=easy",
        "num_envs=2",
    )
    parts = make_env(config).engine.challenges.parts
    assert {name: part.severity for name, part in parts.items()} == {
        "leg_loss": "hard",
        "noise": "easy",
    }


def test_a_challenge_by_its_name_is_the_one_that_the_command_line_chooses():
    from envs import named_challenge

    for option in CHALLENGES:
        body = BODIES.get(option, "env=HalfCheetah-v5")
        config = compose(body, f"challenge={option}", "challenge/onset=removed", "num_envs=2")
        named = named_challenge(option, onset="removed")
        (part,) = make_env(config).engine.challenges.parts.values()
        for name in ("name", "severity", "level", "split", "held_out"):
            assert getattr(part, name) == getattr(named, name), (option, name)
        assert part.onset._window == named.onset._window


def test_one_key_sets_the_size_of_every_part_and_base_is_what_was_measured():
    chosen = ("brain=gru", "brain/world_model=predictive", "brain/perception=sparse")

    def sizes(*overrides):
        brain = compose(*chosen, *overrides).brain
        hidden = (brain.controller.hidden_size, brain.world_model.hidden_size)
        return (
            *hidden,
            brain.perception.units,
            brain.perception.winners,
            *brain.critic.hidden_sizes,
        )

    small, base, large = (sizes(f"brain.size={size}") for size in ("small", "base", "large"))
    assert sizes() == base == (128, 64, 512, 32, 128, 128)
    assert all(a < b < c for a, b, c in zip(small, base, large, strict=True))
    assert compose("brain=spiking").brain.controller.hidden_size == 512
    assert compose("brain=mlp").brain.controller.hidden_sizes == [128, 128]
    assert sizes("brain.size=large", "brain.controller.hidden_size=7")[:2] == (7, large[1])


def test_an_unknown_size_is_answered_in_one_line_with_the_nearest():
    with pytest.raises(UsageError, match=r"brain.sizes.larg, .* did you mean 'large'") as told:
        compose("brain.size=larg")
    assert "\n" not in str(told.value)
