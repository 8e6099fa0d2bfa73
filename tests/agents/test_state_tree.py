"""The codec keeps every kind of leaf, and takes nothing that it cannot keep."""

import json
import math
import random

import numpy as np
import pytest
import torch

from agents.state_tree import flatten, unflatten


def round_trip(tree):
    structure, tensors = flatten(tree)
    return unflatten(json.loads(json.dumps(structure, allow_nan=False)), tensors)


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1, 2**200, 0.1, -0.0, "", "text", "$torch", b"\x00\xff", [], {}, ()],
    ids=repr,
)
def test_a_plain_leaf_comes_back_with_its_value_and_type(value):
    returned = round_trip({"leaf": value})["leaf"]
    assert returned == value
    assert type(returned) is type(value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_float_that_json_lacks_comes_back(value):
    assert repr(round_trip([value])[0]) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3)[:, ::-1],
        np.zeros((0, 4), dtype=np.float32),
        np.array(3.5),
        np.array([2**64 - 1], dtype=np.uint64),
        np.array([True, False]),
        np.array([math.nan, -math.inf]),
        np.arange(3, dtype=">f8"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_comes_back_with_its_values_and_shape(array):
    if array.dtype.byteorder == ">":
        with pytest.raises(TypeError, match="no safe form"):
            round_trip(array)
        return
    returned = round_trip({"a": array})["a"]
    assert returned.dtype == array.dtype
    np.testing.assert_array_equal(returned, array)


def test_a_torch_tensor_comes_back_without_its_graph_and_as_a_copy():
    parameter = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    _, tensors = flatten({"w": parameter.T})
    with torch.no_grad():
        parameter.zero_()
    returned = unflatten({"$torch": "w"}, tensors)
    assert not returned.requires_grad
    assert torch.equal(returned, torch.arange(6.0).reshape(2, 3).T)


def test_tensors_that_share_memory_are_both_kept():
    base = torch.arange(4.0)
    returned = round_trip({"all": base, "half": base[:2], "again": base})
    assert [value.tolist() for value in returned.values()] == [[0, 1, 2, 3], [0, 1], [0, 1, 2, 3]]


def test_an_optimiser_with_integer_keys_and_tuples_comes_back():
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    returned = round_trip(optimizer.state_dict())
    assert list(returned["state"]) == [0, 1]
    assert returned["param_groups"][0]["betas"] == (0.9, 0.999)
    optimizer.load_state_dict(returned)


def test_random_generators_go_on_where_they_were():
    python, numpy = random.Random(3), np.random.default_rng(3)
    tree = round_trip({"python": python.getstate(), "numpy": numpy.bit_generator.state})
    expected = python.random(), numpy.random()
    python.seed(0)
    python.setstate(tree["python"])
    other = np.random.default_rng(0)
    other.bit_generator.state = tree["numpy"]
    assert (python.random(), other.random()) == expected


def test_paths_that_look_the_same_do_not_collide():
    tree = {"a.b": torch.ones(1), "a": {"b": torch.zeros(1)}}
    returned = round_trip(tree)
    assert returned["a.b"].item() == 1
    assert returned["a"]["b"].item() == 0


@pytest.mark.parametrize(
    "leaf", [object(), print, {1, 2}, 1j, np.array([None])], ids=lambda leaf: type(leaf).__name__
)
def test_a_leaf_without_a_safe_form_is_refused_by_its_path(leaf):
    with pytest.raises(TypeError, match=r"outer\.0 is a.*no safe form"):
        flatten({"outer": [leaf]})


@pytest.mark.parametrize("structure", [{"$python": "os.system"}, {"$torch": "absent"}])
def test_a_structure_that_names_something_unknown_is_refused(structure):
    with pytest.raises(ValueError, match=r"not known|missing"):
        unflatten(structure, {})
