import numpy as np
import pytest
from scipy import stats

from analysis.statistics import (
    bootstrap_band,
    difference,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
    stratified_bootstrap,
)

# Fixed scores of 10 runs on each of 2 tasks; one outlier, as the interquartile mean is meant for.
FIRST = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 1000.0]
SECOND = [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]


def test_the_interquartile_mean_of_eight_runs_is_the_mean_of_the_middle_four():
    assert interquartile_mean([100, 3, 1, 4, 5, 2, 6, -50]) == pytest.approx((2 + 3 + 4 + 5) / 4)


@pytest.mark.parametrize("count", range(1, 13))
def test_the_interquartile_mean_equals_the_published_trimmed_mean_for_any_number_of_runs(count):
    scores = np.random.default_rng(count).normal(size=count)
    assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25))


def test_one_outlier_moves_the_mean_but_not_the_interquartile_mean():
    assert interquartile_mean(FIRST) == pytest.approx(5.5)
    assert np.mean(FIRST) > 100


def test_the_interval_agrees_with_scipys_bootstrap_of_the_same_strata():
    def pooled(x, y, axis):
        return stats.trim_mean(np.concatenate([x, y], axis=axis), 0.25, axis=axis)

    expected = stats.bootstrap(
        (FIRST, SECOND), pooled, method="percentile", n_resamples=20_000, rng=1
    ).confidence_interval
    estimate = stratified_bootstrap([FIRST, SECOND], repetitions=20_000)
    assert estimate.value == pytest.approx(stats.trim_mean(FIRST + SECOND, 0.25))
    assert estimate.low == pytest.approx(expected.low, abs=0.1)
    assert estimate.high == pytest.approx(expected.high, abs=0.1)


def test_the_bootstrap_resamples_within_tasks_and_never_between_them():
    # Within a task all runs are equal, so only mixing tasks could give the interval a width.
    estimate = stratified_bootstrap([[1.0] * 4, [9.0] * 4], lambda pooled: pooled.mean(axis=-1))
    assert estimate == (5.0, 5.0, 5.0)


def test_the_interval_of_two_runs_has_the_three_means_that_two_runs_can_give():
    # Resamples of {0, 2} have means 0, 1, 2 with probabilities 1/4, 1/2, 1/4.
    assert stratified_bootstrap([[0.0, 2.0]], confidence=0.9) == (1.0, 0.0, 2.0)
    assert stratified_bootstrap([[0.0, 2.0]], confidence=0.4) == (1.0, 1.0, 1.0)


def test_the_95_percent_interval_of_the_mean_covers_the_truth_about_95_times_in_100():
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(300):
        scores = generator.normal(loc=3.0, size=30)
        estimate = stratified_bootstrap([scores], repetitions=400, seed=trial)
        covered += estimate.low <= 3.0 <= estimate.high
    assert 0.88 <= covered / 300 <= 0.98


def test_the_same_seed_gives_the_same_interval_and_the_global_generator_is_left_alone():
    np.random.seed(7)  # the global generator is what this test is about
    before = np.random.get_state()[1].copy()
    first = stratified_bootstrap([FIRST], seed=3)
    assert first == stratified_bootstrap([FIRST], seed=3)
    assert first != stratified_bootstrap([FIRST], seed=4)
    assert (np.random.get_state()[1] == before).all()


def test_a_single_run_has_a_value_and_no_interval():
    estimate = stratified_bootstrap([[4.0]])
    assert estimate.value == 4.0
    assert np.isnan([estimate.low, estimate.high]).all()


def test_a_band_equals_the_estimate_at_each_of_its_points():
    curves = np.random.default_rng(0).normal(size=(3, 5))
    band = bootstrap_band([curves], seed=2)
    for point in range(3):
        estimate = stratified_bootstrap([curves[point]], seed=2)
        assert (band.value[point], band.low[point], band.high[point]) == pytest.approx(estimate)


def test_probability_of_improvement_counts_pairs_by_hand_with_ties_as_half():
    # Pairs of (1, 3) with (2, 3): lose, lose, win, tie.
    assert probability_of_improvement([[1, 3]], [[2, 3]]).value == pytest.approx(1.5 / 4)


