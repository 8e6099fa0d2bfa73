"""The learner replays brains that learn while they act exactly as they lived."""

from pathlib import Path

import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback

from tests.agents.test_ppo import ROWS, BrainPPO, described, pendulums

OPTIONS = Path(__file__).parents[2] / "conf" / "brain" / "plasticity"
PARTS = sorted(file.stem for file in OPTIONS.glob("*.yaml") if file.stem != "none")


def plastic(brain, part, **changes):
    from omegaconf import OmegaConf

    config = {**OmegaConf.load(OPTIONS / f"{part}.yaml"), "initial_alpha": 0.5, **changes}
    return {**described(brain), "plasticity": config}


class WorstRatio(BaseCallback):
    worst = 0.0
    learned = 0.0

    def _on_step(self):
        return True

    def _on_rollout_end(self):
        model = self.model
        self.learned = float(model.brain.activity(model.brain_state)["fast_weight_norm"])
        with torch.no_grad():
            for batch in model.rollout.minibatches(2, torch.Generator()):
                output, _ = model.brain.unroll(batch.percepts, batch.episode_start, batch.state)
                again = model.policy.distribution.log_prob(output, batch.actions)
                self.worst = max(self.worst, float((again - batch.log_probs).abs().max()))


@pytest.mark.parametrize("survives", [False, True], ids=["forgets", "survives"])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("brain", ["spiking", "gru", "mlp"])
def test_on_a_fresh_rollout_every_probability_ratio_is_one_with_fast_weights(brain, part, survives):
    config = plastic(brain, part, survives_episodes=survives)
    small = {"n_steps": 32, "segment_length": 16, "n_epochs": 2, "n_minibatches": 2}
    model, check = BrainPPO(config, pendulums(), seed=0, **small), WorstRatio()
    model.learn(4 * 32 * ROWS, callback=check)  # poles fall: segments contain restarts
    assert check.worst < 1e-5
    assert check.learned > 0
    assert model.progress_row()["fast_weight_norm"] > 0
