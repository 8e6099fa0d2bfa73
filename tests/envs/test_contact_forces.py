"""The forces on bodies, summed in place, are those that MuJoCo sums over copies."""

import mujoco
import numpy as np
import pytest
from mujoco.batch import Batch

from envs.gymnasium_v5.contact_forces import ContactForces
from envs.gymnasium_v5.model import v5_model


def falling_ants(persistent=True):
    """Three ants, some time after they fell."""
    batch = Batch(v5_model("ant.xml"), 3, 2, persistent)
    batch.bind("ctrl")[...] = np.linspace(-1.0, 1.0, 24).reshape(3, 8)
    batch.step(None, 200)
    return batch


def summed_by_mujoco(batch, row):
    data = batch.get_data(row)
    mujoco.mj_rnePostConstraint(batch.model, data)
    return data.cfrc_ext.ravel()


def test_forces_of_all_rows_equal_those_summed_over_copies():
    batch = falling_ants()
    contact = ContactForces(batch)
    for _ in range(3):
        batch.step(None, 5)
        expected = [summed_by_mujoco(batch, row) for row in range(3)]
        assert all(np.abs(forces).max() > 0.0 for forces in expected)
        contact.sum_up(None)
        np.testing.assert_array_equal(contact.values, expected)


def test_forces_of_rows_left_out_stay_and_those_of_rows_that_start_are_none():
    batch = falling_ants()
    contact = ContactForces(batch)
    batch.step(None, 5)
    contact.sum_up(None)
    before = contact.values.copy()
    batch.step(None, 5)
    contact.sum_up(np.array([1]))
    np.testing.assert_array_equal(contact.values[[0, 2]], before[[0, 2]])
    np.testing.assert_array_equal(contact.values[1], summed_by_mujoco(batch, 1))
    assert (contact.values[1] != before[1]).any()
    contact.clear(np.array([0]))
    assert not contact.values[0].any() and contact.values[1].any()


def test_summing_leaves_every_state_and_callback_as_it_was():
    batch, twin = falling_ants(), falling_ants()
    contact = ContactForces(batch)
    assert mujoco.get_mjcb_control() is None
    for _ in range(3):
        batch.step(None, 5)
        contact.sum_up(None)
        twin.step(None, 5)
        np.testing.assert_array_equal(batch.state, twin.state)


def test_rows_without_data_of_their_own_are_refused():
    with pytest.raises(ValueError, match="persistent"):
        ContactForces(falling_ants(persistent=False))


def test_rows_whose_models_were_made_to_differ_are_summed_as_well():
    batch = falling_ants()
    contact = ContactForces(batch)
    batch.expand("body_mass")[...] *= np.array([[0.5], [1.0], [3.0]])
    batch.expand("opt.gravity")[2] = (1.0, 0.0, -5.0)
    batch.set_const()
    batch.step(None, 5)
    contact.sum_up(None)
    expected = [summed_by_mujoco(batch, row) for row in range(3)]
    np.testing.assert_array_equal(contact.values, expected)
