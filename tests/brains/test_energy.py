"""Operations against counts made by hand."""

import numpy as np
import pytest
import torch
from brains_helpers import INPUT_SIZE, OPTIONS, described_by, small_body
from gymnasium import spaces

from brains import brain_from_config
from brains.energy import (
    CONSTANTS,
    Constants,
    Operations,
    dense_nanojoules,
    dense_operations,
    nanojoules,
    operations_of,
    report,
    total,
)
from brains.gated import GRUController
from brains.lesions import LESIONS
from brains.reflex import LinearReflex

ACTIONS = 2


def brain_of(controller, perception="none", neuromodulator="none", plasticity="none", **changes):
    def part(group, option):
        return described_by(OPTIONS / group / f"{option}.yaml")

    described = {
        "_target_": "brains.build.build_brain",
        "senses": {"_target_": "brains.senses.Senses", "clip": 10.0},
        "controller": {**part("controller", controller), **changes.pop("controller_changes", {})},
        "perception": {**part("perception", perception), **changes.pop("perception_changes", {})},
        "neuromodulator": part("neuromodulator", neuromodulator),
        "plasticity": part("plasticity", plasticity),
        "world_model": part("world_model", changes.pop("world_model", "none")),
        "critic": {"_target_": "brains.critic.Critic", "hidden_sizes": [3], "sees_memory": True},
        "action_gain": 0.1,
        "initial_log_std": -0.5,
        "exploration_rate_scale": 0.2,
    }
    body, actions = small_body()
    if neuromodulator != "none":
        reward = spaces.Box(-np.inf, np.inf, (1,))
        body = spaces.Dict({"senses": body, "reward": reward})
    return brain_from_config(described, body, actions)


def lived(brain, rows=3):
    _, state = brain(torch.randn(rows, INPUT_SIZE), brain.initial_state(rows))
    return state


def test_a_gru_multiplies_every_matrix_once():
    counted = dense_operations(GRUController(input_size=5, hidden_size=4))
    assert counted == Operations(macs=3 * (5 * 4 + 4 * 4), synaptic_ops=0, spikes=0, dense_macs=108)
    assert dense_operations(LinearReflex(input_size=5, action_size=2)).macs == 10


def test_spikes_add_and_the_analog_input_multiplies():
    brain = brain_of("spiking", controller_changes={"hidden_size": 8, "substeps": 2})
    state = lived(brain)
    fired = torch.zeros(3, 8)
    fired[0, :5] = fired[1, :1] = 1.0  # 5, 1 and 0 neurons: 2 on average
    state = state._replace(controller=state.controller._replace(spikes=fired))
    counted = operations_of(brain, state)["controller"]
    assert counted.macs == INPUT_SIZE * 8
    assert float(counted.spikes) == 2 * 2
    assert float(counted.synaptic_ops) == 2 * 2 * 8
    assert counted.dense_macs == INPUT_SIZE * 8 + 8 * 8


def test_a_silent_population_still_pays_for_its_input_and_its_readout():
    brain = brain_of("spiking", controller_changes={"hidden_size": 8})
    everything = total(operations_of(brain, brain.initial_state(3)).values())
    assert float(everything.synaptic_ops) == 0.0
    assert float(everything.macs) == INPUT_SIZE * 8 + 8 * ACTIONS


@pytest.mark.parametrize("values", ["graded", "binary"])
def test_of_a_sparse_code_only_the_winners_reach_the_controller(values):
    changes = {"units": 24, "winners": 4, "values": values}
    brain = brain_of("gru", "sparse", perception_changes=changes)
    state = lived(brain)
    drive, passed = brain.controller.drive_size, INPUT_SIZE
    recurrent = 3 * 128 * 128
    counted = operations_of(brain, state)["controller"]
    reached = {"graded": (passed + 4, 0), "binary": (passed, 4)}[values]
    assert float(counted.macs) == recurrent + reached[0] * drive
    assert float(counted.synaptic_ops) == reached[1] * drive
    assert counted.dense_macs == recurrent + (passed + 24) * drive
    assert operations_of(brain, state)["perception"].macs == INPUT_SIZE * 24


@pytest.mark.parametrize("values", ["graded", "binary"])
def test_of_a_sparse_code_only_the_winners_reach_the_fast_weights(values):
    changes = {"units": 24, "winners": 4, "values": values}
    options = {"plasticity": "associative", "perception_changes": changes}
    brain = brain_of("gru", "sparse", **options)
    size = 16
    other = 3 * size * 128 + size * brain.controller.drive_size + size * ACTIONS + 5 * size * size
    counted = operations_of(brain, lived(brain))["plasticity"]
    reached = {"graded": (INPUT_SIZE + 4, 0), "binary": (INPUT_SIZE, 4)}[values]
    assert float(counted.macs) == other + 3 * size * reached[0]
    assert float(counted.synaptic_ops) == 3 * size * reached[1]
    assert counted.dense_macs == other + 3 * size * (INPUT_SIZE + 24)


