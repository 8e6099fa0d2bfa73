"""A mistake on the command line ends in one line that names what is right, and loses nothing."""

import subprocess
import sys

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from agents import cli
from agents.composition import CONFIGS, as_hydra_reads
from tests.command_line import QUICK, ROOT, TINY
from tests.command_line import train as run_train

MISTAKES = {
    "seed=abc": "seed must be a whole number, got 'abc'",
    "seed=-1": "seed must be at least 0, got -1",
    "total_steps=1.5": "total_steps must be a whole number, got 1.5",
    "total_steps=0": "total_steps must be at least 1, got 0",
    "num_envs=null": "num_envs must be a whole number, got None",
    "stagger=2": "stagger must be true or false, got 2",
    "totl_steps=3": "unknown key 'totl_steps'; did you mean 'total_steps'?",
    "env=HalfCheeta-v5": "unknown env 'HalfCheeta-v5'; did you mean 'HalfCheetah-v5'? "
    "(any other Gymnasium environment: env=any env.id=HalfCheeta-v5)",
    "env=any": "env.id is missing: set env.id=...",
    "brain=spikng": "unknown brain 'spikng'; did you mean 'spiking'?",
    "brain/controller=lstn": "unknown brain/controller 'lstn'; did you mean 'lstm'?",
    "agent=sb3pp": "unknown agent 'sb3pp'; did you mean 'sb3_ppo'?",
    "tracker=[tensorbord]": "unknown tracker 'tensorbord'; did you mean 'tensorboard'?",
    "challenge=leg_los": "unknown challenge 'leg_los'; did you mean 'leg_loss'?",
    "challenge/onset=strat": "unknown challenge/onset 'strat'; did you mean 'start'?",
    "challenge.severity=3": "challenge.severity must be text, got 3",
    "brian=gru": "unknown key 'brian'; did you mean 'brain'?",
    "brain.controller.hiden_size=3": "unknown key 'brain.controller.hiden_size'; "
    "did you mean 'brain.controller.hidden_size'?",
    "brain.controller.hidden_size=big": "brain.controller.hidden_size must be a whole number, "
    "got 'big'",
    "brain.controller=5": "brain.controller is a group of settings, got 5; set one of them",
    "agent.gamma=high": "agent.gamma must be a number, got 'high'",
    "+foo.bar=1": "unknown key 'foo'",
    "+agent.gama=1": "unknown key 'agent.gama'; did you mean 'agent.gamma'?",
    "~agent.gamma": "agent.gamma was taken away, but it is needed",
    "env.kwargs.frame_skip=1": "env.kwargs.frame_skip is not there yet: "
    "add it with +env.kwargs.frame_skip=...",
    "+env.kwargs.frame_skp=1": "HalfCheetah-v5 has no option 'frame_skp'",
    "seed": "cannot read 'seed': write options as key=value",
    "seed=[1": "cannot read 'seed=[1': write options as key=value",
    "hydra.foo=1": "unknown key 'hydra.foo'",
    "brain=none": "this agent trains a brain, and brain=none is none: choose one (brain=spiking), "
    "or an agent with a network of its own (agent=sb3_ppo)",
    f"run_dir={__file__}/run": f"{__file__}/run cannot be written: Not a directory",
    f"run_dir={__file__}": f"{__file__} cannot be written: File exists",
    "resume=runs/none": "there is no run at runs/none: it has no config.yaml",
    "device=cuda:99": "device=cuda:99 cannot be used here (",
    "device=foo": "unknown device 'foo' (there are cpu, cuda, cuda:1, ... and auto): use",
    "device=meta": "device=meta cannot be used here (",
    "challenge.severity=easy": "challenge.severity changes nothing: there is no challenge; "
    "choose one with challenge=...",
    "challenge/onset=drift": "challenge/onset changes nothing: there is no challenge",
    "seed=0,1": "Ambiguous value for argument 'seed=0,1': add -m for a grid",
    "run_dir=": "run_dir= is empty (an unset variable?): name one, or leave run_dir= out",
    "resume=": "resume= is empty (an unset variable?)",
    "env.id=": "env.id= is empty (an unset variable?)",
    "run_dir=5": "run_dir must be text, got 5",
    "challenge=[mass,mass]": "challenge=[mass,mass] names mass twice: once is enough",
    "agent.segment_length=0": "segment_length must be at least 1, got 0",
    "agent.n_minibatches=0": "n_minibatches must be at least 1, got 0",
    "agent.n_minibatches=999": "999 minibatches need as many segments",
    "agent.n_steps=0": "n_steps must be at least 1, got 0",
    "agent.n_epochs=0": "n_epochs must be at least 1, got 0",
    "agent.gamma=2": "gamma must lie in [0, 1], got 2",
    "agent.clip_range=0": "clip_range must be positive, got 0",
    "brain.neuromodulator.sinks.gain.bound=-1": "sinks.gain.bound must be at least 0, got -1",
    "brain.controller.hidden_size=0": "hidden_size must be at least 1, got 0",
    "brain.controller.hidden_size=-3": "hidden_size must be at least 1, got -3",
    "brain.controller.membrane_decays=[0.1]": "brain.controller.membrane_decays must be a list of "
    "2 numbers, got [0.1]",
    "brain.controller.membrane_decays=[0.9,0.1]": "membrane_decays must be [low, high] with "
    "0 < low <= high < 1, got [0.9, 0.1]",
    "brain.world_model.open_loop_steps=-1": "open_loop_steps must be at least 0, got -1",
    "brain.critic.hidden_sizes=[]": "hidden_sizes must name at least one layer, got none",
    "brain.exploration_rate_scale=-1": "exploration_rate_scale must be at least 0, got -1",
    "brain.paces=5": "brain.paces takes settings by name, got 5",
    "brain.paces={controler: {input: 0.3}}": "paces names 'controler', but a brain has ",
    "brain.paces={controller: {input: -1}}": "paces.controller.input must be a number of at least "
    "0, got -1",
    "brain.paces.controller=0.3": "brain.paces.controller is not there yet: "
    "add it with +brain.paces.controller=...",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line_with_what_would_be_right(mistake, command, tmp_path):
    code, out, err = command(*QUICK, mistake)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith(MISTAKES[mistake])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("env", "option", "message"),
    [
        ("Hopper-v5", "frame_skip=0", "Hopper-v5: frame_skip must be at least 1 physics step"),
        (
            "HalfCheetah-v5",
            "ctrl_cost_weight=nan",
            "HalfCheetah-v5: ctrl_cost_weight must be a fi",
        ),
        (
            "HalfCheetah-v5",
            "xml_file=nope.xml",
            "HalfCheetah-v5: xml_file 'nope.xml': there is no ",
        ),
        ("Gaze", "resolution=null", "Gaze-v0: resolution must be a whole number, got None"),
        ("any", "map_name=5x5", "FrozenLake-v1 does not work with map_name='5x5': KeyError"),
    ],
)
def test_a_wrong_option_of_a_body_is_told_before_there_is_a_run(
    env, option, message, command, tmp_path
):
    which = ["env.id=FrozenLake-v1"] if env == "any" else []
    code, _, err = command(*QUICK, f"env={env}", *which, f"+env.kwargs.{option}")
    assert (code, err.count("\n")) == (2, 1), err
    assert err.startswith(message), err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("agent", "option"),
    [
        ("sb3_sac", "row_every=0"),
        ("sb3_sac", "train_freq=0"),
        ("sb3_ppo", "n_epochs=0"),
        ("sb3_recurrent_ppo", "batch_size=0"),
    ],
)
def test_a_baseline_names_the_number_that_is_out_of_range(agent, option, command, tmp_path):
    code, _, err = command(*QUICK, f"agent={agent}", f"agent.{option}")
    name = option.partition("=")[0]
    assert (code, err) == (2, f"{name} must be at least 1, got 0\n")
    assert not list(tmp_path.iterdir())


