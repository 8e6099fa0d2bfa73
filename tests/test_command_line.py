"""A mistake on the command line ends in one line that names what is right, and loses nothing."""

import shutil
import signal

import pytest
from omegaconf import OmegaConf

import evaluate
import train
from agents import cli, trackers
from agents.progress import read_progress
from tests.command_line import QUICK, SMALL, call, start
from tests.command_line import train as run_train

TINY = (*QUICK, "brain=mlp", *SMALL["ppo"], "checkpoint_every=1000")


@pytest.fixture
def command(tmp_path):
    """Return a function that runs a script in this process, in an empty folder."""

    def run(*overrides: str, job=train.train):
        return call(job, *overrides, cwd=tmp_path)

    return run


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
    "brain.controller.membrane_decays=[0.1]": "membrane_decays must be [low, high] with "
    "0 < low <= high < 1, got [0.1]",
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
        with cli.initialize_config_dir(str(cli.CONFIGS), version_base="1.3"):
            config = cli.compose("train", list(overrides), return_hydra_config=True)
            return cli.name_of(cli.checked(config, config.hydra), config.hydra)

    usual = name()
    assert usual == "HalfCheetah-v5_full_ppo_seed0"
    assert name("num_envs=64", "brain=full", "seed=0", "challenge=none") == usual
    assert name("total_steps=5", "num_threads=1", "tracker=none") == usual
    assert name("num_envs=6.4e1", "agent.gamma=0.9") == name("agent.gamma=.90")
    assert name("agent.gamma=.9") == "HalfCheetah-v5_full_ppo_agent.gamma-0.9_seed0"
    assert name("brain/controller=gru") == "HalfCheetah-v5_full_ppo_brain.controller-gru_seed0"
    assert name("challenge=noise") == "HalfCheetah-v5_full_ppo_challenge-noise_seed0"


def test_a_run_folder_holds_what_the_run_was(command, tmp_path):
    code, out, err = command(*TINY, "total_steps=64", "tracker=tensorboard")
    assert code == 0, err
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name == "HalfCheetah-v5_mlp_ppo_agent.n_epochs-1_agent.n_minibatches-1_" + (
        "agent.n_steps-16_num_envs-2_seed0"
    )
    found = {path.name for path in folder.iterdir()}
    assert found >= {"config.yaml", "command.txt", "versions.json", "progress.csv", "checkpoints"}
    assert list((folder / "tensorboard").glob("events.*"))
    assert (folder / "checkpoints" / "latest").resolve().name == "step_000000064"
    assert [row["env_steps"] for row in read_progress(folder / "progress.csv")] == ["32", "64"]
    assert "train.py" in (folder / "command.txt").read_text()
    assert f"resume=runs/{folder.name}" in out


def test_a_run_is_never_overwritten(command, tmp_path):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*")}
    code, _, err = command(*TINY, "total_steps=32", "run_dir=r")
    assert (code, err) == (2, "r holds a run: resume=r goes on with it, "
                              "or choose another run_dir\n")  # fmt: skip
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*")} == before
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").touch()
    code, _, err = command(*TINY, "run_dir=photos")
    assert (code, err) == (2, "photos holds other files: choose another run_dir\n")


def test_a_resumed_run_changes_nothing_but_its_budget(command):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    code, _, err = command("resume=r", "agent.gamma=0.9")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("a resumed run cannot change agent.gamma, only total_steps")
    code, out, err = command("resume=r", "total_steps=64", "film=false")
    assert (code, err) == (0, "")
    assert "64/64 steps" in out


def test_a_run_whose_checkpoints_are_gone_is_not_begun_again_over_its_record(command, tmp_path):
    options = (*TINY, "total_steps=96", "checkpoint_every=64")
    assert command(*options, "run_dir=r")[0] == 0
    shutil.copytree(tmp_path / "r", tmp_path / "emptied", symlinks=True)
    shutil.rmtree(tmp_path / "r" / "checkpoints")
    for folder in (tmp_path / "emptied" / "checkpoints").glob("step_*"):
        shutil.rmtree(folder)
    for name in ("r", "emptied"):
        before = (tmp_path / name / "progress.csv").read_bytes()
        code, out, err = command(f"resume={name}", "total_steps=960", "checkpoint_every=1000")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"{name} has trained 96 steps, but no checkpoint is left in")
        assert "another run_dir=" in err
        assert (tmp_path / name / "progress.csv").read_bytes() == before


