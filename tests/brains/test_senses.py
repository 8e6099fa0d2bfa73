import numpy as np
import pytest
import torch
from gymnasium import spaces

from brains.senses import Senses, modality_sizes

BOX = spaces.Box(-np.inf, np.inf, (3,), np.float64)


def test_running_statistics_equal_those_of_all_data_at_once():
    senses = Senses(BOX, clip=10.0)
    data = torch.randn(5, 40, 3, dtype=torch.float64) * torch.tensor([1.0, 5.0, 0.1]) + 2.0
    for batch in data:
        senses.update(batch)
    flat = data.flatten(0, 1)
    torch.testing.assert_close(senses.mean, flat.mean(0))
    torch.testing.assert_close(senses.variance, flat.var(0, correction=0))


def test_normalising_never_changes_the_statistics():
    senses = Senses(BOX, clip=10.0)
    senses.update(torch.randn(8, 3))
    before = {name: value.clone() for name, value in senses.state_dict().items()}
    senses(torch.randn(8, 3) * 100)
    assert all(torch.equal(before[name], value) for name, value in senses.state_dict().items())


def test_normalised_senses_are_clipped():
    senses = Senses(BOX, clip=2.0)
    assert senses(torch.full((1, 3), 1e9)).tolist() == [[2.0, 2.0, 2.0]]


def test_modalities_stay_in_the_order_of_the_space():
    space = spaces.Dict({"touch": spaces.Box(0, 1, (2,)), "goal": spaces.Discrete(3, start=1)})
    senses = Senses(space, clip=10.0)
    joined = senses.join({"touch": torch.tensor([[0.1, 0.2]]), "goal": torch.tensor([2])})
    names = list(senses.sizes)
    expected = {"goal": [0.0, 1.0, 0.0], "touch": [0.1, 0.2]}
    flat = [number for name in names for number in expected[name]]
    torch.testing.assert_close(
        joined[0], torch.tensor(flat, dtype=torch.float64), atol=1e-6, rtol=0
    )


def test_a_space_that_cannot_be_sensed_is_refused_by_name():
    with pytest.raises(ValueError, match="'words' is Text"):
        modality_sizes(spaces.Dict({"words": spaces.Text(5)}))


TOLD = spaces.Dict(
    {
        "alive": spaces.Box(0, 1, (3,)),
        "efference_copy": spaces.Box(-1, 1, (2,)),
        "reward": spaces.Box(-np.inf, np.inf, (1,)),
        "senses": spaces.Box(-np.inf, np.inf, (3,)),
    }
)


def test_what_is_private_is_sensed_but_not_heard():
    layout = Senses(TOLD, clip=10.0, private=["efference_copy", "reward"]).layout
    senses = torch.arange(2.0 * layout.size).view(2, -1)
    expected = torch.cat([senses[:, layout.columns[name]] for name in ("alive", "senses")], -1)
    assert torch.equal(layout.hear(senses), expected)
    assert layout.heard_sizes == [3, 3]
    assert len(layout.action) == 2


def test_where_nothing_is_private_everything_is_heard():
    layout = Senses(TOLD, clip=10.0).layout
    senses = torch.randn(2, layout.size)
    assert layout.hear(senses) is senses


def test_the_body_cannot_be_private():
    with pytest.raises(ValueError, match="only efference_copy, reward, alive can be private"):
        Senses(TOLD, clip=10.0, private=["senses"])
