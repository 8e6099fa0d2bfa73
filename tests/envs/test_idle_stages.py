"""What is switched off changes no bit, and what a body needs stays on."""

import copy

import mujoco
import numpy as np
import pytest
from mujoco.batch import Batch

import envs
from envs.idle_stages import idle_stages

CONTACT = int(mujoco.mjtDisableBit.mjDSBL_CONTACT)
ISLAND = int(mujoco.mjtDisableBit.mjDSBL_ISLAND)
WITHOUT_CONTACTS = {
    "InvertedDoublePendulum-v5",
    "InvertedPendulum-v5",
    "Reach-v0",
    "Reacher-v5",
    "Swimmer-v5",
}


def model_of(env_id):
    return envs.make_vec_env(env_id, num_envs=1, num_threads=1).engine.task.model


def pushed_about(model, steps=150):
    """Return the states of two rows that random actions and random pushes drive."""
    batch = Batch(model, 2, 1)
    generator = np.random.default_rng(0)
    control, push = batch.bind("ctrl"), batch.bind("xfrc_applied")
    states = []
    for _ in range(steps):
        control[...] = generator.uniform(*model.actuator_ctrlrange.T, control.shape)
        push[:, 1:, :3] = generator.normal(0.0, 1.0, push[:, 1:, :3].shape)
        batch.step(None, 2)
        states.append(batch.state.copy())
    return np.array(states)


@pytest.mark.parametrize("env_id", envs.native_names())
def test_a_body_moves_to_the_same_bits_with_everything_switched_on(env_id):
    model = model_of(env_id)
    everything = copy.copy(model)
    everything.opt.disableflags = 0
    np.testing.assert_array_equal(pushed_about(model), pushed_about(everything))


def test_contacts_are_looked_for_where_there_may_be_some():
    for env_id in envs.native_names():
        switched_off = model_of(env_id).opt.disableflags & CONTACT
        assert bool(switched_off) == (env_id in WITHOUT_CONTACTS), env_id


def test_a_pair_named_in_the_model_may_meet_whatever_the_masks_say():
    xml = """<mujoco><default><geom contype="0" size="1"/></default><worldbody>
        <body><freejoint/><geom name="a"/></body><body><freejoint/><geom name="b"/></body>
        </worldbody>{}</mujoco>"""
    pair = '<contact><pair geom1="a" geom2="b"/></contact>'
    assert idle_stages(mujoco.MjModel.from_xml_string(xml.format(""))) == CONTACT
    assert idle_stages(mujoco.MjModel.from_xml_string(xml.format(pair))) == 0


def test_only_bodies_of_one_tree_do_without_islands():
    assert model_of("Ant-v5").opt.disableflags == ISLAND
    assert model_of("Pusher-v5").opt.disableflags == 0
