"""Gated recurrent controllers: GRU and LSTM, the field's usual memories."""

from typing import NamedTuple

from torch import Tensor, nn

from brains.recurrent import RecurrentModule


class GRUState(NamedTuple):
    """Memory of a GRU: `hidden`, [B, N]."""

    hidden: Tensor


class LSTMState(NamedTuple):
    """Memory of an LSTM: what it shows and what it keeps, [B, N] each."""

    hidden: Tensor
    cell: Tensor


def _initialise(cell: nn.RNNCellBase, hidden_size: int) -> None:
    """Make every gate's recurrent matrix orthogonal, so that memory neither fades nor explodes."""
    for block in cell.weight_hh.split(hidden_size):
        nn.init.orthogonal_(block)
    for block in cell.weight_ih.split(hidden_size):
        nn.init.xavier_uniform_(block)
    nn.init.zeros_(cell.bias_ih)
    nn.init.zeros_(cell.bias_hh)


class GRUController(RecurrentModule[GRUState]):
    """Gated recurrent unit; its hidden state is its output.

    Args:
        input_size: Numbers that arrive in each control step.
        hidden_size: Units.

    Source: Cho et al. 2014, arXiv:1406.1078.
    """

    def __init__(self, *, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.output_size = hidden_size
        self.cell = nn.GRUCell(input_size, hidden_size)
        _initialise(self.cell, hidden_size)

    def initial_state(self, batch_size: int) -> GRUState:
        """Return an empty memory, [B, N]."""
        return GRUState(self.cell.weight_hh.new_zeros((batch_size, self.output_size)))

    def forward(self, inputs: Tensor, state: GRUState) -> tuple[Tensor, GRUState]:
        """Advance one step; the output is the hidden state, [B, N]."""
        hidden = self.cell(inputs, state.hidden)
        return hidden, GRUState(hidden)

    def signals(self, state: GRUState) -> dict[str, Tensor]:
        """Return its output, `features`, [B, N]."""
        return {"features": state.hidden}


class LSTMController(RecurrentModule[LSTMState]):
    """Long short-term memory with an open forget gate at the start.

    Args:
        input_size: Numbers that arrive in each control step.
        hidden_size: Units.

    Source: Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; forget bias of one,
        Jozefowicz et al. 2015, PMLR 37:2342.
    """

    def __init__(self, *, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.output_size = hidden_size
        self.cell = nn.LSTMCell(input_size, hidden_size)
        _initialise(self.cell, hidden_size)
        nn.init.ones_(self.cell.bias_ih[hidden_size : 2 * hidden_size])

    def initial_state(self, batch_size: int) -> LSTMState:
        """Return an empty memory, [B, N] each."""
        empty = self.cell.weight_hh.new_zeros((batch_size, self.output_size))
        return LSTMState(empty, empty)

    def forward(self, inputs: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """Advance one step; the output is the hidden state, [B, N]."""
        hidden, cell = self.cell(inputs, (state.hidden, state.cell))
        return hidden, LSTMState(hidden, cell)

    def signals(self, state: LSTMState) -> dict[str, Tensor]:
        """Return its output, `features`, [B, N]."""
        return {"features": state.hidden}
