"""Equations of Hebbian fast weights, and what parts that are made of them share."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from brains.energy import Operations, matrix_macs
from brains.kernels.fast_weights import CompiledFastWeights, compiled_kernel_runs
from brains.plasticity import PlasticInput, Plasticity, PlasticOutput
from brains.ranges import require_at_least, require_positive
from brains.recurrent import Lasting, reset_where
from brains.spiking import spread_decays


class FastWeights(NamedTuple):
    """Synapses that change while the brain acts, one set per row.

    Attributes:
        eligibility: What fired together of late, [B, V, K].
        weights: What has been learned, [B, V, K].
    """

    eligibility: Tensor
    weights: Tensor


class FastWeightRule(NamedTuple):
    """How fast weights change.

    Attributes:
        trace_rate: Share by which the eligibility follows what fires together, k.
        bound: Largest magnitude of a weight, c.
        lasting: Whether weights outlive an episode; the eligibility never does.
        decay: Share of a weight that remains after a step, by postsynaptic neuron, [V].
    """

    trace_rate: float
    bound: float
    lasting: bool
    decay: Tensor


class Association(NamedTuple):
    """What fast weights are shown.

    Attributes:
        post: Postsynaptic activity, [..., V].
        pre: Presynaptic activity, [..., K].
        gain: Rate of learning times gate, [..., V].
    """

    post: Tensor
    pre: Tensor
    gain: Tensor


def fast_weights_step(shown: Association, state: FastWeights, rule: FastWeightRule) -> FastWeights:
    """Learn from one step.

        E <- (1 - k) E + k post x pre          M <- clip(lambda M + gain E, -c, c)

    Args:
        shown: Activity and gain, [B, ...].
        state: Memory before the step; left as it was.
        rule: Rates and bounds.

    Source: eligibility and neuromodulated plasticity, Miconi et al. 2019, arXiv:2002.10585; decay
        per neuron, Rodriguez et al. 2022, arXiv:2206.14048.
    """
    together = shown.post.unsqueeze(-1) * shown.pre.unsqueeze(-2)
    eligibility = torch.lerp(state.eligibility, together, rule.trace_rate)
    grown = rule.decay.unsqueeze(-1) * state.weights + shown.gain.unsqueeze(-1) * eligibility
    return FastWeights(eligibility, grown.clamp(-rule.bound, rule.bound))


def fast_weights_sequence(
    shown: Association,
    query: Tensor,
    episode_start: Tensor,
    state: FastWeights,
    rule: FastWeightRule,
) -> tuple[Tensor, FastWeights]:
    """Learn in every step of a segment, and read what is known by then.

    A step learns first and reads afterwards, so that its gate acts in it.

    Args:
        shown: Activity and gain, [T, B, ...].
        query: What is asked of the weights, [T, B, K].
        episode_start: True where a step is the first of its episode, [T, B].
        state: Memory before the segment.
        rule: Rates and bounds.

    Returns:
        The answers `M q`, [T, B, V], and the memory after the segment.
    """
    if compiled_kernel_runs(*shown, query, *state, rule.decay):
        answer, *final = CompiledFastWeights.apply(  # type: ignore[no-untyped-call]
            *shown, query, *state, rule.decay, episode_start, *rule[:-1]
        )
        return answer, FastWeights(*final)
    blank = FastWeights(*map(torch.zeros_like, state))
    answers: list[Tensor] = []
    for step, begins in enumerate(episode_start):
        fresh = reset_where(begins, blank, state)
        state = fresh._replace(weights=state.weights) if rule.lasting else fresh
        state = fast_weights_step(Association(*(part[step] for part in shown)), state, rule)
        answers.append(_answer(query[step], state))
    return torch.stack(answers), state


def _answer(query: Tensor, state: FastWeights) -> Tensor:
    return (state.weights @ query.unsqueeze(-1)).squeeze(-1)


def fast_weights_learn(shown: Association, state: FastWeights, rule: FastWeightRule) -> FastWeights:
    """Return memory that has learned from a step, [B, ...], to the bit as in a segment."""
    one = Association(*(part.unsqueeze(0) for part in shown))
    nobody = torch.zeros(one.post.shape[:2], dtype=torch.bool, device=one.post.device)
    return fast_weights_sequence(one, torch.zeros_like(one.pre), nobody, state, rule)[1]


def fast_weights_read(query: Tensor, state: FastWeights) -> Tensor:
    """Return what the weights answer, `M q`, [B, V], to a query, [B, K], as in a segment."""
    rows, posts, _ = state.weights.shape
    silent, asked = query.new_zeros((1, rows, posts)), query.unsqueeze(0)
    nobody = torch.zeros((1, rows), dtype=torch.bool, device=query.device)
    still = FastWeightRule(1.0, math.inf, False, query.new_ones(posts))
    shown = Association(silent, torch.zeros_like(asked), silent)
    return fast_weights_sequence(shown, asked, nobody, state, still)[0].squeeze(0)


class LastingState(NamedTuple):
    """Memory of a part whose fast weights outlive episodes.

    Attributes:
        eligibility: What fired together of late, [B, V, K].
        weights: What has been learned, [B, V, K].
    """

    eligibility: Tensor
    weights: Lasting


class FastWeightPart(Plasticity):
    """What parts made of fast weights share: how they learn, and what can be seen of it.

    Learned along with the slow weights: the rate of learning and the decay of every postsynaptic
    neuron, which start spread so that some synapses hold for a whole episode.

    Args:
        post_size: Postsynaptic neurons, V.
        pre_size: Presynaptic neurons, K.
        trace_rate: Share by which the eligibility follows what fires together.
        bound: Largest magnitude of a weight.
        initial_rate: Rate of learning at the start.
        decays: Lowest and highest share of a weight that remains after a step, at the start.
        survives_episodes: Whether weights outlive an episode, for trials of several episodes; a
            trial begins with `initial_state`.
        rate_scale: Learning rate of rates, decays and of `alpha`, relative to the rest.

    Raises:
        ValueError: If a rate, `bound` or `decays` is out of range.
    """

    def __init__(
        self,
        *,
        post_size: int,
        pre_size: int,
        trace_rate: float,
        bound: float,
        initial_rate: float,
        decays: tuple[float, float],
        survives_episodes: bool,
        rate_scale: float,
    ) -> None:
        super().__init__()
        if not 0.0 < trace_rate <= 1.0:
            raise ValueError(f"trace_rate must lie in (0, 1], got {trace_rate}")
        require_positive(bound=bound)
        require_at_least(0, rate_scale=rate_scale)
        self.gate_size = self.post_size = post_size
        self.pre_size = pre_size
        self.trace_rate, self.bound = trace_rate, bound
        self.survives_episodes = survives_episodes
        self.rate = nn.Parameter(torch.full((post_size,), initial_rate))
        self.decay_logit = spread_decays(post_size, decays=decays)
        learned = ("rate", "decay_logit", "alpha", "alpha_pre")
        self.rate_scales = dict.fromkeys(learned, rate_scale)

    def blank(self, batch_size: int) -> Any:
        """Return fast weights that have learned nothing, as they stand in a state."""
        empty = self.rate.new_zeros((batch_size, self.post_size, self.pre_size))
        return self.stored(FastWeights(empty, empty))

    def stored(self, fast: FastWeights) -> Any:
        """Return fast weights as they stand in a state: marked, if they outlive episodes."""
        if not self.survives_episodes:
            return fast
        return LastingState(fast.eligibility, Lasting(fast.weights))

    @staticmethod
    def plain(stored: Any) -> FastWeights:
        """Return the fast weights that stand in a state."""
        kept = stored.weights
        weights = kept.value if isinstance(kept, Lasting) else kept
        return FastWeights(stored.eligibility, weights)

    def rule(self) -> FastWeightRule:
        """Return how the weights change."""
        decay = self.decay_logit.sigmoid()
        return FastWeightRule(self.trace_rate, self.bound, self.survives_episodes, decay)

    def gain(self, gate: Tensor | None, post: Tensor) -> Tensor:
        """Return rate times gate, [..., V]; a gate of None is 1."""
        return self.rate.expand_as(post) if gate is None else self.rate * gate

    def fast(self, state: Any) -> FastWeights:
        """Return the fast weights within the part's memory."""
        return self.plain(state)

    def initial_state(self, batch_size: int) -> Any:
        """Return memory that has learned nothing, leaves [B, ...]."""
        return self.blank(batch_size)

    def forward(self, inputs: PlasticInput, state: Any) -> tuple[PlasticOutput, Any]:
        """Learn from one step, then add what is known: a segment of this step alone."""
        gate = None if inputs.gate is None else inputs.gate.unsqueeze(0)
        step = PlasticInput(inputs.code.unsqueeze(0), inputs.memory.unsqueeze(0), gate)
        nobody = torch.zeros((1, len(inputs.code)), dtype=torch.bool, device=inputs.code.device)
        output, state = self.unroll(step, nobody, state)
        added = (None if part is None else part.squeeze(0) for part in output)
        return PlasticOutput(*added), state

    def operations(self, state: Any) -> Operations:
        """Return what reading and learning take: of each plastic synapse, and of every matrix.

        A plastic synapse is read (1), its trace decays and takes up a product (2), and its weight
        decays and takes up the trace (2).
        """
        del state
        macs = matrix_macs(self) + 5 * self.post_size * self.pre_size
        return Operations(macs, 0, 0, macs)

    def activity(self, state: Any) -> dict[str, Tensor]:
        """Return the norm of the weights and the share that lies at the bound, means of rows."""
        weights = self.fast(state).weights
        return {
            "fast_weight_norm": weights.flatten(1).norm(dim=1).mean(),
            "fast_weights_clipped": (weights.abs() >= self.bound).float().mean(),
        }

    def signals(self, state: Any) -> dict[str, Tensor]:
        """Return the norm of every row's weights, [B]."""
        return {"fast_weight_norm": self.fast(state).weights.flatten(1).norm(dim=1)}
