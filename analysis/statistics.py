"""Robust statistics over a handful of runs.

Deep reinforcement learning is reported from few seeds, so every number here comes with an
interval. The definitions are those of Agarwal et al. 2021 (rliable): the interquartile mean is the
mean of the middle half of all runs, the bootstrap resamples runs independently within each task (a
*stratum*), and intervals are percentiles. One seeded NumPy generator draws everything: the same
scores give the same interval.

Source: Agarwal et al. 2021, Deep reinforcement learning at the edge of the statistical precipice,
    arXiv:2108.13264.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Reduces the last axis: [..., N] to [...]."""


class Estimate(NamedTuple):
    """A statistic with its confidence interval, all in the unit of the scores.

    Attributes:
        value: The statistic of the scores themselves.
        low: Lower end of the interval; nan where there is none (a single run in every stratum).
        high: Upper end of the interval; nan where there is none.
    """

    value: float
    low: float
    high: float


class Band(NamedTuple):
    """A statistic with its interval at each point of a curve, each [P]."""

    value: Floats
    low: Floats
    high: Floats


def interquartile_mean(scores: ArrayLike) -> Floats:
    """Average the middle half of the scores along the last axis.

    A quarter of the scores, rounded down, is dropped at each end; with fewer than four scores
    nothing is dropped and the result is the mean.

    Args:
        scores: Scores of runs, [..., N].

    Returns:
        The interquartile mean, [...].
    """
    ordered = np.sort(_checked(scores), axis=-1)
    count = ordered.shape[-1]
    cut = count // 4
    return ordered[..., cut : count - cut].mean(axis=-1)