def test_hebbian_synapses_hear_no_code_and_save_nothing_by_its_silence():
    changes = {"units": 24, "winners": 4}
    options = {"plasticity": "hebbian", "perception_changes": changes}
    counted = operations_of(brain := brain_of("gru", "sparse", **options), lived(brain))
    assert counted["plasticity"].macs == counted["plasticity"].dense_macs > 0


@pytest.mark.parametrize("lesion", ["zeroed", "frozen", "shuffled"])
def test_a_lesion_of_fast_weights_is_counted_as_the_part_that_it_stands_for(lesion):
    brain = brain_of("gru", "sparse", plasticity="associative")
    intact = operations_of(brain, lived(brain))["plasticity"]
    LESIONS[f"fast_weights_{lesion}"](brain)
    assert operations_of(brain, lived(brain))["plasticity"] == intact


def test_the_critic_counts_only_where_somebody_listens_to_it():
    alone, heard = brain_of("gru"), brain_of("gru", neuromodulator="ascending")
    assert "critic" not in operations_of(alone, lived(alone))
    first = (INPUT_SIZE + 1 + 128) * 3  # senses, reward and memory
    assert operations_of(heard, heard.initial_state(2))["critic"].macs == first + 3


@pytest.mark.parametrize("option", ["linear", "predictive"])
def test_a_world_model_foretells_reward_in_training_only(option):
    brain = brain_of("gru", world_model=option)
    model = brain.world_model
    matrices = [one.numel() for one in model.parameters() if one.ndim == 2]
    reward = model.get_parameter("reward_map.weight")
    told = operations_of(brain, lived(brain))["world_model"]
    assert told.macs == sum(matrices) - reward.numel()


def test_a_plastic_synapse_is_read_and_written_at_every_action():
    brain = brain_of("gru", plasticity="associative")
    size, drive = 16, brain.controller.drive_size
    slow = 3 * size * (INPUT_SIZE + 128) + size * drive + size * ACTIONS
    counted = operations_of(brain, lived(brain))["plasticity"]
    assert counted.macs == slow + 5 * size * size


def test_energy_is_the_sum_of_priced_operations():
    counted = Operations(macs=1000, synaptic_ops=500, spikes=7, dense_macs=4000)
    priced = Constants(synaptic_op=2.0, mac=3.0)
    assert nanojoules(counted, priced) == pytest.approx(4.0)
    assert dense_nanojoules(counted, priced) == pytest.approx(12.0)
    assert nanojoules(counted, CONSTANTS["45nm"]) == pytest.approx(1.0 * 4.6 + 0.5 * 0.9)
    assert nanojoules(counted, CONSTANTS["neuromorphic"]) == pytest.approx(3.97 + 0.5 * 0.077)
    told = report(counted)
    assert set(told["nanojoules_per_action"]) == set(CONSTANTS)
    assert told["operations_per_action"]["macs"] == 1000


def test_with_memory_a_population_must_be_sparse_to_win_and_without_it_always_wins():
    break_even = {name: one.mac / one.synaptic_op for name, one in CONSTANTS.items()}
    assert break_even["45nm_with_memory"] == pytest.approx(0.6, abs=0.01)
    assert break_even["45nm"] > 5
    assert break_even["neuromorphic"] > 50


def test_activity_has_the_columns_and_leaves_those_of_spikes_blank_without_them():
    spiking, gru = brain_of("spiking", controller_changes={"hidden_size": 8}), brain_of("gru")
    spikes = {"synaptic_ops_per_action", "spikes_per_action"}
    costs = {"macs_per_action", "dense_macs_per_action"}
    costs |= {f"{kind}/{name}" for kind in ("energy", "dense_energy") for name in CONSTANTS}
    assert spikes | costs <= set(spiking.activity(lived(spiking)))
    measured = gru.activity(lived(gru))
    assert not spikes & set(measured) and costs <= set(measured)
    heard = 3 * 128 * (INPUT_SIZE + 128) + 128 * ACTIONS
    assert measured["macs_per_action"].item() == heard
    assert measured["energy/45nm"].item() == pytest.approx(heard * 4.6e-3)


def test_energy_in_the_record_is_what_the_counted_operations_cost():
    brain = brain_of("spiking", controller_changes={"hidden_size": 8})
    measured = {name: value.item() for name, value in brain.activity(lived(brain)).items()}
    done = Operations(
        measured["macs_per_action"],
        measured["synaptic_ops_per_action"],
        measured["spikes_per_action"],
        measured["dense_macs_per_action"],
    )
    assert done.dense_macs > done.macs
    for name, constants in CONSTANTS.items():
        assert measured[f"energy/{name}"] == pytest.approx(nanojoules(done, constants))
        dense = dense_nanojoules(done, constants)
        assert measured[f"dense_energy/{name}"] == pytest.approx(dense)
