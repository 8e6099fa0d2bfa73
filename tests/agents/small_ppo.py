"""Small agents on pendulums, one per brain of conf/."""

from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import envs
from agents import BrainPPO

CONF = Path(__file__).parents[2] / "conf"
BRAINS = sorted(file.stem for file in (CONF / "brain").glob("*.yaml") if file.stem != "none")
ROWS = 4


def config_of(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[f"brain={name}"])
    return OmegaConf.to_container(config.brain, resolve=True)


def described(name):
    brain = config_of(name)
    if "hidden_size" in brain["controller"]:
        brain["controller"]["hidden_size"] = 32
    return brain


def pendulums(seed=0, name="gru"):
    return envs.make_vec_env(
        "InvertedPendulum-v5",
        num_envs=ROWS,
        seed=seed,
        num_threads=1,
        feedback=config_of(name)["feedback"],
    )


def sensed(name, rows=ROWS):
    """Return what a pendulum might sense, as a brain wants it."""
    numbers = np.random.default_rng(0).normal(size=(rows, 4))
    feedback = config_of(name)["feedback"]
    if not feedback:
        return numbers
    own = {"efference_copy": numbers[:, :1] / 10, "reward": numbers[:, 1:2]}
    return {"senses": numbers, **own, "alive": np.ones((rows, 4))}


def small_ppo(name="gru", env=None, **options):
    segment = config_of(name)["learning"]["segment_length"]
    small = {"n_steps": 32, "segment_length": segment, "n_epochs": 2, "n_minibatches": 2}
    return BrainPPO(described(name), env or pendulums(name=name), seed=0, **{**small, **options})
