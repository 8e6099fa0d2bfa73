"""What a body senses is what the sensors of its model measure."""

import mujoco
import numpy as np
import pytest

from envs.engine import Engine
from envs.sensor_task import SensorTask

XML = """
<mujoco>
  <option timestep="0.005" integrator="implicitfast"/>
  <worldbody>
    <geom name="floor" type="plane" size="2 2 .1"/>
    <body name="puck" pos="0 0 0.1">
      <joint name="slide" type="slide" axis="1 0 0" damping="1"/>
      <joint name="fall" type="slide" axis="0 0 1"/>
      <geom name="puck" size="0.1" mass="1"/>
      <site name="puck" size="0.11"/>
    </body>
  </worldbody>
  <actuator><motor name="push" joint="slide" ctrlrange="-1 1"/></actuator>
  <sensor>
    <touch name="touch/puck" site="puck"/>
    <velocimeter name="vestibular/velocity" site="puck"/>
    <jointpos name="proprioception/slide" joint="slide"/>
    <jointvel name="proprioception/slide_speed" joint="slide"/>
  </sensor>
</mujoco>
"""


class Puck(SensorTask):
    """A puck that can also tell the time."""

    def __init__(self, xml=XML, extra=None):
        model = mujoco.MjModel.from_xml_string(xml)
        super().__init__(model, frame_skip=4, extra={"goal": (2,)} if extra is None else extra)

    def start(self, rows, generators):
        self.qpos[rows, 0] = [draw.uniform(-0.1, 0.1) for draw in generators]

    def sense(self):
        self.sensed["goal"][:, 1] = 7.0

    def evaluate(self, actions):
        return self.qvel[:, 0].copy(), self.still_going


def engine_of(task, seed=0):
    engine = Engine(task, name="Puck", num_envs=3, num_threads=1, max_episode_steps=None)
    engine.seed([seed, seed + 1, seed + 2])
    engine.reset(np.arange(3))
    return engine


def test_modalities_stand_in_one_order_and_hold_their_sensors():
    engine = engine_of(Puck())
    assert list(engine.task.columns) == ["proprioception", "touch", "vestibular", "goal"]
    for _ in range(30):
        engine.step(np.ones((3, 1)))
    told = engine.task.present(engine.observation)
    np.testing.assert_array_equal(told["proprioception"][:, 0], engine.task.qpos[:, 0])
    np.testing.assert_array_equal(told["proprioception"][:, 1], engine.task.qvel[:, 0])
    np.testing.assert_allclose(told["vestibular"][:, 0], engine.task.qvel[:, 0])
    np.testing.assert_allclose(told["touch"][:, 0], 9.81, rtol=0.05)  # its weight, N
    assert (told["goal"] == [0.0, 7.0]).all()


def test_columns_of_velocities_are_known_from_the_kind_of_sensor():
    task = Puck()
    assert task.velocity_columns.tolist() == [3, 4, 5, 1]


def test_numbers_that_follow_the_sensors_of_a_modality_are_the_tasks_to_write():
    class Told(Puck):
        def sense(self):
            self.sensed["touch"][:, 1] = 5.0

    engine = engine_of(Told(extra={"touch": (1,)}))
    assert (engine.task.present(engine.observation)["touch"][:, 1] == 5.0).all()


def test_a_sensor_with_an_interval_of_the_control_period_is_never_read_late():
    slide = 'name="proprioception/slide" joint="slide"'
    engine = engine_of(Puck(XML.replace(slide, f'{slide} nsample="1" interval="0.02 0"')))
    for _ in range(1000):
        engine.step(np.ones((3, 1)))
        told = engine.task.present(engine.observation)
        np.testing.assert_array_equal(told["proprioception"][:, 0], engine.task.qpos[:, 0])


def test_what_is_sensed_goes_on_bit_for_bit_from_a_saved_state():
    engine, other = engine_of(Puck()), engine_of(Puck(), seed=9)
    actions = np.random.default_rng(0).uniform(-1, 1, (20, 3, 1))
    for step in range(10):
        engine.step(actions[step])
    state = engine.training_state()
    for _ in range(3):
        other.step(np.zeros((3, 1)))
    other.load_training_state(state)
    for step in range(10, 20):
        engine.step(actions[step])
        other.step(actions[step])
        np.testing.assert_array_equal(engine.observation, other.observation)


def test_a_reset_leaves_what_other_rows_sense_as_it_was():
    engine = engine_of(Puck())
    for _ in range(10):
        engine.step(np.ones((3, 1)))
    before = engine.observation.copy()
    engine.reset(np.array([1]))
    np.testing.assert_array_equal(engine.observation[[0, 2]], before[[0, 2]])
    assert engine.observation[1, 1] == 0.0


def test_a_reset_tells_others_nothing_that_changed_since_they_were_told():
    class Tiring(Puck):
        def sense(self):
            self.sensed["goal"][:, 0] = self.steps

        def bind(self, batch):
            super().bind(batch)
            self.steps = np.zeros(batch.nsim)

        def evaluate(self, actions):
            self.steps += 1
            return super().evaluate(actions)

    engine = engine_of(Tiring())
    engine.step(np.ones((3, 1)))
    engine.reset(np.array([1]))
    assert engine.task.present(engine.observation)["goal"][:, 0].tolist() == [0.0, 1.0, 0.0]


def test_a_reset_right_after_resuming_leaves_what_other_rows_sensed():
    engine, other = engine_of(Puck()), engine_of(Puck(), seed=9)
    for _ in range(10):
        engine.step(np.ones((3, 1)))
    other.load_training_state(engine.training_state())
    other.reset(np.array([1]))
    np.testing.assert_array_equal(other.observation[[0, 2]], engine.observation[[0, 2]])


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("touch/puck", "feeling/puck", "must be named modality/what"),
        ("proprioception/slide", "touch/slide", "must stand together"),
    ],
)
def test_a_sensor_without_a_modality_or_apart_from_it_is_refused(name, wrong, message):
    with pytest.raises(ValueError, match=message):
        Puck(XML.replace(f'name="{name}"', f'name="{wrong}"'))
