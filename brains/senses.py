"""Senses: named modalities in, one normalised vector out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from brains.ranges import require_positive

Observation = Tensor | Mapping[str, Tensor]

EFFERENCE_COPY, REWARD, ALIVE = "efference_copy", "reward", "alive"
"""Modalities that tell of the brain's own doing: its last action, the reward that followed, and
which of the body's senses report (1) or are known not to (0), in their order."""


class Layout:
    """Where each modality lies among the senses.

    Args:
        sizes: How many numbers each modality holds, in order.
        private: Modalities of the brain's own doing that only world model and neuromodulator hear;
            those that are not sensed are passed over.

    Attributes:
        size: Numbers of all modalities together, S.
        heard_sizes: Numbers of each modality that perception, critic and reflex hear, in order.
        heard: Indices of those among the senses, [Q].
        columns: Where each modality lies, by name.
        body: Indices of what the body senses, without what tells of the brain's own doing, [P].
        action: Indices of the efference copy, [A]; none where it is not sensed.

    Raises:
        ValueError: If `alive` does not tell of every sense, or one of the body's senses is private.
    """

    def __init__(self, sizes: Mapping[str, int], private: Sequence[str] = ()) -> None:
        self.columns: dict[str, slice] = {}
        self.size = 0
        for name, size in sizes.items():
            self.columns[name] = slice(self.size, self.size + size)
            self.size += size
        own = (EFFERENCE_COPY, REWARD, ALIVE)
        if unknown := sorted(set(private) - set(own)):
            raise ValueError(f"only {', '.join(own)} can be private, not {unknown[0]!r}")
        open_names = [name for name in sizes if name not in private]
        self.heard_sizes = [sizes[name] for name in open_names]
        self.heard = self._indices(*open_names)
        self.body = self._indices(*(name for name in sizes if name not in own))
        self.action = self._indices(*(name for name in sizes if name == EFFERENCE_COPY))
        self.status = self._indices(*(name for name in sizes if name == ALIVE))
        if len(self.status) not in (0, len(self.body)):
            raise ValueError(
                f"{ALIVE!r} must tell of each of the {len(self.body)} senses, "
                f"but holds {len(self.status)} numbers"
            )

    def _indices(self, *names: str) -> Tensor:
        ranges = [torch.arange(self.columns[n].start, self.columns[n].stop) for n in names]
        return torch.cat(ranges) if ranges else torch.zeros(0, dtype=torch.long)

    def hear(self, senses: Tensor) -> Tensor:
        """Return the senses, [..., S], without what is private, [..., Q]."""
        if len(self.heard) == self.size:
            return senses
        return senses.index_select(-1, self.heard.to(senses.device))

    def alive(self, senses: Tensor) -> Tensor | float:
        """Return 1 for each of the body's senses that reports and 0 for others, [..., P] or 1.0."""
        return senses[..., self.columns[ALIVE]] + 1.0 if len(self.status) else 1.0


def modality_sizes(space: spaces.Space[Any]) -> dict[str, int]:
    """Return how many numbers each modality of an observation space holds, by name.

    A plain Box is one modality called "senses".

    Raises:
        ValueError: If a modality is neither a Box nor Discrete.
    """
    whole: Any = space
    modalities: dict[str, Any] = (
        dict(whole.spaces) if isinstance(whole, spaces.Dict) else {"senses": whole}
    )
    sizes: dict[str, int] = {}
    for name, modality in modalities.items():
        if isinstance(modality, spaces.Box):
            sizes[name] = int(np.prod(modality.shape))
        elif isinstance(modality, spaces.Discrete):
            sizes[name] = int(modality.n)
        else:
            raise ValueError(
                f"a brain senses Box and Discrete spaces, or a Dict of them; "
                f"{name!r} is {type(modality).__name__}: flatten it with a Gymnasium wrapper"
            )
    return sizes


class Senses(nn.Module):
    """Joins the modalities and normalises each number by its running mean and deviation.

        x = clip((o - mean) / sqrt(var + epsilon), -clip, clip)

    Statistics change only through `update`, which the learner calls on training data, so they
    are frozen whenever a brain is merely used. Discrete modalities become one-hot vectors. `alive`
    is not normalised but shifted, to 0 where a sense reports and -1 where it does not.

    Args:
        observation_space: What the body senses.
        clip: Largest magnitude that is passed on, in standard deviations.
        private: Modalities that only world model and neuromodulator hear; see `Layout`.
        epsilon: Added to the variance.

    Raises:
        ValueError: If `clip` is not positive, or a modality is of a kind that brains cannot sense.

    Source: parallel variance, Chan et al. 1979, Stanford STAN-CS-79-773.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        *,
        clip: float,
        private: Sequence[str] = (),
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__()
        require_positive(clip=clip)
        self.space = observation_space
        self.sizes = modality_sizes(observation_space)
        self.layout = Layout(self.sizes, private)
        self.output_size = self.layout.size
        self.clip = clip
        self.epsilon = epsilon
        # Double precision: sums over millions of steps must not lose the small updates.
        self.register_buffer("mean", torch.zeros(self.output_size, dtype=torch.float64))
        self.register_buffer("variance", torch.ones(self.output_size, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def join(self, observation: Observation) -> Tensor:
        """Return all modalities side by side, in the order of the space, [B, senses], float64."""
        if isinstance(observation, Tensor):
            return self._flatten(self.space, observation)
        modalities: Any = self.space
        parts = [self._flatten(modalities[name], observation[name]) for name in self.sizes]
        return torch.cat(parts, dim=-1)

    @staticmethod
    def _flatten(space: Any, values: Tensor) -> Tensor:
        if isinstance(space, spaces.Discrete):
            index = values.reshape(-1).long() - int(space.start)
            return nn.functional.one_hot(index, int(space.n)).double()
        return values.reshape(values.shape[0], -1).double()

    def forward(self, observation: Observation) -> Tensor:
        """Return the normalised senses, [B, senses], float32."""
        deviation = (self.variance + self.epsilon).sqrt()
        joined = self.join(observation)
        normalised = ((joined - self.mean) / deviation).clamp(-self.clip, self.clip)
        if ALIVE in self.sizes:
            status = self.layout.columns[ALIVE]
            normalised[:, status] = joined[:, status] - 1.0
        return normalised.float()

    def reward(self, observation: Observation) -> Tensor | None:
        """Return the reward that is sensed, in the body's units, [B]; None where it is not."""
        if isinstance(observation, Tensor) or REWARD not in self.sizes:
            return None
        return observation[REWARD].reshape(-1).float()

    @torch.no_grad()
    def update(self, observation: Observation) -> None:
        """Fold a batch of observations, [B, ...], into the running statistics."""
        batch = self.join(observation)
        variance, mean = torch.var_mean(batch, dim=0, correction=0)
        total = float(self.count) + len(batch)
        share = len(batch) / total
        shift = mean - self.mean
        self.mean.add_(shift, alpha=share)
        self.variance.lerp_(variance, share).addcmul_(shift, shift, value=share * (1.0 - share))
        self.count.fill_(total)