def test_a_run_that_ended_before_its_first_checkpoint_begins_again_and_says_so(command, tmp_path):
    assert command(*TINY, "total_steps=96", "run_dir=r")[0] == 0
    whole = (tmp_path / "r" / "progress.csv").read_text().splitlines(keepends=True)
    (tmp_path / "r" / "progress.csv").write_text("".join(whole[:-1]))
    shutil.rmtree(tmp_path / "r" / "checkpoints")
    (tmp_path / "r" / "checkpoints").mkdir()
    code, _, err = command("resume=r")
    assert (code, err) == (0, "r has no checkpoint yet: it begins again at its first step\n")
    assert [row["env_steps"] for row in read_progress(tmp_path / "r" / "progress.csv")] == [
        *("32", "64", "96")
    ]


def test_a_run_whose_checkpoints_are_all_damaged_is_told_how_to_begin_anew(command, tmp_path):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    for tensors in (tmp_path / "r" / "checkpoints").glob("step_*/*.safetensors"):
        tensors.write_bytes(b"")
    code, _, err = command("resume=r", "total_steps=64")
    assert code == 1
    last = err.splitlines()[-1]
    assert last.startswith("every checkpoint in r/checkpoints is damaged | there is nothing to go")
    assert "another run_dir=" in last and "no checkpoint was written yet" not in err
    assert len(read_progress(tmp_path / "r" / "progress.csv")) == 1


@pytest.mark.parametrize("key", ["brain.critic.sees_memory", "brain.action_gain", "seed", "film"])
def test_a_run_of_an_older_version_is_told_which_key_it_lacks(key, command, tmp_path):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    config = OmegaConf.load(tmp_path / "r" / "config.yaml")
    above, _, last = key.rpartition(".")
    del (OmegaConf.select(config, above) if above else config)[last]
    OmegaConf.save(config, tmp_path / "r" / "config.yaml")
    told = f"r/config.yaml lacks {key}, which this version needs: add it there"
    code, out, err = command("resume=r", "total_steps=64")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(told) and "r/versions.json names its commit" in err
    assert len(read_progress(tmp_path / "r" / "progress.csv")) == 1
    if "." in key:
        code, _, err = command("runs=r", "episodes=1", "num_threads=1", job=evaluate.evaluate)
        assert (code, err.count("\n")) == (2, 1)
        assert told in err


def test_two_processes_never_train_in_one_folder(command, tmp_path):
    process = start("train.py", *TINY, "total_steps=100_000_000", "run_dir=r", cwd=tmp_path)
    while not (tmp_path / "r" / "config.yaml").exists():
        assert process.poll() is None
    code, _, err = command("resume=r")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("another process is training in r")


def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_the_checkpoint(command, tmp_path):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    config = tmp_path / "r" / "config.yaml"
    config.write_text(
        config.read_text().replace("value_coefficient: 0.5", "value_coefficient: .nan")
    )
    code, _, err = command("resume=r", "total_steps=96")
    assert (code, err.count("\n")) == (1, 1), err
    assert "nan" in err
    assert "the checkpoint at step 32 is intact: resume=r" in err


def test_physics_that_is_not_finite_stops_the_run(command, monkeypatch):
    from envs import PhysicsError
    from envs.sb3 import EngineVecEnv

    def broken(self):
        raise PhysicsError("HalfCheetah-v5: row 1 became non-finite at its step 3")

    monkeypatch.setattr(EngineVecEnv, "step_wait", broken)
    code, _, err = command(*TINY, "run_dir=r")
    assert (code, err.count("\n")) == (1, 1)
    assert "row 1 became non-finite at its step 3" in err
    assert "no checkpoint was written yet" in err


def test_a_full_disk_stops_the_run_in_one_line(command, monkeypatch):
    from agents.progress import ProgressFile

    def full(self, row):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ProgressFile, "append", full)
    code, _, err = command(*TINY, "run_dir=r")
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("the disk is full: make room")


