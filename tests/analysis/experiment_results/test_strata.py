"""Effects beside the adjusted ones: from units, regressions and resampling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from dagster_project.analysis.experiment_results.results import results_of
from tests.analysis.experiment_results.experiments_of_test import (
    Declared,
    frames_of,
    units_of,
)

OF = Declared(lift=0.2, units=600, days=3, is_whole=True, strata="platform", caps=45.0)
LAST = 6


@pytest.fixture(scope="module")
def units() -> pd.DataFrame:
    """Units of two platforms that differ much, one of which leans to one arm."""
    made = units_of(OF)
    made["platform"] = np.where(
        np.random.default_rng(9).random(len(made)) < 0.3 + 0.1 * made["arm"],
        "ios",
        "web",
    )
    made.loc[made["platform"] == "ios", "spend"] += 40
    made.loc[made["platform"] == "ios", "items"] *= 3
    return made


@pytest.fixture(scope="module")
def rows(units: pd.DataFrame) -> pd.DataFrame:
    return results_of(frames_of(OF, last=LAST, units={OF.name: units})).comparisons


def row_of(
    rows: pd.DataFrame, metric: str, *, is_capped: bool = False
) -> dict[str, Any]:
    """The last closed look over all units."""
    chosen = rows[(rows["view"] == "closed") & (rows["dimension"] == "all")]
    chosen = chosen[(chosen["day_number"] == LAST) & (chosen["metric_name"] == metric)]
    (row,) = chosen[chosen["is_capped"] == is_capped].to_dict("records")
    return {str(name): value for name, value in row.items()}


@pytest.mark.parametrize("is_capped", [False, True])
def test_means_are_the_average_effect_of_a_regression(
    rows: pd.DataFrame, units: pd.DataFrame, is_capped: bool
) -> None:
    """A saturated regression with HC2 errors, averaged over the strata's shares.

    The shares themselves vary from draw to draw, which adds their multinomial part.
    """
    spend = units["spend"].to_numpy()
    spend = np.minimum(spend, 45.0) if is_capped else spend
    arm = (units["arm"] == 1) * 1.0
    ios = (units["platform"] == "ios") * 1.0
    exog = np.stack([np.ones(len(units)), arm, ios, arm * ios], axis=1)
    fitted = sm.OLS(spend, exog).fit(cov_type="HC2")
    share = ios.mean()
    mix = np.array([0.0, 1.0, 0.0, share])
    effects = np.array([fitted.params[1], fitted.params[1] + fitted.params[3]])
    effect = mix @ fitted.params
    between = (1 - share) * (effects[0] - effect) ** 2
    between += share * (effects[1] - effect) ** 2
    variance = mix @ fitted.cov_params() @ mix + between / len(units)
    row = row_of(rows, "spend", is_capped=is_capped)
    assert row["stratified_effect"] == pytest.approx(effect, rel=1e-9)
    assert row["stratified_std_error"] == pytest.approx(variance**0.5, rel=1e-9)
    assert row["stratified_lower"] < effect < row["stratified_upper"]
    level = fitted.params[0] + share * fitted.params[2]
    assert row["stratified_lift"] == pytest.approx(effect / level, rel=1e-9)
    # The arms' platforms differ by chance: the raw effect takes that for an effect.
    assert row["raw_effect"] > row["stratified_effect"] + 1
    assert row["stratified_std_error"] < 0.9 * row["raw_std_error"]


def test_shares_of_units_too(rows: pd.DataFrame, units: pd.DataFrame) -> None:
    table = units.groupby(["platform", "arm"])["converted"].agg(["mean", "count"])
    shares = table["count"].groupby("platform").sum() / len(units)
    apart = table["mean"].unstack().diff(axis=1)[1]
    row = row_of(rows, "converted")
    assert row["stratified_effect"] == pytest.approx((shares * apart).sum(), rel=1e-9)
    assert row["raw_effect"] == row["effect"]
    assert row["raw_lower"] == row["fixed_lower"]


def test_ratios_are_those_of_weighted_sums(
    rows: pd.DataFrame, units: pd.DataFrame
) -> None:
    """The error is that of resampled units, to the resampling's own."""
    row = row_of(rows, "items_per_order")
    assert row["stratified_effect"] == pytest.approx(_ratio_effect(units), rel=1e-9)
    rng = np.random.default_rng(10)
    drawn = [
        _ratio_effect(units.iloc[rng.integers(0, len(units), len(units))])
        for _ in range(400)
    ]
    assert row["stratified_std_error"] == pytest.approx(np.std(drawn), rel=0.12)
    raw = units.groupby("arm")[["items", "orders"]].sum()
    raw_ratios = raw["items"] / raw["orders"]
    assert row["raw_effect"] == pytest.approx(raw_ratios[1] - raw_ratios[0], rel=1e-9)


def _ratio_effect(units: pd.DataFrame) -> float:
    share = units["platform"].value_counts(normalize=True)
    means = units.groupby(["arm", "platform"])[["items", "orders"]].mean()
    levels = []
    for arm in (0, 1):
        weighted = means.loc[arm].mul(share, axis=0).sum()
        levels.append(weighted["items"] / weighted["orders"])
    return float(levels[1] - levels[0])


def test_raw_means_are_welchs(rows: pd.DataFrame, units: pd.DataFrame) -> None:
    arms = [units.loc[units["arm"] == arm, "spend"] for arm in (1, 0)]
    theirs = stats.ttest_ind(*arms, equal_var=False)
    row = row_of(rows, "spend")
    assert row["raw_effect"] == pytest.approx(arms[0].mean() - arms[1].mean(), rel=1e-9)
    low, high = theirs.confidence_interval(0.95)
    assert (row["raw_lower"], row["raw_upper"]) == pytest.approx((low, high), rel=1e-9)
    assert row["method"] in ("cuped", "lin")


def test_a_stratum_of_one_arm_leaves_the_whole_unknown(units: pd.DataFrame) -> None:
    lone = units.assign(platform=units["platform"].where(units["arm"] == 0, "web"))
    found = results_of(frames_of(OF, last=LAST, units={OF.name: lone})).comparisons
    row = row_of(found, "spend")
    assert row["stratified_reason"] == "empty_arm"
    assert np.isnan(row["stratified_std_error"])
    assert not row["is_stratified_significant"]
    assert np.isfinite(row["raw_std_error"])


def test_without_strata_nothing_is_said_of_them(rows: pd.DataFrame) -> None:
    names = [name for name in rows if "stratified" in name]
    assert len(names) == 10
    slices = rows[rows["dimension"] != "all"]
    assert slices["stratified_effect"].isna().all()
    plain = replace(OF, strata=None, units=60)
    found = results_of(frames_of(plain, last=LAST)).comparisons
    assert found["stratified_effect"].isna().all()
    assert found["stratified_reason"].isna().all()
    assert found["raw_effect"].notna().any()
