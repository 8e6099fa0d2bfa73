"""Competition, its gradient, and the homeostasis that keeps every unit in it."""

import numpy as np
import pytest
import torch
from brains_helpers import (
    LAYOUT,
    PERCEPTIONS,
    described_by,
    perceptions,
    percepts,
    small_body,
)

import envs
from agents import BrainPPO
from brains import Percept, brain_from_config
from brains.competition import k_winners
from brains.expansion import modality_weights
from brains.factory import factory_from_config
from brains.percept import Prediction
from brains.senses import Layout, Senses
from brains.synapses import EventSynapses

UNITS, WINNERS = 512, 32
GAITS = (0.9, 2.3)  # radians per control step


def cheetah_perception(option="sparse", **changes):
    """Return a perception at its full size, for the senses of a cheetah."""
    torch.manual_seed(0)
    config = described_by(PERCEPTIONS / f"{option}.yaml")
    part = factory_from_config({**config, **changes}, trusted=("brains.",))
    return part(layout=Layout({"senses": 17}), columns=torch.zeros(0).long(), context_size=0)


def as_percept(senses):
    nothing = senses[..., :0]
    return Percept(senses, senses[..., 0], Prediction(nothing, nothing, nothing), nothing, nothing)


@pytest.fixture(scope="module")
def gaits():
    """What a cheetah senses in two gaits, normalised over both, [gait, T, B, S]."""
    lived, rows = [], 4
    for pace in GAITS:
        env = envs.make_vec_env("HalfCheetah-v5", num_envs=rows, seed=3, num_threads=1)
        env.reset()
        phase = np.linspace(0, 3, 6) * pace + np.arange(rows)[:, None]
        steps = [env.step(np.sin(pace * step + phase).astype(np.float32))[0] for step in range(80)]
        lived.append(torch.as_tensor(np.stack(steps)))
        env.close()
    senses = Senses(env.observation_space, clip=10.0)
    everything = torch.stack(lived)
    senses.update(everything.flatten(0, 2))
    return senses(everything.flatten(0, 2)).unflatten(0, everything.shape[:3])


def overlap_between(left, right):
    """Return the mean cosine between codes of one situation and of another."""
    means = [
        torch.nn.functional.normalize(code, dim=-1).flatten(0, -2).mean(0) for code in (left, right)
    ]
    return float((means[0] @ means[1]).detach())


def test_exactly_k_units_win_and_they_are_the_strongest():
    potential = torch.randn(7, 3, UNITS)
    code = k_winners(potential, WINNERS)
    assert ((code > 0).sum(-1) == WINNERS).all()
    expected = torch.zeros_like(code, dtype=torch.bool)
    expected.scatter_(-1, potential.argsort(-1, descending=True)[..., :WINNERS], True)
    assert torch.equal(code > 0, expected)


def test_winners_say_by_how_much_they_exceed_the_strongest_loser():
    code = k_winners(torch.tensor([[3.0, -1.0, 0.5, 2.0]]), 2)
    assert torch.equal(code, torch.tensor([[2.5, 0.0, 0.0, 1.5]]))


def test_whoever_ties_with_the_strongest_loser_loses():
    assert torch.equal(
        k_winners(torch.tensor([[1.0, 1.0, 3.0, 1.0]]), 2).bool().sum(), torch.tensor(1)
    )
    assert not k_winners(torch.zeros(2, 4), 2).any()


def test_two_units_that_change_places_change_the_code_by_no_more_than_they_moved():
    before = torch.randn(1, UNITS)
    order = before.argsort(descending=True)[0]
    last, first = order[WINNERS - 1], order[WINNERS]
    middle, hair = before[0, [last, first]].mean(), 1e-6
    before[0, last], before[0, first] = middle + hair, middle - hair
    after = before.clone()
    after[0, last], after[0, first] = middle - hair, middle + hair
    codes = k_winners(before, WINNERS), k_winners(after, WINNERS)
    assert not torch.equal(*[code > 0 for code in codes])
    assert (codes[0] - codes[1]).abs().max() < 4 * hair