def test_without_a_renderer_training_is_complete_and_the_message_says_what_mends_it(tmp_path):
    options = (*TINY, "total_steps=32", "film=true", "run_dir=r")
    finished = run_train(*options, cwd=tmp_path, env={"MUJOCO_GL": "disabled"})
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.count("\n") == 1
    assert finished.stderr.startswith("no film, but the training is complete: ")
    assert "make doctor" in finished.stderr
    assert "checkpoint     r/checkpoints/latest" in finished.stdout


def test_evaluation_writes_returns_and_compares_runs(command, tmp_path):
    grid = ("-m", *TINY, "env=InvertedPendulum-v5", "seed=0,1", "total_steps=32")
    assert command(*grid)[0] == 0
    options = ("episodes=2", "num_threads=1", "output=out")
    code, out, err = command("runs=runs/grid/*", *options, job=evaluate.evaluate)
    assert code == 0, err
    assert len(list(tmp_path.glob("runs/grid/*/evaluation.json"))) == 2
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"comparison.md", "comparison.csv", "curves.png", "report.html"}
    assert "deterministic" in out


def test_what_is_no_run_or_has_no_checkpoint_is_passed_over_and_said(command, tmp_path):
    assert command(*TINY, "env=InvertedPendulum-v5", "total_steps=32", "run_dir=runs/a")[0] == 0
    (tmp_path / "runs" / "notes").mkdir()
    shutil.copytree(tmp_path / "runs" / "a", tmp_path / "runs" / "early")
    shutil.rmtree(tmp_path / "runs" / "early" / "checkpoints")
    options = ("runs=runs/**", "episodes=1", "num_threads=1", "output=out")
    code, out, err = command(*options, job=evaluate.evaluate)
    assert (code, err) == (0, "")
    assert "runs/early  passed over: " in out
    page = (tmp_path / "out" / "report.html").read_text()
    for said in ("runs/notes is no run: it has no config.yaml", "runs/early was not evaluated"):
        assert f"note: {said}" in out
        assert said in page
    code, out, err = command(*options, "reference=mpl", job=evaluate.evaluate)
    assert (code, err.strip()) == (2, "unknown reference 'mpl'; did you mean 'mlp'?")
    assert out == ""  # said before anything is evaluated


def test_a_challenge_that_does_not_fit_is_told_in_one_line(command):
    for overrides, message in (
        (
            ("env=Reacher-v5", "challenge=push"),
            "challenge 'push' needs a body with a trunk that is",
        ),
        (("challenge=leg_loss", "challenge.severity=mild"), "severity must be one of easy, medium"),
        (("challenge=leg_loss", "challenge.split=tests"), "split must be all, train or test, got"),
        (("env=any", "env.id=CartPole-v1", "challenge=noise"), "challenge 'noise' needs a native"),
    ):
        code, _, err = command(*QUICK, *overrides)
        assert (code, err.count("\n")) == (2, 1)
        assert err.startswith(message), err


def test_a_run_is_evaluated_under_its_own_challenge_another_or_none(command, tmp_path):
    own = ("challenge=leg_loss", "challenge.onset.window=[0.1,0.2]")
    assert command(*TINY, *own, "total_steps=32", "run_dir=r")[0] == 0
    options = ("runs=r", "episodes=2", "num_threads=1")

    def evaluated(*overrides):
        code, out, err = command(*options, *overrides, job=evaluate.evaluate)
        assert code == 0, err
        return out

    for nothing in ((), ("challenge=null",)):
        out = evaluated(*nothing)
        assert "r  under leg_loss (medium, train)" in out
        assert "before" in out and "area lost" in out
    assert "leg_loss (hard, test)" in evaluated("challenge.severity=hard", "challenge.split=test")
    assert "mass (medium)" in evaluated("challenge=mass", "challenge/onset=removed")
    assert "after-effect" in evaluated("challenge=mass", "challenge/onset=removed")
    out = evaluated("challenge=none")
    assert "under" not in out and "area lost" not in out
    assert not (tmp_path / "r" / "evaluation_rewards.npz").exists()


