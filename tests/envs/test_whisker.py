"""Whisker-v0: touch alone tells where the post stands."""

import numpy as np

from envs.engine import Engine
from envs.whisker import Whisker
from tests.envs.episodes import flail, play


def engine_of(rows=2, seeds=None):
    engine = Engine(Whisker(), name="Whisker", num_envs=rows, num_threads=1, max_episode_steps=None)
    engine.seed([0] * rows if seeds is None else seeds)
    engine.reset(np.arange(rows))
    return engine


def swap_sides(engine, row):
    engine.batch.bind("mocap_pos")[row, :, 1] *= -1


def test_nothing_but_touch_depends_on_where_the_post_stands():
    engine = engine_of()
    swap_sides(engine, 1)
    engine.batch.forward()
    generator = np.random.default_rng(0)
    told = []
    action = np.zeros(5)
    for _ in range(300):
        action += 0.2 * generator.standard_normal(5) - 0.05 * action
        engine.step(np.clip(np.stack([action, action]), -1, 1))
        told.append(engine.task.present(engine.observation))
    touch, rest = (np.stack([t[n] for t in told]) for n in ("touch", "proprioception"))
    assert set(told[0]) == {"touch", "proprioception"}
    apart = lambda senses: np.abs(senses[:, 0] - senses[:, 1]).mean(axis=0)  # noqa: E731
    spread = lambda senses: senses.std(axis=0).mean(axis=0)  # noqa: E731
    # The bodies push back by a hair; that is all that joints tell of the other world.
    assert (apart(rest) < 0.02 * spread(rest)).all()
    assert (apart(touch) > 0.2 * spread(touch)).all()


def test_before_anything_is_touched_both_worlds_feel_the_same():
    engine = engine_of(rows=200, seeds=list(range(200)))
    side = np.sign(engine.batch.bind("mocap_pos")[:, 0, 1])
    assert 70 < (side > 0).sum() < 130
    told = engine.task.present(engine.observation)
    assert (told["touch"] == 0).all()
    for sense in told["proprioception"].T:
        left, right = sense[side > 0], sense[side < 0]
        noise = np.sqrt(left.var() / left.size + right.var() / right.size)
        assert abs(left.mean() - right.mean()) < 4 * noise


def test_shapes_stand_on_opposite_sides_and_clear_of_the_head():
    engine = engine_of(rows=100, seeds=list(range(100)))
    places = engine.batch.bind("mocap_pos")
    assert (places[:, 0, 1] * places[:, 1, 1] < 0).all()
    assert np.abs(places[..., 1]).min() > 0.12 and np.abs(places[..., 1]).max() < 0.16


def test_the_block_bends_more_whiskers_than_the_post():
    engine = engine_of(rows=40, seeds=list(range(40)))
    forward = np.zeros((40, 5))
    for _ in range(60):
        engine.step(forward)
    bent = np.abs(engine.task.present(engine.observation)["touch"]).reshape(40, 2, 3) > 0.05
    count = bent.sum(axis=-1)
    post_on_left = engine.batch.bind("mocap_pos")[:, 0, 1] > 0
    at_post = np.where(post_on_left, count[:, 0], count[:, 1])
    at_block = np.where(post_on_left, count[:, 1], count[:, 0])
    assert (at_block > at_post).all()
    assert (at_post >= 1).all()


def test_the_lever_pays_on_the_side_of_the_post_only():
    engine = engine_of(rows=4)
    swap_sides(engine, [1, 3])
    post_on_left = engine.batch.bind("mocap_pos")[:, 0, 1] > 0
    lever = np.array([1.0, 1.0, -1.0, -1.0])
    actions = np.zeros((4, 5))
    actions[:, 0], actions[:, 4] = -1.0, lever  # away from the shapes
    for _ in range(60):
        engine.step(actions)
    right = post_on_left == (lever > 0)
    assert (engine.reward[right] > 0.95).all() and (engine.reward[~right] < 0.05).all()
    np.testing.assert_array_equal(engine.task.step_info()["success"], right)


def test_feeling_first_succeeds_and_chance_does_not():
    returns, told = play("Whisker-v0", rows=32)
    by_chance, told_by_chance = flail("Whisker-v0", rows=32)
    assert told["success"][-1].mean() >= 0.95
    assert told_by_chance["success"].mean() < 0.1
    assert returns.mean() > 110 > 60 > by_chance.mean()
