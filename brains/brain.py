"""The data flow of one control step, on one screen.

    body -> senses -> world model: predict, compare, correct      fast weights <----------+
                          | senses, prediction                       | current            |
                          v                                          v                    |
                      perception -- code --------------------> controller -- features ----+
                          ^ attention                            ^ gain     |             | memory
                          |                                      |          v             |
                      neuromodulator --- exploration -----------------> action head -> action
                          ^ reward, surprise, value                         ^
                          +------------- critic <- features (detached)      +-- reflex <- senses

What flows up a step is replayed with a gradient; what comes back from the step before (memory,
modulators, predictions) is data in the percept, see brains/percept.py.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from brains.controller import Controller
from brains.neuromodulation import Event, LearnerGains, Modulation, Neuromodulator
from brains.paces import Paces, check_paces, pace_of
from brains.percept import Percept
from brains.perception import Perception
from brains.plasticity import PlasticInput, Plasticity, PlasticOutput
from brains.ranges import require_at_least
from brains.recurrent import RecurrentModule
from brains.senses import Observation, Senses
from brains.telemetry import measures_of, signals_of
from brains.world_model import WorldModel


class BrainOutput(NamedTuple):
    """What a brain says in one step.

    Attributes:
        action: Centre of a continuous action in [-1, 1] units, or logits of a discrete one, [B, A].
        log_std: Log standard deviation of exploration, [A], or [B, A] where it is modulated.
        value: Discounted reward that the critic expects, in units of scaled reward, [B].
    """

    action: Tensor
    log_std: Tensor
    value: Tensor


class BrainState(NamedTuple):
    """Memory of a brain, part by part; every leaf is [B, ...].

    Attributes:
        world_model: Of the world model.
        plasticity: Of the fast weights.
        controller: Of the controller.
        neuromodulator: Of the neuromodulator.
        memory: The controller's output of the last step, [B, F]; size 0 if nothing learns from it.
        modulators: Levels of the neuromodulators at the end of the last step, [B, C].
        surprise: Of the last step, in predicted variances, [B].
        code: Perception's units in the last step, for whoever watches, [B, N]; often of size 0.
    """

    world_model: Any
    plasticity: Any
    controller: Any
    neuromodulator: Any
    memory: Tensor
    modulators: Tensor
    surprise: Tensor
    code: Tensor


class Brain(RecurrentModule[BrainState]):
    """Its parts, wired together; called as `output, state = brain(observation, state)`.

    Args:
        senses: Joins and normalises the modalities.
        world_model: Predicts the senses.
        perception: Encodes senses and predictions.
        controller: Maps the code to features.
        plasticity: Fast weights that act on the controller and the action.
        neuromodulator: Sets gate, gain, exploration and attention.
        reflex: Direct map from senses to action.
        critic: Value of senses, context and features.
        action_size: Numbers that describe an action.
        action_gain: Gain of the action head's orthogonal initial weights.
        initial_log_std: Log standard deviation of exploration at the start.
        exploration_rate_scale: Learning rate of `log_std` relative to the rest: at the full rate
            exploration may be given up for the first gait that is found.
        paces: Learning rates of parts relative to the rest, on top of those they set themselves.

    Raises:
        ValueError: If the neuromodulator needs a reward that is not sensed, or `paces` names a
            part that no brain has, or a learning rate is negative.
    """

    reward_deviation: Tensor

    def __init__(
        self,
        *,
        senses: Senses,
        world_model: WorldModel,
        perception: Perception,
        controller: Controller[Any],
        plasticity: Plasticity,
        neuromodulator: Neuromodulator,
        reflex: nn.Module,
        critic: nn.Module,
        action_size: int,
        action_gain: float,
        initial_log_std: float,
        exploration_rate_scale: float,
        paces: Paces,
    ) -> None:
        super().__init__()
        if neuromodulator.needs_reward and "reward" not in senses.sizes:
            raise ValueError(
                "this neuromodulator reads reward, which is not among the senses: "
                "set feedback=[action,reward]"
            )
        self.senses, self.world_model, self.perception = senses, world_model, perception
        self.controller, self.plasticity = controller, plasticity
        self.neuromodulator, self.reflex, self.critic = neuromodulator, reflex, critic
        self.action_head = nn.Linear(controller.output_size, action_size)
        nn.init.orthogonal_(self.action_head.weight, action_gain)
        nn.init.zeros_(self.action_head.bias)
        self.log_std = nn.Parameter(torch.full((action_size,), initial_log_std))
        require_at_least(0, exploration_rate_scale=exploration_rate_scale)
        self.rate_scales = {"log_std": exploration_rate_scale}
        self.paces = paces
        check_paces(paces, (name for name, _ in self.named_children()))
        # The unit of the critic, which the learner keeps up to date.
        self.register_buffer("reward_deviation", torch.ones(()))

    def initial_state(self, batch_size: int) -> BrainState:
        """Return the memory at the start of an episode, leaves [B, ...]."""
        blank = self.log_std.new_zeros
        return BrainState(
            self.world_model.initial_state(batch_size),
            self.plasticity.initial_state(batch_size),
            self.controller.initial_state(batch_size),
            self.neuromodulator.initial_state(batch_size),
            memory=blank((batch_size, self.plasticity.memory_size)),
            modulators=blank((batch_size, len(self.neuromodulator.names))),
            surprise=blank((batch_size,)),
            code=blank((batch_size, self.perception.code_size)),
        )

    def forward(self, inputs: Observation, state: BrainState) -> tuple[BrainOutput, BrainState]:
        """Advance one control step from raw observations, [B, ...]."""
        return self.act(*self.perceive(inputs, state))

    def perceive(self, observation: Observation, state: BrainState) -> tuple[Percept, BrainState]:
        """Return what arrives with an observation, [B, ...], and the memory that knows of it."""
        senses = self.senses(observation)
        prediction, model = self.world_model(senses, state.world_model)
        reward = self.senses.reward(observation)
        reward = senses.new_zeros(len(senses)) if reward is None else reward / self.reward_deviation
        percept = Percept(senses, reward, prediction, state.modulators, state.memory)
        return percept, state._replace(world_model=model)

    def act(self, percept: Percept, state: BrainState) -> tuple[BrainOutput, BrainState]:
        """Advance one control step from what arrived, [B, ...]."""
        modulation = self.neuromodulator.modulate(percept.modulators)
        code = self.perception(percept, modulation.attention)
        learned = PlasticInput(code, percept.memory, modulation.plasticity)
        fast, plastic = self.plasticity(learned, state.plasticity)
        drive = _plus(self.controller.drive(code), fast.current)
        features, control = self.controller.respond(drive, state.controller, modulation.gain)
        output = self._speak(percept, features, fast, modulation)
        surprise = self.perception.surprise(percept)
        event = Event(percept.reward, output.value.detach(), surprise)
        modulators, neuromodulator = self.neuromodulator(event, state.neuromodulator)
        memory = features[..., : self.plasticity.memory_size].detach()
        units = code[..., : self.perception.code_size].detach()
        return output, BrainState(
            state.world_model, plastic, control, neuromodulator, memory, modulators, surprise, units
        )

    def unroll(
        self, inputs: Percept, episode_start: Tensor, state: BrainState
    ) -> tuple[BrainOutput, BrainState]:
        """Replay a segment of percepts, [T, B, ...]; outputs are [T, B, ...].

        Returned memory is that of plasticity and controller alone: the others are data here.
        """
        percept = self._predicted_anew(inputs, episode_start, state)
        modulation = self.neuromodulator.modulate(percept.modulators)
        code = self.perception(percept, modulation.attention)
        learned = PlasticInput(code, percept.memory, modulation.plasticity)
        fast, plastic = self.plasticity.unroll(learned, episode_start, state.plasticity)
        drive = _plus(self.controller.drive(code), fast.current)
        features, control = self.controller.respond_all(
            drive, episode_start, state.controller, modulation.gain
        )
        output = self._speak(percept, features, fast, modulation)
        return output, state._replace(plasticity=plastic, controller=control)

    def _predicted_anew(
        self, percept: Percept, episode_start: Tensor, state: BrainState
    ) -> Percept:
        """Return the percept with predictions that carry a gradient, if they should."""
        if not self.world_model.replayed:
            return percept
        model = self.world_model
        prediction, _ = model.unroll(percept.senses, episode_start, state.world_model)
        return percept._replace(prediction=prediction)

    def _speak(
        self, percept: Percept, features: Tensor, fast: PlasticOutput, modulation: Modulation
    ) -> BrainOutput:
        heard = self.senses.layout.hear(percept.senses)
        context = percept.prediction.context.detach()
        action = self.action_head(features) + self.reflex(heard)
        seen = torch.cat([heard, context], -1) if context.shape[-1] else heard
        return BrainOutput(
            _plus(action, fast.action),
            _plus(self.log_std, modulation.exploration),
            self.critic(seen, features),
        )

    def own_losses(
        self, percepts: Percept, episode_start: Tensor, state: BrainState
    ) -> dict[str, Tensor]:
        """Return the losses of parts that learn by themselves, each a scalar, by name."""
        return self.world_model.loss(
            percepts.senses, percepts.reward, episode_start, state.world_model
        )

    def self_taught_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that only `own_losses` teaches, unless a part is replayed."""
        return list(self.world_model.parameters())

    @torch.no_grad()
    def homeostasis(self, percepts: Percept) -> None:
        """Adapt slowly to what a rollout brought, [T, B, ...]; called between updates only."""
        attention = self.neuromodulator.modulate(percepts.modulators).attention
        self.perception.homeostasis(percepts, attention)
        self.neuromodulator.homeostasis(percepts.modulators)

    def learner_gains(self, percepts: Percept) -> LearnerGains:
        """Return factors for the learner's update on a rollout, [T, B, ...]."""
        return self.neuromodulator.learner_gains(percepts.modulators)

    def activity(self, state: BrainState) -> dict[str, Tensor]:
        """Return scalar measures of what the parts are doing, by name; averages over rows."""
        return measures_of(self, state)

    def signals(self, state: BrainState) -> dict[str, Tensor]:
        """Return what can be watched in each row, [B] or [B, n] each, by name."""
        return signals_of(self, state)

    def rate_scale(self, name: str) -> float:
        """Return the learning rate of a parameter relative to the rest, by its full name."""
        return pace_of(self, name, self.paces)


def _plus(base: Tensor, addition: Tensor | None) -> Tensor:
    return base if addition is None else base + addition