def test_a_device_that_is_not_here_stops_a_resumed_run_and_an_evaluation_and_spoils_nothing(
    command, tmp_path
):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    config = tmp_path / "r" / "config.yaml"
    config.write_text(config.read_text().replace("device: cpu", "device: cuda:99"))
    before = {path: path.read_bytes() for path in (tmp_path / "r").rglob("*") if path.is_file()}
    code, out, err = command("resume=r", "total_steps=64")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("r cannot be resumed: device=cuda:99 cannot be used here (")
    assert "write device: cpu into its config.yaml" in err
    assert command("device=cuda:99", "run_dir=new").code == 2
    assert not (tmp_path / "new").exists()
    code, out, err = command("runs='[r,r]'", "device=cuda:99", job=evaluate.evaluate)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("device=cuda:99 cannot be used here (")
    assert "use device=cpu, and see what `make doctor` says" in err
    after = {path: path.read_bytes() for path in (tmp_path / "r").rglob("*") if path.is_file()}
    assert after == before
    assert command("runs=r", "episodes=1", "num_threads=1", job=evaluate.evaluate).code == 0
    config.write_text(config.read_text().replace("device: cuda:99", "device: cpu"))
    assert command("resume=r", "total_steps=64").code == 0


NO_EVALUATION = {
    "": "runs is missing: set runs=...",
    "runs=nowhere": "nowhere names no run: a run's folder has a config.yaml",
    "runs=": "runs= is empty (an unset variable?): name a run's folder",
    "runs=x episods=3": "unknown key 'episods'; did you mean 'episodes'?",
    "runs=x port=-1": "port must be at least 0 and at most 65535, got -1",
    "runs=x output=": "output= is empty (an unset variable?)",
    "runs=x env=Hopper-v5": "evaluate.py has no option 'env': every run keeps what it was trained",
    "runs=x total_steps=5": "evaluate.py has no option 'total_steps': every run keeps what it was",
    "runs=x brain/reflex=none": "evaluate.py has no option 'brain/reflex': every run keeps what",
}


@pytest.mark.parametrize("mistake", NO_EVALUATION)
def test_evaluating_what_is_not_there_is_told_in_one_line(mistake, command):
    code, _, err = command(*mistake.split(), job=evaluate.evaluate)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(NO_EVALUATION[mistake])


def test_an_option_that_would_do_nothing_to_one_run_is_told_before_it_is_evaluated(command):
    assert command(*TINY, "total_steps=32", "run_dir=r")[0] == 0
    options = ("runs=r", "episodes=1", "num_threads=1")
    for override, told in (
        ("reference=foo", "unknown reference 'foo'; did you mean 'mlp'?"),
        ("reference=mlp", "reference=... is for comparing several runs: name more, or none"),
        ("checkpoint=step_000000999", "r has no checkpoint 'step_000000999'; the nearest is "
                                      "checkpoint=step_000000032"),
        ("checkpoint=30", "r has no checkpoint '30'; the nearest is checkpoint=step_000000032"),
    ):  # fmt: skip
        code, out, err = command(*options, override, job=evaluate.evaluate)
        assert (code, out, err) == (2, "", f"{told}\n")


def test_a_tracker_that_fails_is_left_out_and_training_goes_on(command, monkeypatch, tmp_path):
    def broken(*_):
        raise ConnectionError("no route")

    monkeypatch.setattr(trackers.TensorBoardTracker, "log", broken)
    code, _, err = command(*TINY, "tracker=tensorboard", "total_steps=64", "run_dir=r")
    assert (code, err) == (0, "tracker tensorboard failed and is left out: no route\n")
    assert len(read_progress(tmp_path / "r" / "progress.csv")) == 2


def test_wandb_without_a_key_stays_offline_and_never_asks(tmp_path):
    offline = {"WANDB_API_KEY": "", "HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc")}
    options = (*TINY[1:], "num_threads=1", "film=false", "tracker=wandb", "total_steps=64")
    finished = run_train(*options, "tracker=wandb", "run_dir=r", cwd=tmp_path, env=offline)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert "Enter your choice" not in finished.stdout
    (folder,) = (tmp_path / "r" / "wandb").glob("offline-run-*")
    assert list(folder.glob("*.wandb"))


def test_wandb_online_without_a_key_is_a_mistake_before_training(command, monkeypatch, tmp_path):
    monkeypatch.setattr(trackers, "has_wandb_key", lambda: False)
    code, _, err = command(*TINY, "tracker=wandb", "tracker.wandb.mode=online", "run_dir=r")
    assert (code, err.count("\n")) == (2, 1)
    assert "set WANDB_API_KEY" in err