def test_a_refused_command_leaves_the_folders_that_were_there(command, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "mine").mkdir()
    for place in ((), ("run_dir=mine",), ("run_dir=new/deep",)):
        assert command(*QUICK, "env=any", "env.id=Nope-v0", *place)[0] == 2
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "mine"}
    assert not list((tmp_path / "runs").iterdir())


def test_a_mapping_that_takes_any_key_is_set_as_the_documentation_writes_it(command, tmp_path):
    paces = "brain.paces={controller: {layers: 0.5}}"
    little = ("total_steps=32", "run_dir=r")
    code, _, err = command(*TINY, paces, "env.kwargs={frame_skip: 4}", *little)
    assert (code, err) == (0, "")
    config = OmegaConf.load(tmp_path / "r" / "config.yaml")
    assert config.brain.paces == {"controller": {"layers": 0.5}}
    assert config.env.kwargs == {"frame_skip": 4}


def test_an_unknown_gymnasium_id_names_the_nearest(command):
    code, _, err = command("env=any", "env.id=CartPol-v1")
    assert (code, err.count("\n")) == (2, 1)
    assert "unknown environment 'CartPol-v1'; did you mean 'CartPole-v1'?" in err


def test_a_baseline_refuses_a_brain(command):
    code, _, err = command(*QUICK, "agent=sb3_ppo", "brain=mlp")
    assert (code, err) == (2, "Sb3PPO brings its own network: leave brain=... out\n")