def test_a_potential_that_is_not_a_number_is_not_hidden():
    potential = torch.randn(2, UNITS)
    potential[0, 3] = torch.nan
    code = k_winners(potential, WINNERS)
    assert code[0].isnan().any()
    assert torch.isfinite(code[1]).all()


def test_the_gradient_reaches_winners_only():
    potential = torch.randn(3, UNITS, requires_grad=True)
    code = k_winners(potential, WINNERS)
    (code * torch.randn(3, UNITS)).sum().backward()
    assert torch.equal(potential.grad != 0, code > 0)


def test_straight_through_the_gradient_reaches_losers_too():
    part = cheetah_perception(gradient="straight_through")
    potential = torch.randn(3, UNITS, requires_grad=True)
    code = part.fire(potential)
    code.sum().backward()
    torch.testing.assert_close(code, k_winners(potential, WINNERS))
    assert (potential.grad == 1).all()


@pytest.mark.parametrize(
    ("gradient", "reached"), [("winners", WINNERS), ("straight_through", UNITS)]
)
def test_binary_winners_say_one_and_learn_like_graded_ones(gradient, reached):
    part = cheetah_perception(values="binary", gradient=gradient)
    potential = torch.randn(1, UNITS, requires_grad=True)
    code = part.fire(potential)
    code.sum().backward()
    assert code.round(decimals=5).unique().tolist() == [0.0, 1.0]
    assert int(code.detach().round().sum()) == WINNERS
    assert int(potential.grad.sum()) == reached


def test_every_modality_moves_a_unit_equally_however_many_numbers_it_has():
    weights = modality_weights([2, 100, 0, 10], 4000)
    moved = [float(part.square().sum(1).mean()) for part in weights.split([2, 100, 10], 1)]
    np.testing.assert_allclose(moved, 1 / 3, rtol=0.05)


def live(part, senses, updates=60):
    for _ in range(updates):
        part.homeostasis(as_percept(senses), None)
    return float(part.activity(part(as_percept(senses[0]), None)[..., :UNITS])["code_dead_share"])


def test_with_homeostasis_no_unit_dies_on_real_senses_and_without_it_some_do(gaits):
    senses = gaits.flatten(0, 1)
    assert live(cheetah_perception(), senses) == 0.0
    assert live(cheetah_perception(boost_rate=0.0), senses) > 0.05


def test_homeostasis_pulls_duty_cycles_together(gaits):
    senses = gaits.flatten(0, 1)
    kept, free = cheetah_perception(), cheetah_perception(boost_rate=0.0)
    live(kept, senses), live(free, senses)
    assert kept.duty_cycle.std() < 0.5 * free.duty_cycle.std()
    assert float(kept.duty_cycle.mean()) == pytest.approx(WINNERS / UNITS, rel=1e-3)


def test_excitability_stays_within_its_limit(gaits):
    part = cheetah_perception(boost_rate=10.0, boost_limit=0.7)
    live(part, gaits.flatten(0, 1), updates=5)
    assert float(part.boost.abs().max()) == pytest.approx(0.7)


def test_two_gaits_share_less_of_a_sparse_code_than_of_a_dense_one(gaits):
    shared = {}
    for option in ("sparse", "dense"):
        codes = [cheetah_perception(option)(as_percept(gait), None)[..., :UNITS] for gait in gaits]
        shared[option] = overlap_between(*codes)
    assert shared["sparse"] < 0.5 * shared["dense"]


def test_overlap_is_the_mean_cosine_between_rows():
    part = cheetah_perception()
    code = torch.zeros(3, UNITS)
    code[0, :2], code[1, 1:3], code[2, 5] = 1.0, 1.0, 2.0
    assert float(part.activity(code)["code_overlap"]) == pytest.approx(0.5 / 3)


