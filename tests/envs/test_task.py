"""A task is one class and one registration line; everything else follows."""

import gymnasium
import mujoco
import numpy as np
import pytest

import envs
from envs.registration import register_task
from envs.task import Task

XML = """
<mujoco>
  <worldbody>
    <body name="puck">
      <joint name="slide" type="slide" axis="1 0 0" damping="1"/>
      <geom name="puck" size="0.1" mass="1"/>
    </body>
  </worldbody>
  <actuator><motor name="push" joint="slide" ctrlrange="-1 1"/></actuator>
</mujoco>
"""


class Seek(Task):
    """Slide to a target that only the reward tells."""

    def __init__(self, *, reach=1.0):
        model = mujoco.MjModel.from_xml_string(XML)
        super().__init__(model, frame_skip=5, senses=2)
        self.reach = reach

    def bind(self, batch):
        super().bind(batch)
        self.target = np.zeros(batch.nsim)

    def start(self, rows, generators):
        self.target[rows] = [draw.uniform(-self.reach, self.reach) for draw in generators]

    def observe(self):
        return self.motion.copy()

    def evaluate(self, actions):
        return -np.abs(self.qpos[:, 0] - self.target), self.still_going

    def memory(self):
        return {"target": self.target}


@pytest.fixture
def seek():
    register_task("Seek-v0", f"{__name__}:Seek", max_episode_steps=7)
    yield "Seek-v0"
    del gymnasium.registry["wetware/Seek-v0"]


def rewards(env, steps):
    return [env.step(np.ones((3, 1), np.float32))[1].tolist() for _ in range(steps)]


def test_one_registration_line_gives_every_face(seek):
    assert seek in envs.native_names()
    single = gymnasium.make(f"wetware/{seek}", reach=2.0)
    vector = gymnasium.make_vec(f"wetware/{seek}", num_envs=3, reach=2.0)
    stable = envs.make_vec_env(seek, 3, seed=5, env_kwargs={"reach": 2.0})
    single.reset(seed=5)
    vector.reset(seed=5)
    stable.reset()
    for step in range(7):
        _, reward, _, truncated, _ = single.step(np.ones(1, np.float32))
        _, several, _, cut, _ = vector.step(np.ones((3, 1), np.float32))
        _, same, dones, _ = stable.step(np.ones((3, 1), np.float32))
        assert reward == several[0] == same[0]
        assert truncated == cut.all() == dones.all() == (step == 6)


def test_variables_of_a_task_outside_the_physics_are_resumed(seek):
    env, other = (envs.make_vec_env(seek, 3, seed=n) for n in (1, 2))
    env.reset()
    rewards(env, 10)
    state = env.training_state()
    expected = rewards(env, 20)
    other.reset()
    other.load_training_state(state)
    assert rewards(other, 20) == expected


def test_the_time_limit_of_a_registration_can_be_overridden_in_a_vector(seek):
    env = gymnasium.make_vec(f"wetware/{seek}", num_envs=1, max_episode_steps=2)
    env.reset(seed=0)
    assert [bool(env.step(np.ones((1, 1)))[3][0]) for _ in range(2)] == [False, True]


class SeekByModality(Seek):
    """The same, with what is sensed told by modality."""

    def __init__(self):
        model = mujoco.MjModel.from_xml_string(XML)
        senses = {"vestibular": (1,), "eye": (2, 3)}
        Task.__init__(self, model, frame_skip=5, senses=senses)
        self.reach = 1.0

    def observe(self):
        pixels = self.qpos[:, :1] + np.arange(6)
        return np.concatenate([self.qvel, pixels], axis=1)


@pytest.fixture
def by_modality():
    register_task("Modal-v0", f"{__name__}:SeekByModality", max_episode_steps=7)
    yield "Modal-v0"
    del gymnasium.registry["wetware/Modal-v0"]


@pytest.mark.parametrize("mode", gymnasium.vector.AutoresetMode)
def test_every_face_tells_modalities_by_name_and_shape(by_modality, mode):
    single = gymnasium.make(f"wetware/{by_modality}")
    vector = gymnasium.make_vec(f"wetware/{by_modality}", num_envs=3, autoreset_mode=mode)
    stable = envs.make_vec_env(by_modality, 3, seed=5)
    seen = [single.reset(seed=5)[0], vector.reset(seed=5)[0], stable.reset()]
    for _ in range(6):
        one, several = np.ones(1, np.float32), np.ones((3, 1), np.float32)
        seen = [single.step(one)[0], vector.step(several)[0], stable.step(several)[0]]
        assert seen[0] in single.observation_space
        assert seen[1] in vector.observation_space
        assert seen[2]["eye"].shape == (3, 2, 3)
        for name in ("vestibular", "eye"):
            np.testing.assert_array_equal(seen[0][name], seen[1][name][0])
            np.testing.assert_array_equal(seen[1][name], seen[2][name])
    last, _, _, infos = stable.step(several)
    ended = infos[0]["terminal_observation"]
    assert ended["eye"].shape == (2, 3)
    assert ended["eye"][0, 0] != last["eye"][0, 0, 0] == 0.0
    final = vector.step(several)[-1]
    if mode is gymnasium.vector.AutoresetMode.SAME_STEP:
        np.testing.assert_array_equal(final["final_obs"][0]["eye"], ended["eye"])


def test_what_was_handed_out_never_changes_afterwards(by_modality):
    env = envs.make_vec_env(by_modality, 3)
    before = env.reset()
    kept = {name: values.copy() for name, values in before.items()}
    env.step(np.ones((3, 1), np.float32))
    for name, values in kept.items():
        np.testing.assert_array_equal(before[name], values)
