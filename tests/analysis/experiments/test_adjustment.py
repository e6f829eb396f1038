"""Covariate adjustment, ratios and strata against regressions on raw rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm

from dagster_project.analysis.experiments import (
    contrasts,
    cuped,
    inference,
    stratification,
    sums,
)
from dagster_project.analysis.experiments.arrays import fieldwise
from dagster_project.analysis.experiments.reasons import Reason


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    """Units of two unequal arms, (n, 4) in the order y, d, x, w."""
    rng = np.random.default_rng(11)
    arms = []
    for n, lift, slope in ((700, 0.0, 0.8), (300, 0.4, 1.4)):
        x = rng.gamma(2.0, 2.0, n)
        w, d = 1.0 + rng.poisson(3, n), 1.0 + rng.poisson(3, n)
        y = 5 + lift + slope * x + d * 0.5 + rng.normal(0, 1.5, n)
        arms.append(np.stack([y, d, x, w], axis=-1))
    return arms[0], arms[1]


def moments(rows: np.ndarray) -> sums.Moments:
    return sums.moments_of(sums.sums_of_units(rows))


def design(rows: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, ...]:
    both = np.concatenate(rows)
    arm = np.repeat([0.0, 1.0], [len(part) for part in rows])
    return both[:, 0], arm, both[:, 2]


def test_cuped_is_welch_on_adjusted_rows(rows: tuple[np.ndarray, np.ndarray]) -> None:
    both = np.concatenate(rows)
    covariance = np.cov(both[:, 0], both[:, 2])
    theta = covariance[0, 1] / covariance[1, 1]
    control, treatment = map(moments, rows)
    adjusted = [part[:, 0] - theta * part[:, 2] for part in rows]
    found = cuped.cuped_contrast(control, treatment)
    assert found.difference == pytest.approx(adjusted[1].mean() - adjusted[0].mean())
    assert found.variance == pytest.approx(
        sum(part.var(ddof=1) / len(part) for part in adjusted)
    )
    assert found.baseline == pytest.approx(rows[0][:, 0].mean())
    assert found.covariance == pytest.approx(
        -np.cov(adjusted[0], rows[0][:, 0])[0, 1] / len(adjusted[0])
    )


def test_lin_is_the_regression_with_interaction(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    y, arm, x = design(rows)
    centred = x - x.mean()
    exog = sm.add_constant(np.stack([arm, centred, arm * centred], axis=1))
    fitted = sm.OLS(y, exog).fit(cov_type="HC2")
    found = cuped.lin_contrast(*map(moments, rows))
    assert found.difference == pytest.approx(fitted.params[1], rel=1e-9)
    # The regression takes the covariate's mean as known: its spread comes on top.
    mean_spread = fitted.params[3] ** 2 * x.var(ddof=1) / len(x)
    expected = np.sqrt(fitted.bse[1] ** 2 + mean_spread)
    assert np.sqrt(found.variance) == pytest.approx(expected, rel=5e-3)


def test_lin_beats_one_slope_when_arms_are_unequal(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    arms = [moments(part) for part in rows]
    plain = contrasts.mean_contrast(*arms).variance
    one = cuped.cuped_contrast(*arms).variance
    assert cuped.lin_contrast(*arms).variance < one < plain


def test_ancova_is_ordinary_least_squares(rows: tuple[np.ndarray, np.ndarray]) -> None:
    y, arm, x = design(rows)
    fitted = sm.OLS(y, sm.add_constant(np.stack([arm, x], axis=1))).fit()
    found = stratification.ancova_contrast(*map(moments, rows))
    assert found.difference == pytest.approx(fitted.params[1], rel=1e-9)
    assert np.sqrt(found.variance) == pytest.approx(fitted.bse[1], rel=1e-9)
    level = np.array([1.0, 0.0, x.mean()])
    assert found.baseline == pytest.approx(level @ fitted.params, rel=1e-9)
    cross = level @ fitted.cov_params() @ np.array([0.0, 1.0, 0.0])
    assert found.covariance == pytest.approx(cross, rel=1e-9)


def test_ratio_is_welch_on_linearised_rows(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    found = contrasts.ratio_contrast(*map(moments, rows))
    ratios, variance = [], 0.0
    for part in rows:
        ratio = part[:, 0].sum() / part[:, 1].sum()
        rest = (part[:, 0] - ratio * part[:, 1]) / part[:, 1].mean()
        ratios.append(ratio)
        variance += rest.var(ddof=1) / len(rest)
    assert found.difference == pytest.approx(ratios[1] - ratios[0])
    assert found.variance == pytest.approx(variance)


def test_ratio_cuped_is_a_jackknife_over_units(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    """Leaving out one unit at a time, theta kept: no formula in common."""
    arms = [moments(part) for part in rows]
    found = cuped.ratio_cuped_contrast(*arms)
    stacked = sums.Moments(
        *(
            np.stack([getattr(arm, name) for arm in arms])
            for name in ("count", "mean", "covariance")
        )
    )
    theta = float(cuped.pooled_ratio_slope(stacked)[0])
    values, variance = [], 0.0
    for part in rows:
        left = part.sum(axis=0) - part
        replicas = left[:, 0] / left[:, 1] - theta * left[:, 2] / left[:, 3]
        n = len(part)
        variance += (n - 1) / n * ((replicas - replicas.mean()) ** 2).sum()
        whole = part.sum(axis=0)
        values.append(whole[0] / whole[1] - theta * whole[2] / whole[3])
    assert theta != 0
    assert found.difference == pytest.approx(values[1] - values[0], rel=1e-9)
    assert found.variance == pytest.approx(variance, rel=0.01)


@pytest.mark.parametrize("adjust", [cuped.cuped_contrast, cuped.lin_contrast])
def test_without_a_covariate_nothing_changes(
    rows: tuple[np.ndarray, np.ndarray],
    adjust: Callable[[sums.Moments, sums.Moments], contrasts.Contrast],
) -> None:
    arms = [moments(part * [1, 1, 0, 0]) for part in rows]
    plain, adjusted = contrasts.mean_contrast(*arms), adjust(*arms)
    for name in ("difference", "variance", "covariance", "dof", "reason"):
        np.testing.assert_allclose(getattr(adjusted, name), getattr(plain, name))
    ratio = contrasts.ratio_contrast(*arms)
    same = cuped.ratio_cuped_contrast(*arms)
    np.testing.assert_allclose(same.difference, ratio.difference)
    np.testing.assert_allclose(same.variance, ratio.variance)


def test_a_denominator_of_0_is_null_with_a_reason(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    nothing = moments(rows[0] * [1, 0, 1, 1])
    found = contrasts.ratio_contrast(nothing, moments(rows[1]))
    assert found.reason == Reason.ZERO_DENOMINATOR
    assert np.isnan([found.difference, found.variance]).all()


def test_theta_over_three_arms_is_over_all_units(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    third = rows[1] + [3.0, 0, 1.0, 0]
    arms = [moments(part) for part in (*rows, third)]
    stacked = sums.Moments(
        *(
            np.stack([getattr(arm, name) for arm in arms])
            for name in ("count", "mean", "covariance")
        )
    )
    both = np.concatenate([*rows, third])
    expected = np.cov(both[:, 0], both[:, 2])
    assert cuped.pooled_slope(stacked) == pytest.approx(
        expected[0, 1] / expected[1, 1], rel=1e-9
    )


def test_one_stratum_is_no_stratification(rows: tuple[np.ndarray, np.ndarray]) -> None:
    plain = contrasts.mean_contrast(*map(moments, rows))
    one = fieldwise(lambda column: np.stack([column, 0 * column]), plain)
    whole = stratification.post_stratified(one)
    for name in ("difference", "variance", "baseline", "covariance", "dof", "units"):
        np.testing.assert_allclose(getattr(whole, name), getattr(plain, name))


def test_a_stratum_that_cannot_be_tested_says_so(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    good = contrasts.mean_contrast(*map(moments, rows))
    bad = contrasts.mean_contrast(moments(rows[0][:1]), moments(rows[1]))
    strata = fieldwise(lambda *columns: np.stack(columns), good, bad)
    whole = stratification.post_stratified(strata)
    assert whole.reason == Reason.TOO_FEW_UNITS
    assert np.isnan(inference.welch_test(whole).p_value)
