"""A small body that has everything a challenge can take away, and rows of bodies to try them on."""

import mujoco
import numpy as np

from envs.challenges import named_challenge
from envs.engine import Engine
from envs.gymnasium_v5.half_cheetah import HalfCheetah
from envs.gymnasium_v5.hopper import Hopper
from envs.sb3 import EngineVecEnv
from envs.sensor_task import SensorTask

XML = """
<mujoco>
  <option timestep="0.005" integrator="implicitfast"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 .1"/>
    <body name="trunk" pos="0 0 0.1">
      <joint name="roll" type="slide" axis="1 0 0" damping="1"/>
      <joint name="fall" type="slide" axis="0 0 1"/>
      <geom name="trunk" size="0.1" mass="1"/>
      <site name="trunk" size="0.11"/>
      <body name="upper" pos="0 0 0.1">
        <joint name="shoulder" type="hinge" axis="0 1 0" damping="0.1" range="-60 60"/>
        <geom name="upper" type="capsule" fromto="0 0 0 0 0 0.3" size="0.02" mass="0.2"/>
        <body name="fore" pos="0 0 0.3">
          <joint name="elbow" type="hinge" axis="0 1 0" damping="0.1" range="-60 60"/>
          <geom name="fore" type="capsule" fromto="0 0 0 0 0 0.2" size="0.02" mass="0.1"/>
        </body>
      </body>
    </body>
  </worldbody>
  <tendon>
    <fixed name="flexor"><joint joint="shoulder" coef="0.05"/></fixed>
    <fixed name="extensor"><joint joint="shoulder" coef="-0.05"/></fixed>
  </tendon>
  <actuator>
    <muscle name="flexor" tendon="flexor" ctrllimited="true" ctrlrange="0 1" force="60"
            lengthrange="-0.06 0.06"/>
    <muscle name="extensor" tendon="extensor" ctrllimited="true" ctrlrange="0 1" force="60"
            lengthrange="-0.06 0.06"/>
    <position name="elbow" joint="elbow" kp="2" kv="0.1" ctrlrange="-1 1"/>
    <motor name="roll" joint="roll" gear="5" ctrlrange="-1 1"/>
  </actuator>
  <sensor>
    <jointpos name="proprioception/shoulder" joint="shoulder"/>
    <jointpos name="proprioception/elbow" joint="elbow"/>
    <jointpos name="proprioception/roll" joint="roll"/>
    <jointvel name="proprioception/shoulder_speed" joint="shoulder"/>
    <jointvel name="proprioception/elbow_speed" joint="elbow"/>
    <jointvel name="proprioception/roll_speed" joint="roll"/>
    <touch name="touch/trunk" site="trunk"/>
    <velocimeter name="vestibular/velocity" site="trunk"/>
  </sensor>
</mujoco>
"""


class Crawler(SensorTask):
    """Rolls about and waves an arm: two muscles, a servo and a motor."""

    limbs = {"arm": ("shoulder", "elbow"), "wheel": ("roll",)}  # noqa: RUF012

    def __init__(self):
        model = mujoco.MjModel.from_xml_string(XML)
        super().__init__(model, frame_skip=4, extra={"goal": (2,)})

    def start(self, rows, generators):
        noise = [draw.uniform(-0.1, 0.1, self.qpos.shape[1]) for draw in generators]
        self.qpos[rows] += noise
        self.qpos[rows, 1] = np.abs(self.qpos[rows, 1])  # above the floor

    def sense(self):
        self.sensed["goal"][:] = 3.0

    def evaluate(self, actions):
        reward = self.qvel[:, 0] - 0.1 * np.square(actions).sum(axis=1)
        return reward, np.abs(self.qpos[:, 0]) > 10.0


BODIES = {"Crawler": Crawler, "HalfCheetah-v5": HalfCheetah, "Hopper-v5": Hopper}
LIMIT = 24


def engine_of(body, challenge=None, *, rows=4, threads=1, limit=LIMIT):
    return Engine(
        BODIES[body](),
        name=body,
        num_envs=rows,
        num_threads=threads,
        max_episode_steps=limit,
        challenge=challenge,
    )


def started(body, challenge=None, *, seed=0, **options):
    engine = engine_of(body, challenge, **options)
    engine.seed(range(seed, seed + engine.num_envs))
    engine.reset(np.arange(engine.num_envs))
    return engine


def vector(body, challenge=None, *, seed=0, stagger=False, **options):
    env = EngineVecEnv(engine_of(body, challenge, **options), seed=seed, stagger=stagger)
    env.reset()
    return env


def actions_of(engine, steps, seed=0):
    space = engine.task.action_space
    shape = (steps, engine.num_envs, *space.shape)
    drawn = np.random.default_rng(seed).uniform(0, 1, shape)
    return (space.low + drawn * (space.high - space.low)).astype(np.float32)


def rollout(engine, actions):
    """Return observations [T, N, D] and rewards [T, N]; rows that end start again."""
    told, rewards = [], []
    for action in actions:
        engine.step(action)
        rewards.append(engine.reward.copy())
        ended = np.flatnonzero(engine.terminated | engine.truncated)
        if ended.size:
            engine.reset(ended)
        told.append(engine.observation.copy())
    return np.array(told), np.array(rewards)


def suited(name, severity="easy", **options):
    """Return a challenge and the first body that can have it."""
    challenge = named_challenge(name, severity=severity, **options)
    for body in ("HalfCheetah-v5", "Crawler"):
        try:
            engine_of(body, challenge, rows=1)
        except ValueError:
            continue
        return challenge, body
    raise AssertionError(f"no body can have {name}")
