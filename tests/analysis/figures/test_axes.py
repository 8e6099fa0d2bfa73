import re
from xml.etree import ElementTree

import numpy as np
import pytest

from analysis.figures.axes import LINE_HEIGHT, Panel, spread, tick_text, ticks
from analysis.figures.forest import Line, forest
from analysis.figures.palette import DARK, LIGHT, Colours, contrast, readable, short_names
from analysis.statistics import Estimate


def test_ticks_are_round_inside_the_axis_and_not_too_many():
    for low, high in ((0, 1), (-289.6, 6500), (0.11, 0.13), (1e6, 3e6), (-5, -1)):
        found = ticks(low, high, 5)
        assert 2 <= len(found) <= 6
        assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
        steps = {round(float(step), 9) for step in np.diff(found)}
        assert len(steps) == 1
        assert f"{steps.pop():e}"[0] in "125"


def test_numbers_on_axes_are_short():
    told = [tick_text(value) for value in (0.0, 0.25, -2000.0, 50_000.0, 2e6)]
    assert told == ["0", "0.25", "\u22122,000", "50k", "2M"]


def test_names_keep_a_line_apart_in_the_order_of_their_heights():
    placed = spread([100.0, 50.0, 101.0, 102.0], 20.0, 110.0)
    ordered = [placed[1], placed[0], placed[2], placed[3]]
    assert all(gap >= LINE_HEIGHT - 1e-9 for gap in np.diff(ordered))
    assert placed[1] == 50.0
    assert max(placed) <= 110.0


def test_a_line_has_a_gap_where_nothing_is_known():
    panel = Panel((0, 4), (0, 1), x_name="steps", y_name="return")
    panel.line(np.arange(5.0), np.array([0.0, 0.5, np.nan, 0.5, 1.0]), "c0")
    svg = ElementTree.fromstring(panel.svg("a line"))
    lines = [element for element in svg.iter() if element.tag == "polyline"]
    assert [len(line.attrib["points"].split()) for line in lines] == [2, 2]


def test_greater_values_are_drawn_higher_and_further_right():
    panel = Panel((1, 1000), (0, 10), x_name="nJ", y_name="return", logarithmic=True)
    for x, y in ((1, 0), (10, 5), (100, 10)):
        panel.point(x, y, np.nan, np.nan, "c0", "told")
    circles = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', panel.svg("points"))
    across, up = np.array(circles, float).T
    assert np.diff(across) == pytest.approx(
        np.diff(across)[0], abs=0.2
    )  # tenfold is as far everywhere
    assert (np.diff(across) > 0).all()
    assert (np.diff(up) < 0).all()


def test_what_users_call_their_brains_breaks_no_picture():
    name = '<b>"&'
    line = Line(name, Estimate(1.0, 0.5, 2.0), "1.0 [0.5, 2.0]", name, "c0")
    single = Line("one seed", Estimate(1.0, np.nan, np.nan), "1.0", "one seed", "c0")
    svg = ElementTree.fromstring(forest([line, single], axis="return", told=name))
    assert name in "".join(svg.itertext())
    assert sum(element.attrib.get("class") == "bar" for element in svg.iter()) == 1


def test_every_colour_can_be_read_on_white_and_on_black():
    colours = Colours([f"brain{index}" for index in range(12)])
    for ground in (LIGHT, DARK):
        for colour in re.findall(r"--c:(#\w{6})", colours.css(ground)):
            assert contrast(colour, ground) >= 4.5
    assert readable("#000000", LIGHT) == "#000000"
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


def test_short_names_fit_and_tell_brains_apart():
    labels = [
        "gru",
        "full (plasticity=NoPlasticity)",
        "full (plasticity=HebbianPlasticity)",
        "spiking (hidden_size=256, reflex=LinearReflex)",
        "spiking (hidden_size=256, reflex=LinearReflex, 3 more, #a1b2)",
        "spiking (hidden_size=256, reflex=LinearReflex, 3 more, #c3d4)",
    ]
    names = short_names(labels)
    assert names["gru"] == "gru"
    assert names[labels[1]] == "full \u2212plasticity"
    assert names[labels[2]] == "full Hebbian"
    assert len(set(names.values())) == len(labels)
    assert max(map(len, names.values())) <= 16
