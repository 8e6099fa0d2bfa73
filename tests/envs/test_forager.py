"""Forager-v0: eating, hunger, and what stands in the way."""

import numpy as np

from envs.engine import Engine
from envs.forager import Forager
from tests.envs.episodes import flail, play


def engine_of(rows=2, seed=0, **options):
    options = {"vision": False, **options}
    engine = Engine(
        Forager(**options), name="Forager", num_envs=rows, num_threads=1, max_episode_steps=None
    )
    engine.seed(list(range(seed, seed + rows)))
    engine.reset(np.arange(rows))
    return engine


def places(engine, kind):
    """Return where all of a kind stand, [N, count, 2]."""
    model = engine.task.model
    names = [model.body(index).name for index in range(model.nbody)]
    ids = [model.body(name).mocapid[0] for name in names if name.startswith(kind)]
    return engine.batch.bind("mocap_pos")[:, ids, :2]


def test_food_that_is_eaten_pays_fills_and_appears_at_the_next_place_of_the_menu():
    engine = engine_of()
    menu = engine.task.memory()["menu"]
    engine.task.qpos[1, :2] = menu[1, 2] + [0.2, 0.0]  # beside the third food
    before = places(engine, "food").copy()
    engine.step(np.zeros((2, 4)))
    after, info = places(engine, "food"), engine.task.step_info()
    assert info["eating"].tolist() == [False, True]
    assert info["meals"].tolist() == [0, 1]
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_array_equal(after[1, :2], before[1, :2])
    np.testing.assert_array_equal(after[1, 2], menu[1, 3])
    assert engine.reward[1] > 0.99 and engine.reward[0] < 0.11
    energy = engine.task.memory()["energy"]
    np.testing.assert_allclose(energy[1] - energy[0], 0.3)
    engine.step(np.zeros((2, 4)))
    sensed = engine.task.present(engine.observation)["interoception"][:, 0]
    np.testing.assert_allclose(sensed[1] - sensed[0], 0.3)


def test_the_menu_holds_every_free_place_and_no_post_stands_on_one():
    engine = engine_of(rows=20)
    menu, posts = engine.task.memory()["menu"], places(engine, "post")
    assert menu.shape == (20, 19, 2) and posts.shape == (20, 5, 2)
    everything = np.concatenate([menu, posts, engine.task.qpos[:, np.newaxis, :2]], axis=1)
    gaps = np.linalg.norm(everything[:, :, np.newaxis] - everything[:, np.newaxis], axis=-1)
    gaps[:, np.arange(25), np.arange(25)] = np.inf
    assert gaps.min() > 0.5
    assert np.abs(everything).max() < 1.6


def test_whoever_does_not_eat_starves_and_effort_starves_sooner():
    engine = engine_of()
    engine.batch.bind("mocap_pos")[:, :3, 2] = 5.0
    engine.batch.bind("mocap_pos")[:, :3, :2] = 50.0  # nothing to eat
    actions = np.zeros((2, 4))
    actions[1, :2] = 0.5, -0.5
    ends = np.zeros(2, int)
    for step in range(1, 500):
        engine.step(actions)
        ends[(ends == 0) & engine.terminated] = step
        if ends.all():
            break
    assert 400 < ends[0] < 450
    assert 350 < ends[1] < ends[0] - 20


def test_hunger_takes_from_what_a_meal_pays():
    engine = engine_of()
    engine.task.memory()["energy"][:] = 0.9, 0.05
    engine.task.qpos[:, :2] = places(engine, "food")[:, 0]
    engine.step(np.zeros((2, 4)))
    assert engine.task.step_info()["eating"].all()
    engine.task.memory()["energy"][:] = 0.9, 0.01
    engine.step(np.zeros((2, 4)))
    energy = engine.task.step_info()["reward_energy"]
    assert energy[0] == 1.0 and energy[1] < 0.2


def test_coming_nearer_pays_and_going_away_does_not():
    engine = engine_of()
    food = engine.batch.bind("mocap_pos")[:, :3]
    food[:] = 50.0
    engine.batch.bind("mocap_pos")[:, 3:, :2] = 20.0  # no posts
    engine.task.qpos[:, :7] = 0, 0, 0.07, 1, 0, 0, 0
    food[0, 0, :2], food[1, 0, :2] = (1.2, 0), (-1.2, 0)
    paid = np.zeros(2)
    for _ in range(40):
        engine.step(np.array([[0.8, 0.8, 0, 0]] * 2))
        paid += engine.reward
    assert engine.task.qpos[0, 0] > 0.2
    assert paid[0] > 0.5
    assert paid[1] == 0.0


def test_a_whisker_bends_before_the_hull_meets_a_wall():
    engine = engine_of(rows=1)
    engine.batch.bind("mocap_pos")[:, :, :2] = 20.0
    engine.task.qpos[:, :7] = 1.4, 0, 0.07, np.cos(0.1), 0, 0, np.sin(0.1)
    bent, met = None, None
    for step in range(120):
        engine.step(np.array([[0.4, 0.4, 0, 0]]))
        touch = engine.task.present(engine.observation)["touch"][0]
        if bent is None and np.abs(touch[:2]).max() > 0.1:
            bent = step
        if met is None and touch[2] > 0:
            met = step
    assert bent is not None and met is not None and bent < met - 3


def test_wheels_roll_and_turn_the_way_they_are_driven():
    engine = engine_of()
    engine.batch.bind("mocap_pos")[:, :, :2] = 20.0
    engine.task.qpos[:, :7] = 0, 0, 0.07, 1, 0, 0, 0
    for _ in range(50):
        engine.step(np.array([[0.5, 0.5, 0, 0], [-0.3, 0.3, 0, 0]]))
    told = engine.task.present(engine.observation)
    assert told["vestibular"][0, 0] > 0.3  # m/s ahead
    assert np.abs(told["vestibular"][0, 1:3]).max() < 0.02  # neither sideways nor up
    assert told["vestibular"][1, 5] > 1.0  # rad/s to the left
    rolled = told["proprioception"][0, :2] * 0.07
    np.testing.assert_allclose(rolled, told["vestibular"][0, 0], rtol=0.1)


def test_looking_for_food_feeds_and_chance_starves():
    returns, told = play("Forager-v0")
    by_chance, told_by_chance = flail("Forager-v0")
    assert told["meals"].max(axis=0).mean() > 2
    assert told_by_chance["meals"].max(axis=0).mean() < 0.5
    assert returns.mean() > 15 > 3 > by_chance.mean()
