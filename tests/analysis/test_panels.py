"""Panels and the board that they stand on."""

import tracemalloc

import numpy as np
import pytest

from analysis.board import EPISODE, Board, Mark, agree
from analysis.panels import panels_for
from analysis.panels.base import Scale, Scroll, round_range
from analysis.panels.ink import ALARM, GROUND, number
from analysis.playing import phase_order
from analysis.sheet import shared_panels
from tests.analysis.small_brains import signals_of

MODULATORS = ("dopamine", "acetylcholine", "noradrenaline", "serotonin")
EVERYTHING = (
    "spikes:64", "features:64", "code:32", *MODULATORS, "prediction_error/touch",
    "prediction_error/vision", "surprise", "fast_weight_norm", "gate:6", "mood", "value", "reward",
)  # fmt: skip
CASES = {
    ("reward",): [("reward",)],
    ("spikes:64", "features:64", "value", "reward"): [("spikes",), ("value",), ("reward",)],
    ("features:64", "value", "reward"): [("features",), ("value",), ("reward",)],
    ("reward", "value", "dopamine"): [("dopamine",), ("value",), ("reward",)],
    ("gate:6", "mood", "reward"): [("gate",), ("mood",), ("reward",)],
    EVERYTHING: [
        ("spikes",), ("code",), ("gate",), MODULATORS,
        ("prediction_error/touch", "prediction_error/vision"),
        ("surprise",), ("fast_weight_norm",), ("mood",), ("value",), ("reward",),
    ],
}  # fmt: skip


def board_of(names, width=480, height=675, period=0.05):
    return Board(panels_for(signals_of(names)), width, height, period)


def show(board, steps, marks=None):
    """Push some steps, and return the signals of each and the picture after the last."""
    generator = np.random.default_rng(1)
    names = [name for panel in board.panels for name in panel.names]
    sizes = {"spikes": 64, "code": 32, "features": 64, "gate": 6}
    lived = []
    for step in range(steps):
        named = [f"{name}:{sizes[name]}" if name in sizes else name for name in names]
        lived.append(signals_of(named, generator))
        board.push(lived[-1], (marks or {}).get(step))
        board.fit()
        picture = board.draw()
    return lived, picture


@pytest.mark.parametrize("names", CASES)
def test_there_is_a_panel_for_every_signal_that_exists_and_for_no_other(names):
    panels = panels_for(signals_of(names))
    assert [panel.names for panel in panels] == CASES[names]
    board = board_of(names)
    show(board, 3)
    assert [panel.names for panel in board.panels] == CASES[names]
    assert board.left_out == []