def test_a_real_process_prints_one_line_and_no_traceback(tmp_path):
    finished = run_train("sed=1", cwd=tmp_path)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr == "unknown key 'sed'; did you mean 'seed'?\n"


def test_whole_floats_and_underscores_are_whole_numbers(command, tmp_path):
    code, out, err = command(*TINY, "total_steps=6.4e1", "+env.kwargs.frame_skip=5", "run_dir=r")
    assert code == 0, err
    assert "64/64 steps" in out
    assert "total_steps: 64\n" in (tmp_path / "r" / "config.yaml").read_text()


def test_the_same_computation_has_the_same_name_however_it_is_written():
    def name(*overrides):
        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            config = compose("train", list(overrides), return_hydra_config=True)
            return cli.name_of(cli.checked(config, config.hydra), config.hydra)

    usual = name()
    assert usual == "HalfCheetah-v5_full_ppo_seed0"
    assert name("num_envs=64", "brain=full", "seed=0", "challenge=none") == usual
    assert name("total_steps=5", "num_threads=1", "tracker=none") == usual
    assert name("num_envs=6.4e1", "agent.gamma=0.9") == name("agent.gamma=.90")
    assert name("agent.gamma=.9") == "HalfCheetah-v5_full_ppo_agent.gamma-0.9_seed0"
    assert name("brain/controller=gru") == "HalfCheetah-v5_full_ppo_brain.controller-gru_seed0"
    assert name("challenge=noise") == "HalfCheetah-v5_full_ppo_challenge-noise_seed0"


def test_a_challenge_that_does_not_fit_is_told_in_one_line(command):
    for overrides, message in (
        (
            ("env=Reacher-v5", "challenge=push"),
            "challenge 'push' needs a body with a trunk that is",
        ),
        (("challenge=leg_loss", "challenge.severity=mild"), "severity must be one of easy, medium"),
        (
            ("challenge=leg_loss", "challenge.split=tests"),
            "challenge.split must be one of all, train, test, got 'tests'; did you mean 'test'?",
        ),
        (("env=any", "env.id=CartPole-v1", "challenge=noise"), "challenge 'noise' needs a native"),
    ):
        code, _, err = command(*QUICK, *overrides)
        assert (code, err.count("\n")) == (2, 1)
        assert err.startswith(message), err


def test_a_grid_is_asked_for_at_any_place_of_the_command():
    wanted = ["-m", "brain=mlp", "seed=0,1"]
    assert as_hydra_reads(["brain=mlp", "-m", "seed=0,1"], "train") == wanted
    assert as_hydra_reads(["brain=mlp", "seed=0,1"], "train") == wanted[1:]


def test_a_mistyped_command_is_answered_before_torch_is_loaded(tmp_path):
    script = (
        "import runpy, sys\n"
        "sys.argv = ['train.py', 'sed=1']\n"
        "try:\n"
        f"    runpy.run_path({str(ROOT / 'train.py')!r}, run_name='__main__')\n"
        "except SystemExit:\n"
        "    print('torch' in sys.modules)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n", done.stderr
