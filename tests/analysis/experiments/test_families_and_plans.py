"""Multiplicity, power and heterogeneity against other packages."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower, TTestIndPower

from dagster_project.analysis.experiments import (
    heterogeneity,
    multiplicity,
    power,
)
from dagster_project.analysis.experiments.reasons import Reason

METHODS = {
    "holm": multiplicity.holm,
    "fdr_bh": multiplicity.benjamini_hochberg,
    "fdr_by": multiplicity.benjamini_yekutieli,
    "bonferroni": multiplicity.bonferroni,
    "simes-hochberg": multiplicity.hochberg,
    "holm-sidak": multiplicity.holm_sidak,
}
p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@pytest.mark.parametrize("name", METHODS)
@given(p=p_lists)
# statsmodels collects garbage in every call for Holm, .2 s each.
@settings(max_examples=15, deadline=None)
def test_adjusted_p_values_are_statsmodels(name: str, p: list[float]) -> None:
    found = METHODS[name](p)
    with np.errstate(divide="ignore"):
        theirs = multipletests(p, method=name)[1]
    np.testing.assert_allclose(found.p_value, theirs, atol=1e-12)


@pytest.mark.parametrize("name", METHODS)
@given(p=p_lists, alpha=st.sampled_from([0.2, 0.05]))
@settings(max_examples=80, deadline=None)
def test_matching_intervals_leave_out_0_exactly_where_rejected(
    name: str, p: list[float], alpha: float
) -> None:
    """An interval at level 1 - level leaves out 0 exactly when p < level."""
    found = METHODS[name](p, alpha=alpha)
    clear = np.abs(np.array(p) - found.level) > 1e-12
    by_interval = np.array(p) < found.level
    np.testing.assert_array_equal(by_interval[clear], found.is_rejected[clear])


def test_families_along_an_axis_without_the_undefined() -> None:
    p = np.array([[0.01, np.nan, 0.04], [0.02, 0.03, np.nan], [np.nan] * 3])
    found = multiplicity.holm(p)
    np.testing.assert_allclose(
        found.p_value, [[0.02, np.nan, 0.04], [0.04, 0.04, np.nan], [np.nan] * 3]
    )
    assert not found.is_rejected[2].any()
    turned = multiplicity.holm(p.T, axis=0)
    np.testing.assert_allclose(turned.p_value.T, found.p_value)
    with pytest.raises(ValueError, match="between 0 and 1"):
        multiplicity.holm([0.5, 1.5])


@given(
    effect=st.floats(0.05, 1.0),
    ratio=st.sampled_from([0.5, 1.0, 3.0]),
    wanted=st.sampled_from([0.6, 0.8, 0.95]),
)
@settings(max_examples=40, deadline=None)
def test_units_for_means(effect: float, ratio: float, wanted: float) -> None:
    found = power.units_for_means(effect, 1.0, power=wanted, ratio=ratio)
    theirs = NormalIndPower().solve_power(
        effect, alpha=0.05, power=wanted, ratio=ratio, alternative="larger"
    )
    one_sided = power.units_for_means(effect, 1.0, alpha=0.1, power=wanted, ratio=ratio)
    assert one_sided == pytest.approx(theirs, rel=1e-6)
    reached = power.power_to_detect(effect, np.sqrt(1 / found + 1 / (ratio * found)))
    assert reached == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("units", [20, 101, 4_000])
@pytest.mark.parametrize("ratio", [1.0, 0.25])
def test_detectable_effect_is_the_non_central_t(units: int, ratio: float) -> None:
    found = float(power.detectable_effect(1.0, units, ratio=ratio))
    reached = TTestIndPower().power(found, units / (1 + ratio), 0.05, ratio=ratio)
    assert reached == pytest.approx(0.8, abs=1e-8)


@pytest.mark.parametrize("name", METHODS)
def test_an_empty_family_has_nothing_to_adjust(name: str) -> None:
    assert METHODS[name](np.zeros((2, 0))).p_value.shape == (2, 0)


def test_plans_that_cannot_be_made() -> None:
    assert power.units_for_means(0.0, 1.0) == np.inf
    assert np.isnan(power.units_for_proportions(0.9, 0.2))
    assert np.isnan(power.detectable_effect(1.0, 3))
    days = power.remaining_days([0, 10, 10, np.inf, 11], [0, 0, 5, 5, 5])
    np.testing.assert_array_equal(days, [0, np.nan, 2, np.nan, 3])
    with pytest.raises(ValueError, match="power"):
        power.units_for_means(1.0, 1.0, power=80)


def test_units_for_proportions_know_no_success() -> None:
    assert power.units_for_proportions(0.8, -0.05) == pytest.approx(
        float(power.units_for_proportions(0.2, 0.05))
    )


def test_units_still_needed() -> None:
    error = np.sqrt(2 / 500)
    missing = power.units_still_needed(error, 1_000, 0.1)
    needed = 2 * power.units_for_means(0.1, 1.0)
    assert missing == pytest.approx(float(needed - 1_000))
    assert power.units_still_needed(error, 1_000, 5.0) == 0
    assert np.isnan(power.units_still_needed(np.nan, 1_000, 0.1))


def test_cochran_is_statsmodels() -> None:
    rng = np.random.default_rng(3)
    effects, variances = rng.normal(1, 1, 8), rng.uniform(0.2, 2, 8)
    found = heterogeneity.cochran_q(
        np.append(effects, np.nan), np.append(variances, 1.0)
    )
    theirs = combine_effects(effects, variances)
    assert found.q == pytest.approx(theirs.q, rel=1e-9)
    assert found.p_value == pytest.approx(theirs.test_homogeneity().pvalue, rel=1e-9)
    assert found.i_squared == pytest.approx(max(theirs.i2, 0), rel=1e-9)
    assert found.dof == 7
    alone = heterogeneity.cochran_q([1.0], [1.0])
    assert alone.reason == Reason.TOO_FEW_UNITS
    assert np.isnan(alone.p_value)


def test_novelty_slope_is_weighted_least_squares() -> None:
    rng = np.random.default_rng(5)
    days, variances = np.arange(14.0), rng.uniform(0.5, 2, 14)
    effects = 3 - 0.2 * days + rng.normal(0, np.sqrt(variances))
    found = heterogeneity.novelty_slope(effects, variances, days)
    fitted = sm.WLS(effects, sm.add_constant(days), weights=1 / variances).fit(
        cov_type="fixed scale"
    )
    assert found.estimate == pytest.approx(fitted.params[1], rel=1e-9)
    assert found.std_error == pytest.approx(fitted.bse[1], rel=1e-9)
    short = heterogeneity.novelty_slope([1.0, 2.0], [1.0, 1.0], [0.0, 1.0])
    assert short.reason == Reason.TOO_FEW_UNITS
    assert np.isnan(short.estimate)