@pytest.mark.parametrize("steps", [5, 80, 203])
def test_the_raster_shows_exactly_the_spikes_of_the_last_steps(steps):
    order = np.random.default_rng(2).permutation(64)
    names = ("spikes:64", "value", "reward")
    board = Board(panels_for(signals_of(names), {"spikes": order}), 480, 675, 0.05)
    lived, picture = show(board, steps)
    rows, columns = board.place_of("spikes")
    tall = (rows.stop - rows.start) // 64
    assert tall * 64 == rows.stop - rows.start
    shown = picture[rows, columns]
    lit = (shown != GROUND).any(axis=2)
    seen = lit[tall // 2 :: tall, :: board.step_width]
    wanted = np.array([one["spikes"] for one in lived[-seen.shape[1] :]], bool).T[order]
    assert (seen[:, -wanted.shape[1] :] == wanted).all()
    assert not seen[:, : -wanted.shape[1]].any()
    assert (lit.reshape(64, tall, -1).all(axis=1) == lit.reshape(64, tall, -1).any(axis=1)).all()


def test_a_row_of_several_neurons_is_as_bright_as_the_share_of_them_that_fires():
    (raster,) = panels_for({"spikes": np.zeros(8)})
    raster.place(4, steps=3, step_width=1)
    for spikes in ([0] * 8, [1, 0] * 4, [1] * 8):
        raster.push({"spikes": np.array(spikes, float)})
    light = raster.scroll.view.astype(int).sum(axis=2)
    assert raster.per_row == 2
    assert (light[:, 0] == sum(GROUND)).all()
    assert (light[:, 0] < light[:, 1]).all()
    assert (light[:, 1] < light[:, 2]).all()


@pytest.mark.parametrize("ago", [0, 7, 41])
def test_the_onset_is_marked_down_every_plot_in_the_column_of_its_step(ago):
    board = board_of(("spikes:64", "value", "reward"))
    steps = 150
    _, picture = show(board, steps, {steps - 1 - ago: Mark("leg loss", ALARM)})
    x = board.column_of(ago).start
    for name in ("spikes", "value", "reward"):
        rows, columns = board.place_of(name)
        red = (picture[rows] == ALARM).all(axis=2)
        assert red[:, x].all()
        assert set(np.flatnonzero(red.all(axis=0)).tolist()) == {x, x + 1}
        assert columns.start <= x < columns.stop
    assert x == board.right - (ago + 1) * board.step_width


def test_marks_leave_with_the_steps_that_they_mark():
    board = board_of(("value", "reward"))
    _, before = show(board, 30, {3: Mark("push", ALARM), 20: EPISODE})
    assert (before == ALARM).all(axis=2).any()
    _, after = show(board, 200)
    assert not (after == ALARM).all(axis=2).any()


def test_a_line_stands_where_its_scale_says():
    (panel,) = panels_for({"value": np.array(0.0)})
    panel.place(101, steps=40, step_width=3)
    for step in range(40):
        panel.push({"value": np.array(step / 39)})
    panel.fit()
    panel.refresh()
    assert (panel.scale.low, panel.scale.high) == (0.0, 1.0)
    ink = panel.scroll.view.astype(int).sum(axis=2)
    peaks = ink.argmax(axis=0)
    assert peaks[-1] == pytest.approx(1, abs=1)
    assert peaks[4] == pytest.approx(99, abs=4)
    assert (np.diff(peaks) <= 1).all()


def test_a_value_that_is_not_there_draws_no_line():
    (panel,) = panels_for({"reward": np.array(0.0)})
    panel.place(40, steps=10, step_width=2)
    for value in (1.0, 2.0, np.nan, 1.5):
        panel.push({"reward": np.array(value)})
    panel.fit()
    panel.refresh()
    lit = (panel.scroll.view.astype(int).sum(axis=2) > 300).any(axis=0)
    assert lit[-8:].tolist() == [True] * 4 + [False] * 2 + [True] * 2


def test_panels_side_by_side_share_scale_and_height_where_they_share_signals():
    brains = (("spikes:64", "value", "reward"), ("features:64", "value", "reward"), ("reward",))
    made = shared_panels([signals_of(names) for names in brains], [{}] * 3)
    boards = [Board(panels, 424, 330, 0.05) for panels in made]
    agree(boards)
    places = [board.place_of("reward")[0] for board in boards]
    assert len({(place.start, place.stop) for place in places}) == 1
    assert made[0][-1].scale is made[2][-1].scale
    for board, reward in zip(boards, (1.0, 2.0, 400.0), strict=True):
        names = [name for panel in board.panels for name in panel.names]
        sizes = {"spikes": np.zeros(64), "features": np.zeros(64), "value": np.array(1.0)}
        board.push({name: sizes.get(name, np.array(reward)) for name in names})
    for board in boards:
        board.fit()
    assert made[0][-1].scale.high >= 400


def test_a_board_without_room_leaves_signals_out_and_says_how_many():
    board = board_of(EVERYTHING, width=240, height=200)
    shown = [name for panel in board.panels for name in panel.names]
    assert {"value", "reward"} <= set(shown)
    named = {name.partition(":")[0] for name in EVERYTHING} - {"features"}
    assert set(shown) | set(board.left_out) == named
    assert board.left_out
    show(board, 3)


def test_memory_does_not_grow_with_the_length_of_what_is_shown():
    board = board_of(EVERYTHING)
    show(board, 300)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    generator = np.random.default_rng(0)
    for _ in range(1000):
        board.push(signals_of(EVERYTHING, generator))
        board.fit()
        board.draw()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 1_500_000  # letters of new numbers are kept, so many and no more


def test_a_scroll_shows_the_latest_columns_in_order():
    scroll = Scroll(2, 7)
    for start in range(0, 90, 3):
        scroll.push(
            np.arange(start, start + 3, dtype=np.uint8)[None, :, None].repeat(2, 0).repeat(3, 2)
        )
    assert scroll.view[0, :, 0].tolist() == list(range(83, 90))


def test_a_scale_grows_at_once_and_shrinks_only_when_most_of_it_is_empty():
    scale = Scale()
    ranges = []
    for high in (1.0, 9.0, 6.0, 2.0):
        scale.fit(0, np.array([0.0, high], np.float32))
        ranges.append((scale.low, scale.high))
    assert ranges[1] == ranges[2]
    assert ranges[1][1] >= 9.0
    assert ranges[3][1] < 4.0


@pytest.mark.parametrize(
    ("span", "shown"), [((0.1, 0.93), (0, 1)), ((-3, 11), (-5, 15)), ((5, 5), (2.5, 7.5))]
)
def test_ranges_are_round_and_hold_what_they_are_fitted_to(span, shown):
    low, high = round_range(*span)
    assert low <= span[0] <= span[1] <= high
    assert (low, high) == pytest.approx(shown)


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "0.00"), (-0.001, "0.00"), (3.14159, "3.14"), (42.19, "42.2"), (1234.5, "1,234"),
     (2.5e6, "2.5e6"), (float("nan"), "")],
)  # fmt: skip
def test_numbers_take_little_room(value, told):
    assert number(value) == told


def test_units_are_sorted_by_their_phase_in_the_common_rhythm_and_silent_ones_last():
    generator = np.random.default_rng(0)
    phases = generator.permutation(60) / 60 * 2 * np.pi
    time = np.arange(200)[:, np.newaxis] * 0.3
    firing = (generator.random((200, 60)) < 0.5 + 0.5 * np.cos(time - phases)).astype(float)
    order = phase_order(np.concatenate([np.zeros((200, 4)), firing], axis=1))
    assert set(order[-4:].tolist()) == {0, 1, 2, 3}
    steps = np.diff(phases[order[:-4] - 4])
    steps = np.abs((steps + np.pi) % (2 * np.pi) - np.pi)
    assert np.median(steps) < 0.4  # 2.6 would be chance's
