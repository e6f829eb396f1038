"""Pairs of experiments on the same units: named rows against regressions over units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.stats.multitest import multipletests

from dagster_project.analysis.experiment_results.interactions import interaction_rows
from dagster_project.analysis.experiment_results.positions import arms_of
from dagster_project.analysis.experiment_results.results import results_of
from tests.analysis.experiment_results.experiments_of_test import (
    Declared,
    frames_of,
    overlaps_of,
)

THIRDS = (0.4, 0.3, 0.3)
# Controls stand last where they are declared so, and are still what is compared with.
BUTTON = Declared(
    "button", variants=("variant_a", "control"), units=200, lift=0.1, caps=60.0
)
PRICE = Declared(
    "price",
    variants=("control", "high", "low"),
    allocations=THIRDS,
    units=200,
    confidence=0.9,
    seed=2,
)


@pytest.fixture(scope="module")
def units() -> tuple[pd.DataFrame, pd.DataFrame]:
    return overlaps_of(BUTTON, PRICE, change=1.0)


@pytest.fixture(scope="module")
def rows(units: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    _, back = overlaps_of(PRICE, BUTTON)
    frames = frames_of(BUTTON, PRICE, last=3)
    overlaps = pd.concat([units[1], back], ignore_index=True)
    return results_of(replace(frames, overlaps=overlaps)).interactions


@pytest.mark.parametrize(("other", "place"), [("high", 1), ("low", 2)])
def test_each_row_is_the_regression_of_its_units(
    rows: pd.DataFrame,
    units: tuple[pd.DataFrame, pd.DataFrame],
    other: str,
    place: int,
) -> None:
    chosen = rows[(rows["metric_name"] == "spend") & ~rows["is_capped"]]
    chosen = chosen[(chosen["treatment"] == "variant_a")]
    (row,) = chosen[chosen["other_treatment"] == other].to_dict("records")
    made = units[0]
    made = made[made["other_arm"].isin([0, place])]
    # Of the button the control is arm 1 of the declaration.
    a, b = (made["arm"] == 0) * 1.0, (made["other_arm"] == place) * 1.0
    exog = np.stack([np.ones(len(made)), a, b, a * b], axis=1)
    fitted = sm.OLS(made["spend"].to_numpy(), exog).fit(cov_type="HC2")
    assert row["unit_count"] == len(made)
    assert row["interaction"] == pytest.approx(fitted.params[3], rel=1e-9)
    assert row["std_error"] == pytest.approx(fitted.bse[3], rel=1e-9)
    assert row["effect_alone"] == pytest.approx(fitted.params[1], rel=1e-9)
    together = fitted.params[1] + fitted.params[3]
    assert row["effect_together"] == pytest.approx(together, rel=1e-9)
    assert row["p_value"] == pytest.approx(fitted.pvalues[3], rel=0.05)
    low, high = fitted.conf_int()[3]
    assert row["interaction_lower"] == pytest.approx(low, rel=0.02)
    assert row["interaction_upper"] == pytest.approx(high, rel=0.02)


def test_a_pair_stands_with_the_metrics_of_each(rows: pd.DataFrame) -> None:
    keys = ["experiment_name", "other_experiment_name", "metric_name", "treatment"]
    keys += ["other_treatment", "is_capped"]
    assert not rows.duplicated(keys).any()
    assert dict(rows["experiment_name"].value_counts()) == {"button": 8, "price": 6}
    told = rows.set_index("experiment_name")
    assert set(told.loc["button", "config_hash"]) == {"hash of button"}
    assert set(told.loc["button", "other_config_hash"]) == {"hash of price"}
    assert set(told.loc["price", "confidence"]) == {0.9}


def test_families_are_corrected_apart(rows: pd.DataFrame) -> None:
    twin = (rows["metric_name"] == "spend") & (rows["experiment_name"] == "button")
    twin &= ~rows["is_capped"]
    for family in (rows[twin], rows[~twin]):
        _, theirs, _, _ = multipletests(family["p_value"], method="fdr_bh")
        np.testing.assert_allclose(family["adjusted_p_value"], theirs, rtol=1e-12)
    level = 1 - rows["confidence"]
    assert (rows["is_discovery"] == (rows["adjusted_p_value"] < level)).all()
    planted = rows["metric_name"].eq("spend") & rows["experiment_name"].eq("button")
    assert rows[planted]["is_discovery"].any()


def test_a_cell_without_units_says_so(
    units: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    cells = units[1]
    empty = (cells["variant"] == "variant_a") & (cells["other_variant"] == "low")
    frames = replace(frames_of(BUTTON, PRICE, last=3), overlaps=cells[~empty])
    found = interaction_rows(frames, arms_of(frames))
    low = found["other_treatment"] == "low"
    assert set(found[low]["reason"]) == {"empty_arm"}
    figures = found[low][["interaction", "p_value", "adjusted_p_value"]]
    assert figures.isna().to_numpy().all()
    assert not found[low]["is_significant"].any()
    assert found[~low]["reason"].isna().all()
    assert found["joint_p_value"].isna().all()


def test_nothing_overlaps_with_nothing() -> None:
    assert results_of(frames_of(BUTTON, PRICE, last=3)).interactions.empty