def stratified_bootstrap(
    strata: Sequence[ArrayLike],
    statistic: Statistic = interquartile_mean,
    *,
    confidence: float = 0.95,
    repetitions: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Estimate a statistic of the pooled runs and its percentile bootstrap interval.

    Args:
        strata: Scores of the runs of each task, one [runs] array per task; lengths may differ.
        statistic: Reduces the pooled runs of all tasks.
        confidence: Probability that the interval should cover, between 0 and 1.
        repetitions: Number of bootstrap samples.
        seed: Seed of the resampling.

    Returns:
        The statistic and its interval.
    """
    columns = [_checked(stratum)[np.newaxis] for stratum in strata]
    band = bootstrap_band(
        columns, statistic, confidence=confidence, repetitions=repetitions, seed=seed
    )
    return Estimate(float(band.value[0]), float(band.low[0]), float(band.high[0]))


def bootstrap_band(
    strata: Sequence[ArrayLike],
    statistic: Statistic = interquartile_mean,
    *,
    confidence: float = 0.95,
    repetitions: int = 2000,
    seed: int = 0,
) -> Band:
    """Estimate a statistic and its interval at every point of curves.

    A run is resampled whole: all points of a bootstrap sample come from the same runs.

    Args:
        strata: Curves of the runs of each task, one [P, runs] array per task.
        statistic: Reduces the pooled runs of all tasks.
        confidence: Probability that each interval should cover, between 0 and 1.
        repetitions: Number of bootstrap samples.
        seed: Seed of the resampling.

    Returns:
        The statistic and its pointwise interval, each [P].
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    if repetitions < 1:
        raise ValueError(f"repetitions must be at least 1, got {repetitions}")
    curves = [_checked(stratum) for stratum in strata]
    if not curves:
        raise ValueError("there is nothing to average: no stratum was given")
    value = statistic(np.concatenate(curves, axis=-1))
    if all(curve.shape[-1] == 1 for curve in curves):
        unknown = np.full_like(value, np.nan)
        return Band(value, unknown, unknown)
    samples = statistic(_resample(curves, repetitions, np.random.default_rng(seed)))
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return Band(value, low, high)


def probability_of_improvement(
    strata: Sequence[ArrayLike],
    rivals: Sequence[ArrayLike],
    *,
    confidence: float = 0.95,
    repetitions: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Estimate how probably a run beats a rival's run on the same task, averaged over tasks.

        P(X > Y) = mean over tasks of mean over pairs of [x > y] + [x = y] / 2

    Args:
        strata: Scores of the runs of each task, one [runs] array per task.
        rivals: Scores of the rival's runs, in the same order of tasks.
        confidence: Probability that the interval should cover, between 0 and 1.
        repetitions: Number of bootstrap samples.
        seed: Seed of the resampling.

    Returns:
        The probability and its interval; one half where neither is better. No interval where a
        side has a single run of each task.
    """
    if len(strata) != len(rivals):
        raise ValueError(
            f"both sides need the same tasks, got {len(strata)} and {len(rivals)} of them"
        )
    ours = [_checked(scores)[np.newaxis] for scores in strata]
    theirs = [_checked(scores)[np.newaxis] for scores in rivals]
    value = float(_win_rate(ours, theirs)[0])
    if any(all(scores.shape[-1] == 1 for scores in side) for side in (ours, theirs)):
        return Estimate(value, np.nan, np.nan)
    generator = np.random.default_rng(seed)
    samples = _win_rate(
        [_resample([scores], repetitions, generator)[:, 0] for scores in ours],
        [_resample([scores], repetitions, generator)[:, 0] for scores in theirs],
    )
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, float(low), float(high))


def difference(
    scores: ArrayLike,
    rivals: ArrayLike,
    statistic: Statistic = interquartile_mean,
    *,
    confidence: float = 0.95,
    repetitions: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Estimate by how much a statistic of our runs exceeds that of a rival's, on one task.

    The runs of both sides are resampled independently.

    Args:
        scores: Scores of our runs, [runs].
        rivals: Scores of the rival's runs, [rivals].
        statistic: Reduces the runs of a side.
        confidence: Probability that the interval should cover, between 0 and 1.
        repetitions: Number of bootstrap samples.
        seed: Seed of the resampling.

    Returns:
        The difference and its interval, in the unit of the scores; no interval where a side has
        a single run.
    """
    sides = [_checked(side)[np.newaxis] for side in (scores, rivals)]
    value = float((statistic(sides[0]) - statistic(sides[1]))[0])
    if any(side.shape[-1] == 1 for side in sides):
        return Estimate(value, np.nan, np.nan)
    generator = np.random.default_rng(seed)
    ours, theirs = (statistic(_resample([side], repetitions, generator)) for side in sides)
    low, high = np.quantile(ours - theirs, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, float(low), float(high))


def performance_profile(
    strata: Sequence[ArrayLike],
    thresholds: ArrayLike,
    *,
    confidence: float = 0.95,
    repetitions: int = 2000,
    seed: int = 0,
) -> Band:
    """Estimate which share of the runs scores above each threshold, averaged over tasks.

        F(tau) = mean over tasks of mean over runs of [x > tau]

    Args:
        strata: Normalised scores of the runs of each task, one [runs] array per task.
        thresholds: Scores tau, [P].
        confidence: Probability that each interval should cover, between 0 and 1.
        repetitions: Number of bootstrap samples.
        seed: Seed of the resampling.

    Returns:
        The share and its pointwise interval, between 0 and 1, each [P].
    """
    levels = np.asarray(thresholds, dtype=np.float64)
    tasks = [_checked(scores)[np.newaxis] for scores in strata]
    if not tasks:
        raise ValueError("there is nothing to average: no stratum was given")
    value = _share_above(tasks, levels)[0]
    if all(scores.shape[-1] == 1 for scores in tasks):
        unknown = np.full_like(value, np.nan)
        return Band(value, unknown, unknown)
    generator = np.random.default_rng(seed)
    drawn = [_resample([scores], repetitions, generator)[:, 0] for scores in tasks]
    shares = _share_above(drawn, levels)
    low, high = np.quantile(shares, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return Band(value, low, high)


def _share_above(tasks: Sequence[Floats], levels: Floats) -> Floats:
    """Return the share of runs above each level, averaged over tasks: [S, runs] to [S, P]."""
    return np.mean(
        [np.stack([(runs > level).mean(axis=1) for level in levels], axis=-1) for runs in tasks],
        axis=0,
    )


def _resample(curves: Sequence[Floats], repetitions: int, generator: np.random.Generator) -> Floats:
    """Draw runs with replacement within each stratum: [P, runs] each, to [repetitions, P, all]."""
    drawn: list[Floats] = []
    for curve in curves:
        runs = curve.shape[-1]
        chosen = generator.integers(runs, size=(repetitions, runs))
        drawn.append(np.moveaxis(curve[:, chosen], 1, 0))
    return np.concatenate(drawn, axis=-1)


def _win_rate(ours: Sequence[Floats], theirs: Sequence[Floats]) -> Floats:
    """Return the share of pairs that we win, ties half, averaged over tasks: [S, runs] to [S]."""
    per_task = [
        (np.sign(x[:, :, np.newaxis] - y[:, np.newaxis, :]).mean(axis=(1, 2)) + 1) / 2
        for x, y in zip(ours, theirs, strict=True)
    ]
    return np.mean(per_task, axis=0)


def _checked(scores: ArrayLike) -> Floats:
    """Return scores as an array, refusing emptiness and numbers that are not finite."""
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError("there is nothing to average: the scores are empty")
    if not np.isfinite(array).all():
        raise ValueError("scores must be finite: drop the runs that failed and say so")
    return array
