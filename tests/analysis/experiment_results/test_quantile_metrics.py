"""Metrics that are quantiles: judged as any other, or silent with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dagster_project.analysis.experiment_results.frames import ExperimentFrames
from dagster_project.analysis.experiment_results.results import results_of
from dagster_project.analysis.experiments.heterogeneity import cochran_q
from dagster_project.analysis.experiments.inference import welch_test
from dagster_project.analysis.experiments.quantiles import (
    ArmQuantile,
    arm_quantile,
    quantile_contrast,
    quantile_ranks,
)
from tests.analysis.experiment_results.experiments_of_test import Declared, frames_of

METRIC = "items_per_order"
Arms = dict[str, tuple[np.ndarray, np.ndarray]]


def with_quantile(
    frames: ExperimentFrames,
    arms: Arms,
    q: float,
    *,
    dimension: str = "all",
    group: str = "all",
) -> ExperimentFrames:
    """The frames with one metric made a quantile of the arms' values by their units."""
    sums = frames.sums.copy()
    sums.loc[sums["metric_name"] == METRIC, "metric_kind"] = "quantile"
    for variant, (values, units) in arms.items():
        found = arm_quantile(values, q, units=units)
        _, place = np.unique(units, return_inverse=True)
        count = np.bincount(place) if len(values) else np.zeros(1)
        below = (
            np.bincount(place, weights=values <= float(found.estimate))
            if len(values)
            else np.zeros(1)
        )
        told = {
            "quantile": q,
            **{"y": below.sum(), "d": count.sum(), "yy": (below**2).sum()},
            **{"yd": (below * count).sum(), "dd": (count**2).sum()},
            "value_unit_count": float(len(set(units.tolist()))),
            "quantile_value": float(found.estimate),
            "quantile_lower": float(found.lower),
            "quantile_upper": float(found.upper),
        }
        rows = (sums["metric_name"] == METRIC) & (sums["variant"] == variant)
        rows &= (sums["dimension"] == dimension) & (sums["dimension_value"] == group)
        for name, value in told.items():
            sums.loc[rows, name] = value
    return replace(frames, sums=sums)


def last_row(frames: ExperimentFrames) -> pd.Series:
    rows = results_of(frames).comparisons
    rows = rows[(rows["metric_name"] == METRIC) & (rows["view"] == "closed")]
    return rows.sort_values("day_number").iloc[-1]


def drawn(seed: int, units: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), 1 + rng.poisson(3, units))
    return np.exp(rng.normal(size=units)[unit] + rng.normal(size=len(unit))) * scale, (
        unit
    )


def test_a_quantile_is_judged_by_its_bounds_and_its_units() -> None:
    arms = {"control": drawn(1, 300), "variant_a": drawn(2, 320, 1.6)}
    row = last_row(with_quantile(frames_of(Declared()), arms, 0.75))
    contrast = quantile_contrast(
        *(arm_quantile(values, 0.75, units=units) for values, units in arms.values())
    )
    wanted = welch_test(contrast)
    assert row["metric_kind"] == row["method"] == "quantile"
    assert pd.isna(row["reason"])
    for name, value in (
        ("effect", wanted.estimate),
        ("std_error", wanted.std_error),
        ("p_value", wanted.p_value),
        ("fixed_lower", wanted.lower),
        ("fixed_upper", wanted.upper),
        ("control_level", contrast.baseline),
        ("lift", contrast.difference / contrast.baseline),
    ):
        assert row[name] == pytest.approx(float(value), rel=1e-9), name
    assert row["is_fixed_significant"]
    # Units are all that are exposed, not only those with a value.
    assert row["units"] == row["control_units"] + row["treatment_units"]
    assert np.isfinite(row["always_valid_lower"])
    assert np.isfinite(row["chance_to_beat"])


