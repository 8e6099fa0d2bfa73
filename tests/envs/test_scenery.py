"""What an eye has in view is all that its rays can meet."""

import mujoco
import numpy as np
import pytest
from mujoco.batch import Batch

from envs.engine import Engine
from envs.forager import Forager
from envs.gaze import Gaze
from envs.scenery import UNSEEN_GROUP, Scenery

SEEN = np.array([group != UNSEEN_GROUP for group in range(mujoco.mjNGROUP)], np.uint8)


@pytest.mark.parametrize("task_class", [Gaze, Forager])
def test_an_eye_sees_what_rays_through_the_whole_model_meet(task_class, monkeypatch):
    """Every look of some moving eyes is cast again, through every geom of the bodies' model."""
    task, looks, passed_over = task_class(), 0, 0
    engine = Engine(task, name="Eye", num_envs=5, num_threads=1, max_episode_steps=None)
    whole, cast = Batch(task.model, 5, 1), Scenery.cast
    names = np.array([*(task.model.geom(index).name for index in range(task.model.ngeom)), ""])

    def compared(scenery, places, forward, directions, widest, rows):
        nonlocal looks, passed_over
        distance, geom = cast(scenery, places, forward, directions, widest, rows)
        whole.state[...] = engine.batch.state
        expected = whole.ray(places[:, np.newaxis], directions, SEEN, ids=rows)
        np.testing.assert_array_equal(distance, expected[0])
        here = [*(scenery.model.geom(index).name for index in range(scenery.model.ngeom)), ""]
        np.testing.assert_array_equal(np.array(here)[geom], names[expected[1]])
        looks += 1
        passed_over += np.count_nonzero(scenery._alpha == 0)
        return distance, geom

    monkeypatch.setattr(Scenery, "cast", compared)
    engine.seed(list(range(5)))
    engine.reset(np.arange(5))
    generator = np.random.default_rng(0)
    low, high = task.action_space.low, task.action_space.high
    for _ in range(40):
        engine.step(generator.uniform(low, high, (5, low.size)))
    engine.reset(np.array([1, 3]))
    assert looks == 42 and passed_over > 0


def test_only_geoms_that_may_be_seen_are_there():
    spec = mujoco.MjSpec.from_string("""<mujoco><worldbody><geom name="floor" size="1"/>
        <body name="a"><joint name="a" type="slide"/><geom name="hidden" size="1" group="1"/>
            <body name="b"><joint name="b"/><geom name="seen" size="1"/></body></body>
        <body name="c"><joint name="c"/><geom name="own" size="1" group="1"/></body>
        </worldbody></mujoco>""")
    model = Scenery(spec, spec.compile()).model
    assert [model.geom(index).name for index in range(model.ngeom)] == ["floor", "seen"]
    assert [model.joint(index).name for index in range(model.njnt)] == ["a", "b"]
