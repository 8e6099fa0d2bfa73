"""Runs of untrained brains, quick to make, for the tests of what can be watched."""

import numpy as np
from omegaconf import OmegaConf

from agents.build import build_agent, make_env
from agents.composition import reference_config
from agents.run_folder import RunFolder


def untrained_run(path, *changes, **settings):
    """Make a run folder with a checkpoint of a brain that has learned nothing."""
    config = reference_config("train", [*changes])
    for key, value in {"num_envs": 2, "num_threads": 1, **settings}.items():
        config[key] = value
    OmegaConf.resolve(config)
    run = RunFolder(path)
    run.begin(config)
    env = make_env(config)
    run.save_checkpoint(build_agent(config, env).training_state(), env_steps=64, wall_seconds=1.0)
    env.close()
    return path


def signals_of(names, generator=None):
    """Return a value for each name; those that end in a number have so many units."""
    generator = generator or np.random.default_rng(0)
    told = {}
    for name in names:
        word, _, size = name.partition(":")
        told[word] = generator.random(int(size)) if size else np.array(generator.random())
    if "spikes" in told:
        told["spikes"] = (told["spikes"] > 0.7).astype(float)
    return told