def test_a_slice_is_judged_by_its_own_amounts() -> None:
    """In every view as the raw values say, and its groups together as others' are."""
    of = Declared(is_whole=True, days=5, units=400, strata="platform")
    groups = {
        "all": {"control": drawn(1, 300), "variant_a": drawn(2, 320, 1.6)},
        "ios": {"control": drawn(4, 140), "variant_a": drawn(5, 150, 3.0)},
        "web": {"control": drawn(6, 160), "variant_a": drawn(7, 170)},
    }
    frames = frames_of(of)
    for group, arms in groups.items():
        dimension = "all" if group == "all" else "platform"
        frames = with_quantile(frames, arms, 0.75, dimension=dimension, group=group)
    rows = results_of(frames).comparisons
    rows = rows[rows["metric_name"] == METRIC]
    assert set(rows["view"]) == {
        *("closed", "cumulative", "calendar_day", "day_since_exposure"),
    }
    contrasts = {
        group: quantile_contrast(
            *(
                arm_quantile(values, 0.75, units=units)
                for values, units in arms.values()
            )
        )
        for group, arms in groups.items()
    }
    for row in rows[rows["units"] > 0].to_dict("records"):
        wanted = welch_test(contrasts[row["dimension_value"]])
        for name, value in (
            *(("effect", wanted.estimate), ("raw_effect", wanted.estimate)),
            *(("std_error", wanted.std_error), ("raw_std_error", wanted.std_error)),
            *(("p_value", wanted.p_value), ("fixed_lower", wanted.lower)),
            *(("fixed_upper", wanted.upper), ("raw_upper", wanted.upper)),
        ):
            assert row[name] == pytest.approx(float(value), rel=1e-12), (row, name)
    slices = rows[rows["dimension"] == "platform"]
    apart = cochran_q(
        [float(contrasts[group].difference) for group in ("ios", "web")],
        [float(contrasts[group].variance) for group in ("ios", "web")],
    )
    last = slices[slices["view"] == "closed"]
    last = last[last["day_number"] == last["day_number"].max()]
    assert len(last) == 2
    assert last["heterogeneity_p_value"].to_numpy() == pytest.approx(
        float(apart.p_value)
    )
    assert (last["slice_p_value"] >= last["p_value"]).all()
    assert last["slice_p_value"].notna().all()
    # A quantile of all is no mean of those of strata.
    assert rows["stratified_effect"].isna().all()
    assert rows["stratified_reason"].isna().all()
    assert not rows["is_stratified_significant"].any()


NOTHING = (np.array([]), np.array([], dtype=np.int64))


@pytest.mark.parametrize(
    ("arm", "reason"),
    [
        (NOTHING, "zero_denominator"),
        ((np.array([1.0, 2.0, 9.0]), np.zeros(3, dtype=np.int64)), "too_few_units"),
        ((np.array([1.0, 2.0, 9.0]), np.arange(3)), "too_few_values"),
        ((np.full(400, 3.0), np.arange(400)), "zero_variance"),
        # Every unit has one below and one above: units tell of no spread.
        ((np.tile([1.0, 5.0], 50), np.repeat(np.arange(50), 2)), "zero_variance"),
    ],
)
def test_what_cannot_be_judged_says_why(
    arm: tuple[np.ndarray, np.ndarray], reason: str
) -> None:
    frames = frames_of(Declared(units=300))
    arms = {"control": drawn(3, 200), "variant_a": arm}
    row = last_row(with_quantile(frames, arms, 0.5))
    assert row["reason"] == reason
    assert np.isnan(row["p_value"])
    assert np.isnan(row["fixed_lower"])
    assert not row["is_fixed_significant"]
    assert np.isnan(row["effect"]) == (len(arm[0]) == 0)


def test_ranks_reach_outward_and_widen_with_the_root_of_the_inflation() -> None:
    low, high = quantile_ranks([100, 100], 0.5, inflation=[1.0, 4.0])
    # 50 -+ 1.96 * 5 and 50 -+ 1.96 * 10.
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == [(40, 61), (30, 71)]
    low, high = quantile_ranks([10], 0.9)
    assert (low[0], high[0]) == (7, 11)


def test_an_arm_without_values_is_nan_throughout() -> None:
    nothing: ArmQuantile = arm_quantile([], 0.5)
    assert np.isnan(nothing.estimate)
    assert nothing.independent == 0
