"""Small agents, runs and bodies for the tests of evaluation."""

import numpy as np
import torch
from gymnasium import spaces
from omegaconf import OmegaConf
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from agents.build import build_agent, make_env
from agents.composition import CONFIGS
from agents.run_folder import RunFolder

SMALL = {"n_steps": 64, "batch_size": 64, "n_epochs": 1}
PPO, RECURRENT_PPO = (
    {**OmegaConf.load(CONFIGS / "agent" / f"{name}.yaml").agent, **SMALL}
    for name in ("sb3_ppo", "sb3_recurrent_ppo")
)
BRAIN_PPO = {
    "_target_": "agents.ppo.BrainPPO",
    "n_steps": 32,
    "n_epochs": 1,
    "n_minibatches": 4,
}
GRU = {
    "_target_": "brains.build.build_brain",
    "senses": {"_target_": "brains.senses.Senses", "clip": 10.0},
    "controller": {"_target_": "brains.gated.GRUController", "hidden_size": 8},
    "reflex": {"_target_": "brains.reflex.LinearReflex"},
    "critic": {"_target_": "brains.critic.Critic", "hidden_sizes": [8], "sees_memory": True},
    "action_gain": 0.1,
    "initial_log_std": -0.5,
    "exploration_rate_scale": 1.0,
}
AGENTS = {"sb3_ppo": (PPO, {}), "sb3_recurrent_ppo": (RECURRENT_PPO, {}), "ppo": (BRAIN_PPO, GRU)}


class Metronomes(VecEnv):
    """Row i has episodes of exactly `lengths[i]` steps and a reward of 1 per step."""

    def __init__(self, lengths):
        self.limits = np.array(lengths)
        self.actions = []
        self.seeded = []
        self.clock = np.zeros(len(lengths), int)
        self.observation_space = spaces.Box(-1, 1, (1,))
        self.action_space = spaces.Box(-1, 1, (1,))
        self.num_envs = len(lengths)

    def seed(self, seed=None):
        self.seeded.append(seed)
        return [seed]

    def reset(self):
        self.clock[:] = 0
        return np.zeros((self.num_envs, 1))

    def step_async(self, actions):
        self.actions.append(actions)

    def step_wait(self):
        self.clock += 1
        dones = self.clock >= self.limits
        self.clock[dones] = 0
        return np.zeros((self.num_envs, 1)), np.ones(self.num_envs), dones, [{}] * self.num_envs

    def close(self): ...
    def get_attr(self, attr_name, indices=None): ...
    def set_attr(self, attr_name, value, indices=None): ...
    def env_method(self, method_name, *args, indices=None, **kwargs): ...
    def env_is_wrapped(self, wrapper_class, indices=None): ...


class Noter:
    """Remembers what it is given, and explores with torch's generator."""

    def __init__(self):
        self.calls = []

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        self.calls.append((state, episode_start.copy(), deterministic))
        return torch.rand(len(observation), 1).numpy(), len(self.calls)


def config_of(agent, tmp_path, **changes):
    described, brain = AGENTS[agent]
    config = {
        "env": {"id": "Hopper-v5", "kwargs": {}},
        "brain": brain,
        "agent": described,
        "seed": 3,
        "num_envs": 2,
        "num_threads": 1,
        "stagger": False,
        "device": "cpu",
    }
    return OmegaConf.create({**config, **changes})


def train_run(agent, path, steps=256):
    config = config_of(agent, path)
    env = make_env(config)
    model = build_agent(config, env)
    model.learn(steps, None)
    run = RunFolder(path)
    run.begin(config)
    run.save_checkpoint(model.training_state(), env_steps=model.num_timesteps, wall_seconds=1.0)
    return run, model