def test_error_only_hides_whatever_was_expected():
    part = perceptions()["sparse, error only"](True)
    percept = percepts(3)
    shift = torch.zeros(LAYOUT.size)
    shift[LAYOUT.body] = 1.0
    prediction = percept.prediction._replace(mean=percept.prediction.mean + 1.0)
    moved = percept._replace(senses=percept.senses + shift, prediction=prediction)
    torch.testing.assert_close(part(percept, None), part(moved, None))


def test_error_only_without_a_world_model_says_how_to_mend_it():
    with pytest.raises(ValueError, match=r"world model .* or set error_only=false"):
        cheetah_perception(error_only=True)


@pytest.mark.parametrize("winners", [0, UNITS])
def test_winners_must_be_fewer_than_units(winners):
    with pytest.raises(ValueError, match=f"fewer than the 512 units, got {winners}"):
        cheetah_perception(winners=winners)


def sparse_brain(option):
    perception = described_by(PERCEPTIONS / f"{option}.yaml")
    return {
        "_target_": "brains.build.build_brain",
        "senses": {"_target_": "brains.senses.Senses", "clip": 10.0},
        "perception": perception,
        "controller": {"_target_": "brains.gated.GRUController", "hidden_size": 16},
        "critic": {"_target_": "brains.critic.Critic", "hidden_sizes": [16], "sees_memory": True},
        "action_gain": 0.1,
        "initial_log_std": -0.5,
        "exploration_rate_scale": 0.2,
    }


def test_training_changes_excitability_between_updates_only_and_keeps_the_ratio_at_one():
    from stable_baselines3.common.callbacks import BaseCallback

    class Check(BaseCallback):
        worst, boosts = 0.0, []

        def _on_step(self):
            self.boosts.append(self.model.brain.perception.boost.clone())
            return True

        def _on_rollout_end(self):
            model = self.model
            with torch.no_grad():
                for batch in model.rollout.minibatches(2, torch.Generator()):
                    output, _ = model.brain.unroll(batch.percepts, batch.episode_start, batch.state)
                    again = model.policy.distribution.log_prob(output, batch.actions)
                    self.worst = max(self.worst, float((again - batch.log_probs).abs().max()))

    env = envs.make_vec_env("InvertedPendulum-v5", num_envs=4, seed=0, num_threads=1)
    model = BrainPPO(sparse_brain("sparse"), env, seed=0, n_steps=32, n_epochs=1, n_minibatches=2)
    check = Check()
    model.learn(3 * 32 * 4, callback=check)
    assert check.worst < 1e-5
    changed = [not torch.equal(*pair) for pair in zip(check.boosts, check.boosts[1:], strict=False)]
    assert [step for step, moved in enumerate(changed) if moved] == [31, 63]
    assert {"code_overlap", "code_dead_share", "code_active_share"} <= set(model.progress_row())


def test_films_can_show_the_code():
    env = envs.make_vec_env("InvertedPendulum-v5", num_envs=2, seed=0, num_threads=1)
    brain = brain_from_config(sparse_brain("sparse"), env.observation_space, env.action_space)
    _, state = brain(torch.randn(2, 4), brain.initial_state(2))
    assert ((brain.signals(state)["code"] > 0).sum(-1) == WINNERS).all()


@pytest.mark.parametrize("controller", ["gru", "lstm", "mlp", "rate", "spiking"])
def test_every_controller_hears_a_sparse_code_through_its_events(controller):
    config = described_by(PERCEPTIONS.parent / "controller" / f"{controller}.yaml")
    description = {**sparse_brain("sparse"), "controller": config}
    sensed, moved = small_body()
    brain = brain_from_config(description, sensed, moved)
    assert any(isinstance(part, EventSynapses) for part in brain.controller.modules())
    description["perception"]["gradient"] = "straight_through"
    brain = brain_from_config(description, sensed, moved)
    assert not any(isinstance(part, EventSynapses) for part in brain.controller.modules())
