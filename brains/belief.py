"""A belief about the senses, carried from step to step: predict, compare, correct.

What any predictive world model does with time, whatever makes its predictions:

    x̂_t = b_{t-1} + Δ_t                        σ̂_t² = s_t² + min(ρ d_{t-1}, 1)²
    ε_t = μ_t (x_t - x̂_t) / σ̂_t                h_t = correct(h̄_t, ε_t)
    b_t = x̂_t + μ_t (x_t - x̂_t)                d_t = (1 - μ_t) σ̂_t

`b` is what is believed of the senses and `d` how far that may be off: nothing where a sensor
reports (μ = 1), the prediction's own deviation where it does not, which therefore grows while a
sensor is missing. Before the first step of an episode the belief is the mean of the normalised
senses with their spread, N(0, 1): nothing is known, and the first error is no larger than x_t.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from brains.energy import Operations, dense_operations
from brains.expectation import (
    Belief,
    Expectation,
    Imagined,
    Sensed,
    modalities_of,
    partly_blind,
    stacked,
)
from brains.percept import Prediction
from brains.ranges import require_at_least, require_positive
from brains.recurrent import reset_where, tree_map
from brains.senses import REWARD, Layout
from brains.world_model import WorldModel

Policy = Callable[[Tensor, Tensor], Tensor]
"""From believed senses, [B, P], and context, [B, H], to a normalised efference copy, [B, A]."""


class BeliefModel(WorldModel):
    """Carries a belief and learns what to expect; subclasses say how to expect and to correct.

    Args:
        layout: Where each modality lies among the senses.
        hidden_size: Numbers of the hidden state, H.
        direct_pace: How many times faster than the rest parameters learn that act by themselves,
            not in a population: the persistence ρ and linear maps from sense to sense.
        open_loop_steps: Steps that are predicted without looking, k.
        error_limit: Errors act on the model, and on its training, up to this many deviations in
            full and beyond it linearly: a collision is rare and large, and would otherwise decide
            what is learned.
        fills_in: Whether the prediction stands in for a sensor that is known not to report. If
            not, what arrives is believed; may be switched at any time.
        learns_from_reward: Whether the policy's gradient flows into the model.

    Attributes:
        modalities: Names of what the body senses.

    Raises:
        ValueError: If the body senses nothing, or a number is out of range; the message names it.

    Source: predictive coding, Rao and Ballard 1999, doi:10.1038/4580; Gaussian predictions of
        change trained on several steps, Chua et al. 2018, arXiv:1805.12114.
    """

    averaging: Tensor
    efference: Tensor

    def __init__(
        self,
        *,
        layout: Layout,
        hidden_size: int,
        direct_pace: float,
        open_loop_steps: int,
        error_limit: float,
        fills_in: bool,
        learns_from_reward: bool,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.context_size = hidden_size
        self.register_buffer("columns", layout.body, persistent=False)
        self.register_buffer("efference", layout.action, persistent=False)
        self.senses_size, self.action_size = len(layout.body), len(layout.action)
        if self.senses_size == 0:
            raise ValueError("a world model needs a body that senses something, got no senses")
        require_at_least(0, direct_pace=direct_pace, open_loop_steps=open_loop_steps)
        require_positive(error_limit=error_limit)
        self.direct_pace = direct_pace
        self.open_loop_steps, self.error_limit = open_loop_steps, error_limit
        self.fills_in, self.replayed = fills_in, learns_from_reward
        self.modalities, membership = modalities_of(layout)
        self.register_buffer("averaging", membership, persistent=False)
        # log ρ, how an old uncertainty grows or fades in a step, in units of the pace.
        self.persistence = nn.Parameter(torch.zeros(self.senses_size))
        self.reward_map = nn.Linear(hidden_size + self.senses_size + self.action_size, 1)
        nn.init.zeros_(self.reward_map.weight)
        nn.init.zeros_(self.reward_map.bias)

    @abstractmethod
    def transition(self, belief: Belief, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return expected hidden state h̄, change Δ and its deviation s, [B, H], [B, P], [B, P]."""

    @abstractmethod
    def correct(self, expected: Tensor, error: Tensor) -> Tensor:
        """Return the hidden state, [B, H], from the expected one and the limited error, [B, P]."""

    def operations(self, state: Belief) -> Operations:
        """Return what a prediction and its correction take; reward is foretold in training only."""
        del state
        return dense_operations(self, idle=("reward_map",))

    def initial_state(self, batch_size: int) -> Belief:
        """Return the belief before anything was sensed, leaves [B, ...]."""
        blank = self.persistence.new_zeros
        unknown = blank((batch_size, self.senses_size))
        return Belief(
            hidden=blank((batch_size, self.context_size)),
            mean=unknown,
            deviation=unknown + 1.0,
            begun=blank((batch_size, 1)),
            errors=blank((batch_size, len(self.modalities))),
        )

    def expect(self, belief: Belief, action: Tensor) -> Expectation:
        """Return what an action, [B, A], is expected to lead to."""
        hidden, change, noise = self.transition(belief, action)
        mean = torch.addcmul(belief.mean, belief.begun, change)
        # What was unsure is at most as unsure as if nothing were known: 1, the senses' own spread.
        spread = (belief.deviation * self.growth()).clamp_max(1.0)
        deviation = torch.lerp(belief.begun.new_ones(()), torch.hypot(noise, spread), belief.begun)
        return Expectation(mean, deviation, hidden)

    def growth(self) -> Tensor:
        """Return ρ, by which an old uncertainty grows or fades in a step, [P]."""
        return (self.direct_pace * self.persistence).exp()

    def advance(
        self, sensed: Sensed, belief: Belief, *, fills_in: bool
    ) -> tuple[Expectation, Belief]:
        """Predict a step, compare and correct; `errors` are left as they were.

        Args:
            sensed: What arrives.
            belief: Of the step before.
            fills_in: Whether the prediction stands in for a sensor that does not report. Where the
                model itself looks away, it always does: nothing else could.
        """
        expected = self.expect(belief, sensed.action)
        difference = sensed.body - expected.mean
        error = sensed.alive * difference / expected.deviation
        error = error.clamp(-self.error_limit, self.error_limit)
        hidden = self.correct(expected.hidden, error)
        if not fills_in:
            nothing = torch.zeros_like(sensed.body)
            believed, deviation = sensed.body, nothing
        else:
            believed = torch.lerp(expected.mean, sensed.body, sensed.alive)
            deviation = torch.addcmul(
                expected.deviation, expected.deviation, sensed.alive, value=-1
            )
        begun = torch.ones_like(belief.begun)
        return expected, Belief(hidden, believed, deviation, begun, belief.errors)

    def forward(self, inputs: Tensor, state: Belief) -> tuple[Prediction, Belief]:
        """Advance one step of normalised senses, [B, S]."""
        sensed = self.sense(inputs)
        expected, after = self.advance(sensed, state, fills_in=self.fills_in)
        errors = self._errors_by_modality(sensed, expected)
        return self._told(sensed, expected, after.hidden), after._replace(errors=errors)

    def unroll(
        self, inputs: Tensor, episode_start: Tensor, state: Belief
    ) -> tuple[Prediction, Belief]:
        """Advance over a segment of normalised senses, [T, B, S]; predictions are [T, B, ...]."""
        sensed = self.sense(inputs)
        expected, lived = self.live(sensed, episode_start, state, fills_in=self.fills_in)
        last = tree_map(lambda leaf: leaf[-1], lived)
        errors = self._errors_by_modality(*tree_map(lambda leaf: leaf[-1], (sensed, expected)))
        return self._told(sensed, expected, lived.hidden), last._replace(errors=errors)

    def live(
        self, sensed: Sensed, episode_start: Tensor, state: Belief, *, fills_in: bool
    ) -> tuple[Expectation, Belief]:
        """Return what was expected of each step and what was believed after it, [T, B, ...].

        `fills_in` is that of `advance`.
        """
        initial = self.initial_state(episode_start.shape[1])
        any_start = cast(list[bool], episode_start.any(dim=1).tolist())
        expectations: list[Expectation] = []
        beliefs: list[Belief] = []
        steps = zip(*(leaf.unbind(0) for leaf in sensed), strict=True)
        for at, (some, step) in enumerate(zip(any_start, steps, strict=True)):
            before = reset_where(episode_start[at], initial, state) if some else state
            expected, state = self.advance(Sensed(*step), before, fills_in=fills_in)
            expectations.append(expected)
            beliefs.append(state)
        return stacked(expectations), stacked(beliefs)

    def sense(self, senses: Tensor) -> Sensed:
        """Return what the model sees of normalised senses, [..., S]."""
        body = senses.index_select(-1, self.columns)
        alive = torch.ones_like(body) * self.layout.alive(senses)
        return Sensed(body, alive, senses.index_select(-1, self.efference))

    def _told(self, sensed: Sensed, expected: Expectation, context: Tensor) -> Prediction:
        """Return what others hear; a model that fills nothing in expects there what arrives."""
        mean = expected.mean
        if not self.fills_in:
            mean = torch.lerp(sensed.body, mean, sensed.alive)
        return Prediction(mean, expected.deviation, context)

    def _errors_by_modality(self, sensed: Sensed, expected: Expectation) -> Tensor:
        error = sensed.alive * (sensed.body - expected.mean) / expected.deviation
        reporting = sensed.alive @ self.averaging
        return ((error.square() @ self.averaging) / reporting.clamp_min(1.0)).sqrt()

    def loss(
        self, senses: Tensor, reward: Tensor, episode_start: Tensor, state: Belief
    ) -> dict[str, Tensor]:
        """Return the losses by which the model learns, each a scalar, by name.

        `prediction_loss` and `open_loop_loss` are negative log-likelihoods per sensor in nats, one
        step ahead and over k steps without looking; `reward_loss` is the share of the variance of
        reward that is left unexplained, where reward is sensed.
        """
        del reward  # it stands among the senses, normalised
        sensed = self.sense(senses)
        expected, lived = self.live(sensed, episode_start, state, fills_in=self.fills_in)
        known = 1.0 - episode_start.to(senses.dtype).unsqueeze(-1)
        losses = {"prediction_loss": self.surprisal(sensed, expected, sensed.alive * known)}
        steps = min(self.open_loop_steps, len(senses) - 1)
        if steps > 0:
            losses["open_loop_loss"] = self._open_loop_loss(sensed, known, lived, steps)
        if REWARD in self.layout.columns:
            target = senses[..., self.layout.columns[REWARD]]
            missed = self.expected_reward(expected, sensed.action) - target
            losses["reward_loss"] = (known * missed.square()).sum() / known.sum().clamp_min(1.0)
        return losses

    def _open_loop_loss(self, sensed: Sensed, known: Tensor, lived: Belief, steps: int) -> Tensor:
        """Cut the segment into blocks and predict each, at once, from the belief at its start.

        Every second row looks at nothing; the others lack a share of their sensors, always other
        ones, so that the model also learns to fill in some senses from the rest.
        """
        blocks = (len(known) - 1) // steps

        def cut(leaf: Tensor) -> Tensor:
            """[T, B, ...] -> [k, blocks * B, ...], beginning with the second step."""
            pieces = leaf[1 : 1 + blocks * steps].unflatten(0, (blocks, steps))
            return pieces.transpose(0, 1).flatten(1, 2)

        before = tree_map(lambda leaf: leaf[: blocks * steps : steps].flatten(0, 1), lived)
        inside = cut(known).cumprod(0)  # a block ends where its episode does
        target = tree_map(cut, sensed)
        seen = partly_blind(target.body)
        blinded = target._replace(alive=target.alive * seen)
        nowhere = known.new_zeros(target.body.shape[:2], dtype=torch.bool)
        expected, _ = self.live(blinded, nowhere, before, fills_in=True)
        return self.surprisal(target, expected, target.alive * (1.0 - seen) * inside)

    def surprisal(self, sensed: Sensed, expected: Expectation, counted: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of what is counted, less its constant."""
        error = (sensed.body - expected.mean) / expected.deviation
        limited = error.abs().clamp_max(self.error_limit)
        # Huber's function: a square within the limit, a line beyond.
        cost = limited * (error.abs() - 0.5 * limited) + expected.deviation.log()
        return (counted * cost).sum() / counted.sum().clamp_min(1.0)

    def expected_reward(self, expected: Expectation, action: Tensor) -> Tensor:
        """Return the normalised reward that is expected with a step, [..., 1]."""
        seen = (expected.hidden, expected.mean.detach(), action)
        return self.reward_map(torch.cat(seen, dim=-1))

    def imagine(self, state: Belief, actions: Tensor | Policy, horizon: int) -> Imagined:
        """Go on without looking.

        The deviation grows by the model's own rule (moments of a Gaussian whose sensors are
        independent): nothing is drawn.

        Args:
            state: Where to begin; left as it was.
            actions: Normalised efference copies, [k, B, A], or a policy that chooses them.
            horizon: Steps, k.
        """
        steps: list[Imagined] = []
        for step in range(horizon):
            action = actions(state.mean, state.hidden) if callable(actions) else actions[step]
            nothing = torch.zeros_like(state.mean)
            blind = Sensed(nothing, nothing, action)
            expected, state = self.advance(blind, state, fills_in=True)
            reward = self.expected_reward(expected, action).squeeze(-1)
            steps.append(Imagined(expected.mean, expected.deviation, reward, state.hidden))
        return stacked(steps)

    def signals(self, state: Belief) -> dict[str, Tensor]:
        """Return the last prediction error of each modality, in predicted deviations, [B] each."""
        names = (f"prediction_error/{name}" for name in self.modalities)
        return dict(zip(names, state.errors.unbind(-1), strict=True))

    def activity(self, state: Belief) -> dict[str, Tensor]:
        """Return the signals, averaged over rows."""
        return {name: error.mean() for name, error in self.signals(state).items()}
