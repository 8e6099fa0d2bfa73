"""What the garbage collector passes over while an agent learns."""

import gc

import pytest

from agents.garbage import only_new_garbage


def test_what_was_there_before_is_passed_over_and_looked_at_again_afterwards():
    before = gc.get_freeze_count()
    with only_new_garbage():
        assert gc.get_freeze_count() > before
        with only_new_garbage():  # a training within a training changes nothing
            pass
        assert gc.get_freeze_count() > before
    assert gc.get_freeze_count() == before


def test_an_error_leaves_nothing_frozen():
    before = gc.get_freeze_count()
    with pytest.raises(KeyError), only_new_garbage():
        raise KeyError
    assert gc.get_freeze_count() == before