def test_probability_of_improvement_equals_the_mann_whitney_definition_averaged_over_tasks():
    generator = np.random.default_rng(5)
    ours = [generator.normal(size=6), generator.integers(0, 4, size=5)]
    theirs = [generator.normal(size=7), generator.integers(0, 4, size=4)]
    expected = np.mean(
        [
            stats.mannwhitneyu(x, y).statistic / (len(x) * len(y))
            for x, y in zip(ours, theirs, strict=True)
        ]
    )
    assert probability_of_improvement(ours, theirs).value == pytest.approx(expected)


def test_a_brain_that_always_wins_has_probability_one_with_a_closed_interval():
    assert probability_of_improvement([[5, 6, 7]], [[1, 2, 3]]) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interquartile_mean([]), "nothing to average"),
        (lambda: stratified_bootstrap([]), "nothing to average"),
        (lambda: stratified_bootstrap([[1.0, np.nan]]), "finite"),
        (lambda: stratified_bootstrap([[1.0, 2.0]], confidence=95), "got 95"),
        (lambda: stratified_bootstrap([[1.0, 2.0]], repetitions=0), "got 0"),
        (lambda: probability_of_improvement([[1]], []), "same tasks, got 1 and 0"),
    ],
)
def test_scores_that_cannot_be_averaged_are_refused_with_the_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_performance_profile_is_the_share_of_runs_strictly_above_each_threshold():
    # Task means of [x > tau]: 2/3 and 1/2 above 1, 1/3 and 1/2 above 2, none above 5.
    band = performance_profile([[1.0, 2.0, 3.0], [0.0, 5.0]], [-1.0, 1.0, 2.0, 5.0])
    assert band.value == pytest.approx([1.0, (2 / 3 + 1 / 2) / 2, (1 / 3 + 1 / 2) / 2, 0.0])


def test_a_performance_profile_agrees_with_the_published_definition_and_bootstrap():
    scores = np.random.default_rng(2).normal(size=(10, 3))  # runs by tasks, as published
    thresholds = np.linspace(-2, 2, 9)
    published = np.array([np.mean(scores > tau) for tau in thresholds])
    band = performance_profile(list(scores.T), thresholds, repetitions=20_000)
    assert band.value == pytest.approx(published)
    generator = np.random.default_rng(9)
    samples = [
        [np.mean(resampled > tau) for tau in thresholds]
        for resampled in (
            np.stack([generator.choice(task, 10) for task in scores.T], axis=1) for _ in range(4000)
        )
    ]
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    assert band.low == pytest.approx(low, abs=0.04)
    assert band.high == pytest.approx(high, abs=0.04)


def test_the_mean_of_positive_scores_is_the_area_under_their_profile():
    scores = np.random.default_rng(1).uniform(size=(2, 7))
    thresholds = np.linspace(0, 1, 2001)
    band = performance_profile(list(scores), thresholds)
    assert np.trapezoid(band.value, thresholds) == pytest.approx(scores.mean(), abs=1e-3)


def test_a_difference_is_that_of_the_statistics_with_both_sides_resampled():
    def gap(x, y, axis):
        return stats.trim_mean(x, 0.25, axis=axis) - stats.trim_mean(y, 0.25, axis=axis)

    expected = stats.bootstrap(
        (FIRST, SECOND), gap, method="percentile", n_resamples=20_000, rng=1
    ).confidence_interval
    estimate = difference(FIRST, SECOND, repetitions=20_000)
    assert estimate.value == pytest.approx(5.5 - 5.0)
    assert estimate.low == pytest.approx(expected.low, abs=0.15)
    assert estimate.high == pytest.approx(expected.high, abs=0.15)


def test_a_side_with_a_single_run_gives_no_interval():
    for estimate in (
        difference([1.0], [2.0, 3.0]),
        probability_of_improvement([[1.0]], [[2.0, 3.0]]),
        probability_of_improvement([[1.0, 2.0]], [[3.0]]),
    ):
        assert np.isfinite(estimate.value)
        assert np.isnan([estimate.low, estimate.high]).all()
    assert np.isnan(performance_profile([[1.0], [2.0]], [0.0]).low).all()
