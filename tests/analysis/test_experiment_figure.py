"""How brains are told apart in the figure of an experiment."""

from analysis.experiment_figure import styles_of


def test_a_lesioned_brain_has_the_colour_of_the_whole_and_a_dash_of_its_own():
    lesioned = ["full, fast_weights_frozen", "full, fast_weights_zeroed"]
    styles = styles_of(["gru", "full", *lesioned, "full (size=small)"])
    assert {styles[label].colour for label in lesioned} == {styles["full"].colour}
    assert len({styles[label].dash for label in ["full", *lesioned]}) == 3
    assert {styles[label].fill for label in lesioned} == {"white"}
    assert len({styles[label].colour for label in ("gru", "full", "full (size=small)")}) == 3


def test_a_brain_of_which_only_a_lesioned_one_was_tested_is_drawn_as_any_other():
    styles = styles_of(["full, fill_in_off", "gru"])
    assert styles["full, fill_in_off"].fill == styles["full, fill_in_off"].colour
