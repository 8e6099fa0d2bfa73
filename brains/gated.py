"""Gated recurrent controllers: GRU and LSTM, the field's usual memories."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from brains.controller import Controller
from brains.gated_sequence import gru_sequence, lstm_sequence
from brains.kernels.tanh import fast_tanh
from brains.ranges import require_at_least


class GRUState(NamedTuple):
    """Memory of a GRU: `hidden`, [B, N]."""

    hidden: Tensor


class LSTMState(NamedTuple):
    """Memory of an LSTM: what it shows and what it keeps, [B, N] each."""

    hidden: Tensor
    cell: Tensor


def _gates(input_size: int, hidden_size: int, count: int) -> tuple[nn.Linear, nn.Linear]:
    """Return the maps from input and memory to gates.

    Every gate's recurrent matrix is orthogonal, so that memory neither fades nor explodes.
    """
    inward = nn.Linear(input_size, count * hidden_size)
    recurrent = nn.Linear(hidden_size, count * hidden_size)
    for block in recurrent.weight.split(hidden_size):
        nn.init.orthogonal_(block)
    for block in inward.weight.split(hidden_size):
        nn.init.xavier_uniform_(block)
    nn.init.zeros_(inward.bias)
    nn.init.zeros_(recurrent.bias)
    return inward, recurrent


class GRUController(Controller[GRUState]):
    """Gated recurrent unit; its hidden state is its output.

        r = s(W_r x + U_r h)     z = s(W_z x + U_z h)     n = tanh(W_n x + r U_n h)
        h <- (1 - z) n + z h

    Args:
        input_size: Numbers that arrive in each control step.
        hidden_size: Units.

    Source: Cho et al. 2014, arXiv:1406.1078.
    """

    def __init__(self, *, input_size: int, hidden_size: int) -> None:
        super().__init__()
        require_at_least(1, hidden_size=hidden_size)
        self.output_size = hidden_size
        self.drive_size = 3 * hidden_size
        self.input, self.recurrent = _gates(input_size, hidden_size, 3)

    def initial_state(self, batch_size: int) -> GRUState:
        """Return an empty memory, [B, N]."""
        return GRUState(self.recurrent.weight.new_zeros((batch_size, self.output_size)))

    def respond(
        self, drive: Tensor, state: GRUState, gain: Tensor | None = None
    ) -> tuple[Tensor, GRUState]:
        """Advance one step; the features are the hidden state, [B, N]."""
        inward = drive if gain is None else drive * gain
        reset_in, update_in, new_in = inward.chunk(3, -1)
        reset_back, update_back, new_back = self.recurrent(state.hidden).chunk(3, -1)
        reset = torch.sigmoid(reset_in + reset_back)
        update = torch.sigmoid(update_in + update_back)
        new = fast_tanh(torch.addcmul(new_in, reset, new_back))
        hidden = torch.lerp(new, state.hidden, update)
        return hidden, GRUState(hidden)

    def respond_all(
        self, drive: Tensor, episode_start: Tensor, state: GRUState, gain: Tensor | None = None
    ) -> tuple[Tensor, GRUState]:
        """Advance over a segment with the hand-written backward pass; features [T, B, N]."""
        inward = drive if gain is None else drive * gain
        recurrent = self.recurrent.weight, self.recurrent.bias
        hidden = gru_sequence(inward, episode_start, state.hidden, *recurrent)
        return hidden, GRUState(hidden[-1])

    def signals(self, state: GRUState) -> dict[str, Tensor]:
        """Return its output, `features`, [B, N]."""
        return {"features": state.hidden}


class LSTMController(Controller[LSTMState]):
    """Long short-term memory with an open forget gate at the start.

        i, f, o = s(W x + U h)     g = tanh(W_g x + U_g h)     c <- f c + i g     h = o tanh(c)

    Args:
        input_size: Numbers that arrive in each control step.
        hidden_size: Units.

    Source: Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; forget bias of one,
        Jozefowicz et al. 2015, PMLR 37:2342.
    """

    def __init__(self, *, input_size: int, hidden_size: int) -> None:
        super().__init__()
        require_at_least(1, hidden_size=hidden_size)
        self.output_size = hidden_size
        self.drive_size = 4 * hidden_size
        self.input, self.recurrent = _gates(input_size, hidden_size, 4)
        nn.init.ones_(self.input.bias[hidden_size : 2 * hidden_size])

    def initial_state(self, batch_size: int) -> LSTMState:
        """Return an empty memory, [B, N] each."""
        empty = self.recurrent.weight.new_zeros((batch_size, self.output_size))
        return LSTMState(empty, empty)

    def respond(
        self, drive: Tensor, state: LSTMState, gain: Tensor | None = None
    ) -> tuple[Tensor, LSTMState]:
        """Advance one step; the features are the hidden state, [B, N]."""
        inward = drive if gain is None else drive * gain
        gates = inward + self.recurrent(state.hidden)
        enter, forget, new, show = gates.chunk(4, -1)
        kept = forget.sigmoid() * state.cell
        cell = torch.addcmul(kept, enter.sigmoid(), fast_tanh(new))
        hidden = show.sigmoid() * fast_tanh(cell)
        return hidden, LSTMState(hidden, cell)

    def respond_all(
        self, drive: Tensor, episode_start: Tensor, state: LSTMState, gain: Tensor | None = None
    ) -> tuple[Tensor, LSTMState]:
        """Advance over a segment with the hand-written backward pass; features [T, B, N]."""
        inward = drive if gain is None else drive * gain
        recurrent = self.recurrent.weight, self.recurrent.bias
        hidden, cell = lstm_sequence(inward, episode_start, *state, *recurrent)
        return hidden, LSTMState(hidden[-1], cell)

    def signals(self, state: LSTMState) -> dict[str, Tensor]:
        """Return its output, `features`, [B, N]."""
        return {"features": state.hidden}
