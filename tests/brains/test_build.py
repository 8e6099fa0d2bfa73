from pathlib import Path

import numpy as np
import pytest
import torch
from brains_helpers import INPUT_SIZE, small_body
from gymnasium import spaces
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from brains import brain_from_config, reset_where, tree_map
from brains.factory import factory_from_config

CONF = Path(__file__).parents[2] / "conf"
BRAINS = sorted(file.stem for file in (CONF / "brain").glob("*.yaml") if file.stem != "none")


def described(name, *overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[f"brain={name}", *overrides])
    brain = OmegaConf.to_container(config.brain, resolve=True)
    return brain


def test_the_ready_made_brains_are_there():
    assert {"full", "spiking", "rate", "gru", "lstm", "mlp"} <= set(BRAINS)
    left_out = ("world_model", "sparse_code", "spikes", "plasticity", "neuromodulator")
    assert {f"full_without_{part}" for part in left_out} <= set(BRAINS)


def body_for(name):
    """A small body that also senses what the brain asks for, and six steps of three of them."""
    body, actions = small_body()
    generator = torch.Generator().manual_seed(1)
    steps = torch.randn(6, 3, INPUT_SIZE, generator=generator)
    if not described(name)["feedback"]:
        return (body, actions), list(steps)
    sizes = {"efference_copy": 2, "reward": 1, "alive": INPUT_SIZE}
    whole = spaces.Dict(
        {
            "senses": body,
            **{own: spaces.Box(-np.inf, np.inf, (size,)) for own, size in sizes.items()},
        }
    )
    own = {name: torch.randn(6, 3, size, generator=generator) for name, size in sizes.items()}
    own["alive"] = (own["alive"] > -1.0).float()
    sensed = {"senses": steps, **own}
    return (whole, actions), [{k: v[step] for k, v in sensed.items()} for step in range(6)]


@pytest.mark.parametrize("name", BRAINS)
def test_sizes_come_from_the_body(name):
    body, (observation, *_) = body_for(name)
    brain = brain_from_config(described(name), *body)
    output, _ = brain(observation, brain.initial_state(3))
    assert output.action.shape == (3, 2)
    assert output.log_std.shape in ((2,), (3, 2))
    assert output.value.shape == (3,)


@pytest.mark.parametrize("name", BRAINS)
def test_a_whole_brain_unrolls_as_it_steps(name):
    body, senses = body_for(name)
    brain, starts = brain_from_config(described(name), *body), torch.rand(6, 3) < 0.3
    first = state = brain.initial_state(3)
    percepts, outputs = [], []
    for observed, begins in zip(senses, starts, strict=True):
        state = reset_where(begins, brain.initial_state(3), state)
        percept, state = brain.perceive(observed, state)
        output, state = brain.act(percept, state)
        percepts.append(percept)
        outputs.append(output)
    unrolled, _ = brain.unroll(tree_map(lambda *all: torch.stack(all), *percepts), starts, first)
    for step, output in enumerate(outputs):
        torch.testing.assert_close(output.action, unrolled.action[step])
        torch.testing.assert_close(output.value, unrolled.value[step])


def test_the_reflex_starts_at_zero_and_none_stays_there():
    for option in ("linear", "none"):
        torch.manual_seed(0)
        brain = brain_from_config(described("spiking", f"brain/reflex={option}"), *small_body())
        assert brain.reflex(torch.randn(4, INPUT_SIZE)).abs().sum() == 0


def test_the_value_loss_never_pulls_on_the_controller():
    brain = brain_from_config(described("spiking"), *small_body())
    output, _ = brain(torch.randn(3, INPUT_SIZE), brain.initial_state(3))
    output.value.sum().backward()
    assert all(parameter.grad is None for parameter in brain.controller.parameters())


def test_discrete_bodies_get_one_logit_per_action():
    brain = brain_from_config(described("gru"), small_body()[0], spaces.Discrete(3))
    output, _ = brain(torch.randn(4, INPUT_SIZE), brain.initial_state(4))
    assert output.action.shape == (4, 3)


def test_an_untrusted_target_is_never_imported():
    for target in ("os.system", "brains.factory.importlib.import_module", "subprocess.run"):
        with pytest.raises(ValueError, match=r"not trusted|not defined|does not exist"):
            factory_from_config({"_target_": target}, trusted=("brains.",))


def test_a_mistyped_argument_names_the_nearest_right_one():
    with pytest.raises(ValueError, match="hidden_size"):
        factory_from_config(
            {"_target_": "brains.gated.GRUController", "hiden_size": 3}, trusted=("brains.",)
        )


def test_actions_that_no_brain_can_take_are_refused():
    with pytest.raises(ValueError, match="Box and Discrete"):
        brain_from_config(described("gru"), small_body()[0], spaces.MultiBinary(3))


def test_slow_parameters_are_named_by_their_part():
    brain = brain_from_config(described("spiking"), *small_body())
    scales = {name: brain.rate_scale(name) for name, _ in brain.named_parameters()}
    slow = {name for name, scale in scales.items() if scale != 1.0}
    assert slow == {"log_std", "controller.recurrent_weight", "controller.membrane_logit"}
    assert np.isclose(scales["controller.recurrent_weight"], 0.03)
