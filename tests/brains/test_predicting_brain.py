"""What a brain makes of a world model."""

import numpy as np
import pytest
import torch
from brains_helpers import OPTIONS, described_by
from gymnasium import spaces

from brains import brain_from_config, tree_map

SPACE = spaces.Dict(
    {
        "touch": spaces.Box(-np.inf, np.inf, (2,)),
        "vision": spaces.Box(-np.inf, np.inf, (3,)),
        "efference_copy": spaces.Box(-1.0, 1.0, (2,)),
        "reward": spaces.Box(-np.inf, np.inf, (1,)),
        "alive": spaces.Box(0.0, 1.0, (5,)),
    }
)
ROWS = 4


def brain_with(option, **changes):
    world_model = described_by(OPTIONS / "world_model" / f"{option}.yaml")
    torch.manual_seed(0)
    description = {
        "_target_": "brains.build.build_brain",
        "senses": {"_target_": "brains.senses.Senses", "clip": 10.0},
        "world_model": {**world_model, **changes},
        "controller": {"_target_": "brains.gated.GRUController", "hidden_size": 8},
        "critic": {"_target_": "brains.critic.Critic", "hidden_sizes": [8], "sees_memory": True},
        "action_gain": 0.1,
        "initial_log_std": -0.5,
        "exploration_rate_scale": 1.0,
    }
    return brain_from_config(description, SPACE, spaces.Box(-1.0, 1.0, (2,)))


def observation(seed, missing=()):
    chance = torch.Generator().manual_seed(seed)
    sizes = {name: box.shape[0] for name, box in SPACE.items()}
    seen = {name: torch.randn(ROWS, size, generator=chance) for name, size in sizes.items()}
    seen["alive"] = torch.ones(ROWS, 5)
    seen["alive"][:, list(missing)] = 0.0
    return seen


def live(brain, steps, missing=()):
    """Return the percepts of a few steps, [T, B, ...] each, what was said, and the memory."""
    state, told, percepts = brain.initial_state(ROWS), [], []
    with torch.no_grad():
        for step in range(steps):
            percept, sensed = brain.perceive(observation(step, missing), state)
            output, state = brain.act(percept, sensed)
            percepts.append(percept)
            told.append(output)
    stacked = tree_map(lambda *leaves: torch.stack(leaves), *percepts)
    return stacked, torch.stack([output.action for output in told]), state


@pytest.mark.parametrize("option", ["linear", "predictive"])
def test_a_brain_shows_the_prediction_error_of_each_modality(option):
    brain = brain_with(option)
    _, _, state = live(brain, 3)
    shown = brain.signals(state)
    names = {"prediction_error/touch", "prediction_error/vision"}
    assert names <= set(shown)
    assert all(shown[name].shape == (ROWS,) for name in names)
    assert names | {"prediction_error"} <= set(brain.activity(state))
    whole = (
        2 * shown["prediction_error/touch"] ** 2 + 3 * shown["prediction_error/vision"] ** 2
    ) / 5
    torch.testing.assert_close(whole, shown["surprise"])


@pytest.mark.parametrize("learns_from_reward", [False, True])
@pytest.mark.parametrize("option", ["linear", "predictive"])
def test_a_replay_says_what_was_said(option, learns_from_reward):
    brain = brain_with(option, learns_from_reward=learns_from_reward)
    percepts, actions, _ = live(brain, 6, missing=(1,))
    nowhere = torch.zeros(6, ROWS, dtype=torch.bool)
    output, _ = brain.unroll(percepts, nowhere, brain.initial_state(ROWS))
    torch.testing.assert_close(output.action, actions)


def test_the_policys_gradient_reaches_the_model_only_where_it_learns_from_reward():
    for learns in (False, True):
        brain = brain_with("predictive", learns_from_reward=learns)
        percepts, _, _ = live(brain, 4)
        nowhere = torch.zeros(4, ROWS, dtype=torch.bool)
        output, _ = brain.unroll(percepts, nowhere, brain.initial_state(ROWS))
        output.action.sum().backward()
        gradient = brain.world_model.correction.weight.grad
        assert (gradient is not None and bool(gradient.abs().sum() > 0)) == learns


@pytest.mark.parametrize("fills_in", [False, True])
def test_perception_believes_of_a_missing_sensor_what_the_model_fills_in(fills_in):
    brain = brain_with("predictive")
    _, _, state = live(brain, 3)
    brain.world_model.fills_in = fills_in
    percept, _ = brain.perceive(observation(9, missing=(0, 4)), state)
    belief, error = brain.perception.belief_and_error(percept, None)
    assert (error[:, [0, 4]] == 0).all()
    body = [0, 4]
    columns = brain.world_model.columns[body]
    arrives = torch.isclose(belief[:, columns], percept.senses[:, columns])
    assert arrives.all() != fills_in
    assert torch.equal(belief[:, columns], percept.prediction.mean[:, body])
