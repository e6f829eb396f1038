"""Scores and accuracy of stored forecasts, by hand and by brute force."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from dagster_project.analysis.forecast_scoring import (
    forecast_accuracy,
    score_forecasts,
)

DAY = pd.Timestamp("2025-03-10")


def _ledger(**changes: object) -> pd.DataFrame:
    row = {
        "metric_name": "revenue",
        "dimension": None,
        "dimension_value": None,
        "origin_date": DAY - pd.Timedelta(days=3),
        "target_date": DAY,
        "horizon_days": 3,
        "model_version": "m1",
        "mean": 100.0,
        "lower_80": 90.0,
        "upper_80": 110.0,
        "lower_95": 80.0,
        "upper_95": 120.0,
        "scale": 5.0,
    }
    return pd.DataFrame([row | changes])


def _actuals(
    value: float | None, *, is_complete: bool | None = True, day: pd.Timestamp = DAY
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "metric_name": ["revenue"],
            "dimension": [None],
            "dimension_value": [None],
            "date": [day],
            "value": [value],
            "is_complete": [is_complete],
        }
    )


@pytest.mark.parametrize(
    ("actual", "in_80", "in_95", "interval_score"),
    [
        (100.0, True, True, 40.0),
        (110.0, True, True, 40.0),
        (115.0, False, True, 40.0),
        (125.0, False, False, 40.0 + 40 * 5),
        (70.0, False, False, 40.0 + 40 * 10),
    ],
)
def test_known_scores(
    actual: float, in_80: bool, in_95: bool, interval_score: float
) -> None:
    row = score_forecasts(_ledger(), _actuals(actual), as_of_date=DAY.date()).iloc[0]
    assert row["error"] == actual - 100
    assert row["scaled_error"] == abs(actual - 100) / 5
    assert bool(row["in_80"]) is in_80
    assert bool(row["in_95"]) is in_95
    assert row["interval_score_95"] == pytest.approx(interval_score)


@pytest.mark.parametrize(
    "actuals",
    [
        _actuals(110.0, is_complete=False),
        _actuals(110.0, is_complete=None),
        _actuals(None),
        _actuals(110.0, day=DAY + pd.Timedelta(days=1)),
        _actuals(110.0).head(0),
    ],
)
def test_unknown_actuals_leave_the_row_unscored(actuals: pd.DataFrame) -> None:
    scored = score_forecasts(_ledger(), actuals, as_of_date=date(2025, 3, 20))
    assert len(scored) == 1
    columns = ["actual", "error", "scaled_error", "in_80", "in_95", "interval_score_95"]
    assert scored[columns].isna().all(axis=None)


def test_restatement_counts_for_seven_days_and_not_after() -> None:
    first = score_forecasts(_ledger(), _actuals(100.0), as_of_date=date(2025, 3, 11))
    again = score_forecasts(first, _actuals(119.0), as_of_date=date(2025, 3, 17))
    assert again["actual"].tolist() == [119.0]
    assert again["in_80"].tolist() == [False]
    late = score_forecasts(again, _actuals(500.0), as_of_date=date(2025, 3, 18))
    pd.testing.assert_frame_equal(late, again)


def test_a_score_is_not_lost_when_the_actual_vanishes() -> None:
    first = score_forecasts(_ledger(), _actuals(100.0), as_of_date=date(2025, 3, 11))
    gone = score_forecasts(
        first, _actuals(100.0, is_complete=False), as_of_date=date(2025, 3, 12)
    )
    pd.testing.assert_frame_equal(gone, first)


def test_a_target_first_known_late_is_still_scored() -> None:
    scored = score_forecasts(_ledger(), _actuals(90.0), as_of_date=date(2025, 6, 1))
    assert scored["actual"].tolist() == [90.0]


def test_no_interval_and_no_scale_are_unknown_not_zero() -> None:
    ledger = _ledger(
        lower_80=None, upper_80=None, lower_95=None, upper_95=None, scale=0.0
    )
    row = score_forecasts(ledger, _actuals(100.0), as_of_date=DAY.date()).iloc[0]
    assert row["error"] == 0
    assert pd.isna(row[["scaled_error", "in_80", "in_95", "interval_score_95"]]).all()


def test_two_actuals_for_one_day_are_refused() -> None:
    twice = pd.concat([_actuals(1.0), _actuals(2.0)])
    with pytest.raises(ValueError, match="more than one row"):
        score_forecasts(_ledger(), twice, as_of_date=DAY.date())


def _random_scored() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    count = 400
    mean = rng.uniform(-20, 100, count)
    half = rng.uniform(1, 20, count)
    ledger = pd.DataFrame(
        {
            "metric_name": rng.choice(["a", "b"], count),
            "dimension": "all",
            "dimension_value": [f"v{number}" for number in range(count)],
            "target_date": pd.Timestamp("2025-01-01")
            + pd.to_timedelta(rng.integers(0, 50, count), unit="D"),
            "horizon_days": rng.integers(1, 41, count),
            "model_version": rng.choice(["m1", "m2"], count),
            "mean": mean,
            "lower_80": mean - half,
            "upper_80": mean + half,
            "lower_95": mean - 2 * half,
            "upper_95": mean + 2 * half,
            "scale": np.where(rng.random(count) < 0.1, 0, half),
        }
    )
    actuals = ledger.rename(columns={"target_date": "date"}).assign(
        value=mean + rng.normal(0, 10, count), is_complete=rng.random(count) < 0.8
    )
    return score_forecasts(ledger, actuals, as_of_date=date(2025, 3, 1))


def test_accuracy_by_brute_force() -> None:
    scored = _random_scored()
    accuracy = forecast_accuracy(scored)
    buckets = {"1": (1, 1), "2-7": (2, 7), "8-14": (8, 14), "15-30": (15, 30)}
    buckets["31+"] = (31, 99)
    assert len(accuracy) == 2 * 2 * 5
    for row in accuracy.to_dict("records"):
        low, high = buckets[row["horizon_bucket"]]
        rows = [
            r
            for r in scored.to_dict("records")
            if r["metric_name"] == row["metric_name"]
            and r["model_version"] == row["model_version"]
            and low <= r["horizon_days"] <= high
            and not pd.isna(r["actual"])
        ]
        total = sum(abs(r["actual"]) for r in rows)
        scaled = [r for r in rows if r["scale"] > 0]
        hits = sum(bool(r["in_95"]) for r in rows)
        lower, upper = proportion_confint(hits, len(rows), method="wilson")
        expected = {
            "n": len(rows),
            "wape": sum(abs(r["actual"] - r["mean"]) for r in rows) / total,
            "bias": sum(r["actual"] - r["mean"] for r in rows) / total,
            "mase": np.mean(
                [abs(r["actual"] - r["mean"]) / r["scale"] for r in scaled]
            ),
            "msis": np.mean([r["interval_score_95"] / r["scale"] for r in scaled]),
            "coverage_80": np.mean([bool(r["in_80"]) for r in rows]),
            "coverage_95": hits / len(rows),
            "coverage_95_lower": lower,
            "coverage_95_upper": upper,
        }
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, abs=1e-12), name


def test_targets_since_leaves_out_older_targets() -> None:
    scored = _random_scored()
    recent = forecast_accuracy(scored, targets_since=date(2025, 2, 1))
    known = scored[scored["actual"].notna() & (scored["target_date"] >= "2025-02-01")]
    assert recent["n"].sum() == len(known)


def test_nothing_matured_is_no_row_and_mape_is_never_there() -> None:
    scored = score_forecasts(
        _ledger(), _actuals(1.0).head(0), as_of_date=date(2025, 3, 1)
    )
    accuracy = forecast_accuracy(scored)
    assert accuracy.empty
    assert "coverage_95" in accuracy.columns
    assert not [name for name in accuracy.columns if "mape" in name]


def test_forecasts_without_interval_have_no_coverage() -> None:
    ledger = _ledger(lower_80=None, upper_80=None, lower_95=None, upper_95=None)
    scored = score_forecasts(ledger, _actuals(100.0), as_of_date=DAY.date())
    row = forecast_accuracy(scored).iloc[0]
    assert row["n"] == 1
    assert row["wape"] == 0
    assert pd.isna(row[["coverage_80", "coverage_95_lower", "msis"]]).all()
