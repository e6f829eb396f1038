"""Interactions of two tests against regressions over their units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm

from dagster_project.analysis.experiments import interactions, sums
from dagster_project.analysis.experiments.inference import welch_test
from dagster_project.analysis.experiments.reasons import Reason


def moments_of_cells(
    y: np.ndarray, d: np.ndarray, first: np.ndarray, second: np.ndarray
) -> sums.Moments:
    cells = [
        [(first == i) & (second == j) for j in range(second.max() + 1)]
        for i in range(first.max() + 1)
    ]

    def table(of: Callable[[np.ndarray], float]) -> list[list[float]]:
        return [[of(cell) for cell in row] for row in cells]

    return sums.moments_of(
        sums.sums_of(
            table(lambda c: float(c.sum())),
            y=table(lambda c: y[c].sum()),
            d=table(lambda c: d[c].sum()),
            yy=table(lambda c: (y[c] ** 2).sum()),
            yd=table(lambda c: (y[c] * d[c]).sum()),
            dd=table(lambda c: (d[c] ** 2).sum()),
        )
    )


def test_means_are_the_regression_with_hc2_errors() -> None:
    """A saturated regression, whose HC2 errors of cell means are s^2 / n."""
    rng = np.random.default_rng(4)
    first, second = rng.integers(0, 3, 3_000), rng.integers(0, 2, 3_000)
    y = first + 2 * second + 0.7 * (first == 2) * second + rng.normal(size=3_000)
    found = interactions.interactions(moments_of_cells(y, y, first, second))
    a1, a2, b = (first == 1) * 1.0, (first == 2) * 1.0, second * 1.0
    exog = np.stack([np.ones(3_000), a1, a2, b, a1 * b, a2 * b], axis=1)
    fitted = sm.OLS(y, exog).fit(cov_type="HC2")
    one = welch_test(found.contrast)
    np.testing.assert_allclose(one.estimate[:, 0], fitted.params[4:], rtol=1e-9)
    np.testing.assert_allclose(one.std_error[:, 0], fitted.bse[4:], rtol=1e-9)
    np.testing.assert_allclose(one.p_value[:, 0], fitted.pvalues[4:], atol=2e-4)
    # The effect on units of the other test's control.
    np.testing.assert_allclose(
        found.contrast.baseline[:, 0], fitted.params[1:3], rtol=1e-9
    )
    joint = fitted.wald_test(np.eye(6)[4:], use_f=False, scalar=True)
    assert found.joint_p == pytest.approx(float(joint.pvalue), rel=1e-6)


def test_ratios_are_the_regression_of_their_linear_parts() -> None:
    """In each cell y - R d over the mean of d has the variance of the ratio."""
    rng = np.random.default_rng(5)
    first, second = rng.integers(0, 2, 2_000), rng.integers(0, 3, 2_000)
    d = rng.poisson(3.0, 2_000) + 1.0
    y = d * (1 + 0.2 * first * (second == 2)) + rng.normal(size=2_000)
    found = interactions.interactions(
        moments_of_cells(y, d, first, second), is_ratio=True
    )
    linear = np.zeros(2_000)
    for i in range(2):
        for j in range(3):
            cell = (first == i) & (second == j)
            ratio = y[cell].sum() / d[cell].sum()
            linear[cell] = ratio + (y[cell] - ratio * d[cell]) / d[cell].mean()
    a, b1, b2 = first * 1.0, (second == 1) * 1.0, (second == 2) * 1.0
    exog = np.stack([np.ones(2_000), a, b1, b2, a * b1, a * b2], axis=1)
    fitted = sm.OLS(linear, exog).fit(cov_type="HC2")
    one = welch_test(found.contrast)
    np.testing.assert_allclose(one.estimate[0], fitted.params[4:], rtol=1e-9)
    np.testing.assert_allclose(one.std_error[0], fitted.bse[4:], rtol=1e-9)


def test_small_cells_keep_their_level() -> None:
    """Of equal cells of 4 units at most 5 % are called an interaction.

    Seen: 4.2 % of 20,000 draws; a normal tail would call 7.3 % so.
    """
    rng = np.random.default_rng(6)
    y = rng.normal(size=(20_000, 2, 2, 4))
    zero = np.zeros_like(y)
    cells = sums.moments_of(
        sums.sums_of_units(np.stack([y, zero, zero, zero], axis=-1))
    )
    p = welch_test(interactions.interactions(cells).contrast).p_value
    assert 0.035 < float((p < 0.05).mean()) < 0.05


@pytest.mark.parametrize(
    ("count", "total", "square", "reason"),
    [
        (0, 0, 0, Reason.EMPTY_ARM),
        (1, 1, 1, Reason.TOO_FEW_UNITS),
        (9, 9, 9, Reason.ZERO_VARIANCE),
    ],
)
def test_a_cell_that_says_nothing_leaves_its_pairs_unknown(
    count: float, total: float, square: float, reason: Reason
) -> None:
    cells = sums.moments_of(
        sums.sums_of(
            np.array([[9, 9, 9], [9, 9, count]]),
            y=np.array([[9, 9, 9], [9, 9, total]]),
            yy=np.array([[20, 20, 20], [20, 20, square]]),
        )
    )
    found = interactions.interactions(cells)
    assert found.contrast.reason.tolist() == [[Reason.NONE, reason]]
    assert np.isnan(found.contrast.variance[0, 1])
    assert np.isnan(found.joint_p)


def test_a_ratio_over_nothing_is_unknown() -> None:
    cells = sums.moments_of(
        sums.sums_of([[9, 9], [9, 9]], y=[[9, 9], [9, 9]], yy=[[20, 20], [20, 20]])
    )
    found = interactions.interactions(cells, is_ratio=True)
    assert found.contrast.reason == Reason.ZERO_DENOMINATOR
