"""Conformal quantiles: the finite-sample rank, the pool, honest widening."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dagster_project.analysis.conformal import conformal_quantile, half_widths


@pytest.mark.parametrize(
    ("count", "level", "rank"),
    [(19, 0.95, 19), (20, 0.95, 20), (39, 0.95, 38), (4, 0.8, 4), (9, 0.8, 8)],
)
def test_rank_is_ceil_of_n_plus_one_times_level(
    count: int, level: float, rank: int
) -> None:
    scores = np.random.default_rng(1).permutation(np.arange(1.0, count + 1))
    quantile, n = conformal_quantile(scores[np.newaxis, :, np.newaxis], level=level)
    assert quantile[0, 0] == rank
    assert n[0, 0] == count


@pytest.mark.parametrize(("count", "level"), [(18, 0.95), (3, 0.8), (0, 0.8)])
def test_too_few_scores_give_no_bound(count: int, level: float) -> None:
    scores = np.arange(float(count))[np.newaxis, :, np.newaxis]
    assert np.isnan(conformal_quantile(scores, level=level)[0][0, 0])


def test_covers_at_least_the_level_on_exchangeable_scores() -> None:
    rng = np.random.default_rng(5)
    scores = np.abs(rng.standard_t(3, size=(40_000, 25, 1)))
    quantile, _ = conformal_quantile(scores[:, :24], level=0.8)
    coverage = (scores[:, 24] <= quantile).mean()
    # Exact coverage is 20 / 25 = .8; Monte Carlo error .002.
    assert coverage == pytest.approx(0.8, abs=3 * 0.002)


def test_missing_scores_do_not_count() -> None:
    scores = np.full((1, 60, 1), np.nan)
    scores[0, ::2, 0] = np.arange(30.0)
    quantile, n = conformal_quantile(scores, level=0.8)
    assert n[0, 0] == 30
    assert quantile[0, 0] == 24


def test_short_history_takes_the_pool() -> None:
    scores = np.full((2, 400, 8), np.nan)
    scores[0] = np.linspace(0, 1, 400)[:, np.newaxis]
    scores[1, :5] = 0.5
    widths = half_widths(scores, level=0.95)
    assert widths.is_pooled[1].all()
    assert not widths.is_pooled[0].any()
    assert not widths.is_widened.any()
    pooled = np.sort(np.concatenate([scores[0, :, 0], scores[1, :5, 0]]))
    expected = pooled[int(np.ceil(406 * 0.95)) - 1]
    np.testing.assert_allclose(widths.width[1], expected)


def test_tiny_pool_is_widened_by_student_t_and_carried_on() -> None:
    scores = np.full((1, 10, 14), np.nan)
    errors = np.array([1.0, 2.0, 0.5, 1.5])
    scores[0, :4, :3] = errors[:, np.newaxis]
    widths = half_widths(scores, level=0.95)
    assert widths.is_widened.all()
    spread = np.sqrt((errors**2).mean())
    first = stats.t.ppf(0.975, 4) * spread * np.sqrt(1 + 1 / 4)
    assert widths.width[0, 0] >= first
    # The last step: the mean over its week of a random walk's growth.
    steps = np.array([11, 12, 13, 14, 14, 14, 14])
    assert widths.width[0, -1] == pytest.approx((first * np.sqrt(steps / 3)).mean())
    assert (np.diff(widths.width[0]) >= 0).all()


def test_no_scores_at_all_give_no_interval() -> None:
    widths = half_widths(np.full((2, 0, 5), np.nan), level=0.95)
    assert np.isnan(widths.width).all()
