"""Gated memories over a whole segment, with backward passes written by hand.

Backward, everything that reaches a gate is what reaches the memory times a factor that the forward
pass has left behind. All factors are therefore computed at once for the whole segment; the loop
multiplies by them and goes through the recurrent weights, and weight gradients are one product
after it.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brains.kernels.tanh import fast_tanh


def gru_sequence(
    drive: Tensor, episode_start: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    """Run a GRU over a segment; memory is zeroed wherever an episode begins.

    The equations stand in brains/gated.py.

    Args:
        drive: What drives the gates: reset, update, new, [T, B, 3 N].
        episode_start: True where a step is the first of its episode, [T, B].
        hidden: Memory before the segment, [B, N].
        weight: From memory to gates, [3 N, N].
        bias: Of that map, [3 N].

    Returns:
        Memory after every step, [T, B, N].
    """
    return _GRU.apply(drive, episode_start, hidden, weight, bias)  # type: ignore[no-any-return, no-untyped-call]


def lstm_sequence(
    drive: Tensor,
    episode_start: Tensor,
    hidden: Tensor,
    cell: Tensor,
    weight: Tensor,
    bias: Tensor,
) -> tuple[Tensor, Tensor]:
    """Run an LSTM over a segment; memory is zeroed wherever an episode begins.

    The equations stand in brains/gated.py.

    Args:
        drive: What drives the gates: enter, forget, new, show, [T, B, 4 N].
        episode_start: True where a step is the first of its episode, [T, B].
        hidden: What it showed before the segment, [B, N].
        cell: What it kept before the segment, [B, N].
        weight: From what is shown to gates, [4 N, N].
        bias: Of that map, [4 N].

    Returns:
        What it shows after every step, [T, B, N], and what it keeps after the last, [B, N].
    """
    return _LSTM.apply(drive, episode_start, hidden, cell, weight, bias)  # type: ignore[no-any-return, no-untyped-call]


def _restarted(memory: Tensor, starts: Tensor, some: bool) -> Tensor:
    return memory.masked_fill(starts.unsqueeze(-1), 0.0) if some else memory


def _into_weights(back: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of recurrent weight and bias from those of the gates, [T, B, G N]."""
    rows = back.flatten(0, 1)
    return rows.t() @ before.flatten(0, 1), rows.sum(0)


class _GRU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        episode_start: Tensor,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
    ) -> Tensor:
        size = hidden.shape[-1]
        shape = (*drive.shape[:2], size)
        before, after, new = (drive.new_empty(shape) for _ in range(3))
        gates = drive.new_empty((*shape[:2], 2 * size))
        back_new = drive.new_empty(shape)
        restarts = episode_start.any(dim=1).tolist()
        for step, some in enumerate(restarts):
            before[step] = hidden = _restarted(hidden, episode_start[step], some)
            back = torch.addmm(bias, hidden, weight.t())
            inward = drive[step]
            torch.add(inward[:, : 2 * size], back[:, : 2 * size], out=gates[step]).sigmoid_()
            reset, update = gates[step].chunk(2, -1)
            back_new[step] = back[:, 2 * size :]
            new[step] = fast_tanh(torch.addcmul(inward[:, 2 * size :], reset, back_new[step]))
            hidden = torch.lerp(new[step], hidden, update, out=after[step])
        ctx.save_for_backward(episode_start, before, gates, back_new, new, weight)
        ctx.restarts = restarts
        return after

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        episode_start, before, gates, back_new, new, weight = ctx.saved_tensors
        reset, update = gates.chunk(2, -1)
        into_new = (1.0 - update) * (1.0 - new.square())
        factors = torch.stack(
            [
                into_new * back_new * reset * (1.0 - reset),
                (before - new) * update * (1.0 - update),
                into_new * reset,
            ],
            dim=2,
        )
        back, reached = torch.empty_like(factors), torch.empty_like(new)
        hidden = torch.zeros_like(new[0])
        for step in reversed(range(len(new))):
            hidden = torch.add(hidden, gradients[0][step], out=reached[step])
            torch.mul(hidden.unsqueeze(1), factors[step], out=back[step])
            hidden = torch.addmm(hidden * update[step], back[step].flatten(1), weight)
            hidden = _restarted(hidden, episode_start[step], ctx.restarts[step])
        of_weight, of_bias = _into_weights(back.flatten(2), before)
        back[:, :, 2] = reached * into_new  # the drive enters beside what the reset gate lets by
        return back.flatten(2), None, hidden, of_weight, of_bias


class _LSTM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        episode_start: Tensor,
        hidden: Tensor,
        cell: Tensor,
        weight: Tensor,
        bias: Tensor,
    ) -> tuple[Tensor, Tensor]:
        size = hidden.shape[-1]
        shape = (*drive.shape[:2], size)
        hidden_before, cell_before, new, squashed, after = (
            drive.new_empty(shape) for _ in range(5)
        )
        gates = drive.new_empty((*shape[:2], 3, size))  # enter, forget, show
        restarts = episode_start.any(dim=1).tolist()
        for step, some in enumerate(restarts):
            hidden_before[step] = hidden = _restarted(hidden, episode_start[step], some)
            cell_before[step] = cell = _restarted(cell, episode_start[step], some)
            inward = (drive[step] + torch.addmm(bias, hidden, weight.t())).unflatten(-1, (4, size))
            torch.sigmoid(inward[:, (0, 1, 3)], out=gates[step])
            enter, forget, show = gates[step].unbind(1)
            new[step] = fast_tanh(inward[:, 2])
            cell = torch.addcmul(forget * cell, enter, new[step])
            squashed[step] = fast_tanh(cell)
            hidden = torch.mul(show, squashed[step], out=after[step])
        ctx.save_for_backward(
            episode_start, hidden_before, cell_before, gates, new, squashed, weight
        )
        ctx.restarts = restarts
        return after, cell

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        episode_start, hidden_before, cell_before, gates, new, squashed, weight = ctx.saved_tensors
        enter, forget, show = gates.unbind(2)
        into_cell = show * (1.0 - squashed.square())
        of_cell = torch.stack(  # enter, forget, new
            [
                new * enter * (1.0 - enter),
                cell_before * forget * (1.0 - forget),
                enter * (1.0 - new.square()),
            ],
            dim=2,
        )
        of_hidden = squashed * show * (1.0 - show)
        back = new.new_empty((*new.shape[:2], 4, new.shape[2]))
        hidden, cell = torch.zeros_like(new[0]), gradients[1]
        for step in reversed(range(len(new))):
            hidden = hidden + gradients[0][step]
            cell = torch.addcmul(cell, hidden, into_cell[step])
            torch.mul(cell.unsqueeze(1), of_cell[step], out=back[step, :, :3])
            torch.mul(hidden, of_hidden[step], out=back[step, :, 3])
            hidden, cell = back[step].flatten(1) @ weight, cell * forget[step]
            hidden = _restarted(hidden, episode_start[step], ctx.restarts[step])
            cell = _restarted(cell, episode_start[step], ctx.restarts[step])
        of_weight, of_bias = _into_weights(back.flatten(2), hidden_before)
        return back.flatten(2), None, hidden, cell, of_weight, of_bias
