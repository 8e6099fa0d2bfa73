"""The world model's contract, and its absence."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from brains.percept import Prediction
from brains.recurrent import NoState, RecurrentModule
from brains.senses import Layout


class WorldModel(RecurrentModule[Any]):
    """Predicts the senses, and is corrected by what it got wrong.

    Called as `prediction, state = world_model(senses, state)`, where the prediction was made from
    the state alone (and the efference copy within the senses), before the senses were looked at.

    Attributes:
        context_size: Numbers of the hidden state that others may read, H.
        columns: Which of the senses are predicted, as indices into them, [P].
        replayed: Whether the policy's gradient flows into the model, which then is a part of what
            is replayed; otherwise its predictions are data.
        fills_in: Whether the prediction stands in for a sensor that is known not to report. A
            model with this switched off expects of such a sensor what arrives, so that belief and
            error, which perception makes of its prediction, hold no filling. May be switched at
            any time.
    """

    context_size: int
    columns: Tensor
    replayed: bool = False
    fills_in: bool = True

    @abstractmethod
    def loss(
        self, senses: Tensor, reward: Tensor, episode_start: Tensor, state: Any
    ) -> dict[str, Tensor]:
        """Return the losses by which the model learns, each a scalar, by name.

        Args:
            senses: Normalised senses of a segment, [T, B, S].
            reward: Reward of the step before each, [T, B].
            episode_start: True where a step is the first of its episode, [T, B].
            state: The model's memory before the segment.
        """


class NoWorldModel(WorldModel):
    """Expects nothing, so nothing is a surprise.

    Args:
        layout: Where each modality lies among the senses.
    """

    context_size = 0

    def __init__(self, *, layout: Layout) -> None:
        super().__init__()
        del layout
        self.register_buffer("columns", torch.zeros(0, dtype=torch.long), persistent=False)

    def initial_state(self, batch_size: int) -> NoState:
        """Return no memory."""
        del batch_size
        return NoState()

    def forward(self, inputs: Tensor, state: NoState) -> tuple[Prediction, NoState]:
        """Return a prediction of nothing, all sizes 0."""
        nothing = inputs[..., :0]
        return Prediction(nothing, nothing, nothing), state

    def unroll(
        self, inputs: Tensor, episode_start: Tensor, state: NoState
    ) -> tuple[Prediction, NoState]:
        """Return a prediction of nothing for every step."""
        del episode_start
        return self(inputs, state)

    def loss(
        self, senses: Tensor, reward: Tensor, episode_start: Tensor, state: Any
    ) -> dict[str, Tensor]:
        """Return no losses."""
        del senses, reward, episode_start, state
        return {}
