"""A realistic product for the tests of the report: two years of plausible figures."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from dagster_project.reports.report_data import ReportData

VOLUMES = ("USD", "count", "persons")
LAST_DAY = pd.Timestamp("2025-06-10")
MONDAY = pd.Timestamp("2025-06-02")
# name, label, unit, type, direction, level, noise, weekly target, description
METRICS = [
    (
        "course_revenue",
        "Course revenue",
        "USD",
        "sum",
        "up",
        18_400.0,
        0.08,
        125_000.0,
        "Net revenue of course purchases, refunds on the day they are made.",
    ),
    (
        "purchases",
        "Purchases",
        "count",
        "count",
        "up",
        312.0,
        0.09,
        None,
        "Completed purchases.",
    ),
    (
        "purchase_conversion",
        "Course page to purchase",
        "%",
        "conversion",
        "up",
        0.043,
        0.06,
        0.045,
        "Persons who buy within an hour of viewing a course, of all who view one.",
    ),
    (
        "sign_ups",
        "Sign-ups",
        "persons",
        "unique_persons",
        "up",
        1_240.0,
        0.1,
        8_000.0,
        "Persons who signed up.",
    ),
    (
        "page_load_p95",
        "Page load, p95",
        "ms",
        "percentile",
        "down",
        1_480.0,
        0.05,
        1_500.0,
        "95th percentile of the time until a page is usable.",
    ),
    (
        "payment_failure",
        "Failed payments",
        "%",
        "ratio",
        "down",
        0.021,
        0.12,
        0.03,
        "Failed payments among all payment attempts.",
    ),
    (
        "week_1_retention",
        "Week-1 retention",
        "%",
        "retention",
        "up",
        0.31,
        0.03,
        None,
        "New persons who come back in the second week.",
    ),
    (
        "time_to_value",
        "Time to first lesson",
        "seconds",
        "time_to",
        "down",
        5_400.0,
        0.08,
        None,
        "Median time from sign-up to the first completed lesson.",
    ),
]


def _definitions() -> pd.DataFrame:
    rows = [
        {
            "metric_name": name,
            "label": label,
            "description": description,
            "metric_type": kind,
            "unit": unit,
            "direction": direction,
            "is_headline": True,
            "forecast_horizon_days": 30,
        }
        for name, label, unit, kind, direction, _, _, _, description in METRICS
    ]
    return pd.DataFrame(rows)


def _daily(rng: np.random.Generator) -> pd.DataFrame:
    days = pd.date_range("2024-03-01", LAST_DAY)
    profile = np.array([1.06, 1.1, 1.08, 1.04, 0.97, 0.84, 0.91])
    growth = np.linspace(0.72, 1.0, len(days))
    frames = []
    for name, _, unit, _, _, level, noise, _, _ in METRICS:
        is_volume = unit in VOLUMES
        shape = profile[days.day_of_week] * growth if is_volume else np.ones(len(days))
        values = level * shape * np.exp(rng.normal(0, noise, len(days)))
        frames.append(pd.DataFrame({"metric_name": name, "day": days, "value": values}))
    daily = pd.concat(frames, ignore_index=True)
    odd = (daily["metric_name"] == "course_revenue") & daily["day"].isin(
        pd.to_datetime(["2025-04-23", "2025-06-09", "2025-06-10"])
    )
    daily.loc[odd, "value"] *= 0.45
    slow = (daily["metric_name"] == "page_load_p95") & (daily["day"] >= "2025-06-04")
    daily.loc[slow, "value"] *= 1.35
    return daily


def _metrics(daily: pd.DataFrame) -> pd.DataFrame:
    is_volume = {name: unit in VOLUMES for name, _, unit, *_ in METRICS}
    targets = {name: target for name, *_, target, _ in METRICS}
    higher = {name: direction == "up" for name, _, _, _, direction, *_ in METRICS}
    parts = []
    for period, start, previous, year in (
        ("day", daily["day"], 1, 364),
        (
            "week",
            daily["day"] - pd.to_timedelta(daily["day"].dt.day_of_week, "D"),
            1,
            52,
        ),
    ):
        groups = daily.assign(period_start=start).groupby(
            ["metric_name", "period_start"]
        )
        frame = groups["value"].agg(["sum", "mean"]).reset_index()
        volume = frame["metric_name"].map(is_volume)
        frame["value"] = frame["sum"].where(volume, frame["mean"])
        series = frame.groupby("metric_name")["value"]
        frame["previous_value"] = series.shift(previous)
        frame["year_before_value"] = series.shift(year)
        frame["target"] = (
            frame["metric_name"].map(targets).astype("float64")
            if period == "week"
            else np.nan
        )
        parts.append(frame.assign(period=period))
    frame = pd.concat(parts, ignore_index=True)
    frame["is_complete"] = (frame["period"] == "day") | (
        frame["period_start"] <= MONDAY
    )
    open_window = (frame["metric_name"] == "week_1_retention") & (
        frame["period_start"] >= MONDAY - pd.Timedelta(days=7)
    )
    frame.loc[open_window, "value"] = np.nan
    frame["change_rate"] = frame["value"] / frame["previous_value"] - 1
    frame["year_before_change_rate"] = frame["value"] / frame["year_before_value"] - 1
    up = frame["metric_name"].map(higher)
    ratio = frame["value"] / frame["target"]
    frame["attainment_rate"] = ratio.where(up, 1 / ratio)
    return frame.assign(
        dimension="all", dimension_value="all", numerator=np.nan, denominator=1.0
    )


def _forecasts(daily: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for name, part in daily.groupby("metric_name"):
        recent = part[part["day"] > LAST_DAY - pd.Timedelta(days=28)]
        by_weekday = recent.groupby(recent["day"].dt.day_of_week)["value"].median()
        target = pd.date_range(LAST_DAY + pd.Timedelta(days=1), periods=30)
        mean = by_weekday.loc[target.day_of_week].to_numpy()
        spread = recent["value"].std() * np.linspace(0.6, 1.0, 30)
        parts.append(
            pd.DataFrame(
                {
                    "metric_name": name,
                    "target_date": target,
                    "horizon_days": range(1, 31),
                    "mean": mean,
                    "lower_80": np.maximum(mean - 1.28 * spread, 0),
                    "upper_80": mean + 1.28 * spread,
                    "lower_95": np.maximum(mean - 1.96 * spread, 0),
                    "upper_95": mean + 1.96 * spread,
                    "scale": recent["value"].std(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True).assign(
        dimension="all",
        dimension_value="all",
        origin_date=LAST_DAY,
        model_version="weekday_median_1",
        training_days=467,
        flags="",
    )


def _accuracy() -> pd.DataFrame:
    rows = [
        {
            "metric_name": name,
            "horizon_bucket": bucket,
            "model_version": "weekday_median_1",
            "n": n,
            "wape": wape,
            "mase": 0.9,
            "bias": 0.01,
            "coverage_80": c80,
            "coverage_80_lower": c80 - 0.04,
            "coverage_80_upper": c80 + 0.03,
            "coverage_95": c95,
            "coverage_95_lower": c95 - 0.03,
            "coverage_95_upper": c95 + 0.02,
            "msis": 6.2,
        }
        for name, *_ in METRICS
        for bucket, n, wape, c80, c95 in (
            ("1", 84, 0.067, 0.81, 0.952),
            ("2-7", 489, 0.071, 0.793, 0.944),
            ("8-14", 540, 0.079, 0.788, 0.939),
            ("15-30", 1014, 0.093, 0.771, 0.931),
        )
    ]
    return pd.DataFrame(rows)


def _anomalies() -> pd.DataFrame:
    base = {
        "dimension": "all",
        "dimension_value": "all",
        "explanation": "",
        "score": 5.0,
    }
    rows = [
        {
            "incident_id": "a1",
            "metric_name": "course_revenue",
            "direction": "down",
            "started_on": "2025-06-09",
            "ended_on": None,
            "peak_date": "2025-06-10",
            "peak_value": 9_100.0,
            "expected": 20_200.0,
            "lower": 16_800.0,
            "upper": 23_900.0,
            "status": "open",
        },
        {
            "incident_id": "a2",
            "metric_name": "page_load_p95",
            "direction": "up",
            "started_on": "2025-06-04",
            "ended_on": None,
            "peak_date": "2025-06-06",
            "peak_value": 2_090.0,
            "expected": 1_480.0,
            "lower": 1_270.0,
            "upper": 1_700.0,
            "status": "open",
        },
        {
            "incident_id": "a3",
            "metric_name": "sign_ups",
            "direction": "up",
            "started_on": "2025-06-03",
            "ended_on": "2025-06-04",
            "peak_date": "2025-06-03",
            "peak_value": 1_890.0,
            "expected": 1_330.0,
            "lower": 1_020.0,
            "upper": 1_680.0,
            "status": "closed",
            "dimension": "utm_source",
            "dimension_value": "newsletter",
        },
        {
            "incident_id": "a4",
            "metric_name": "course_revenue",
            "direction": "down",
            "started_on": "2025-04-23",
            "ended_on": "2025-04-23",
            "peak_date": "2025-04-23",
            "peak_value": 8_900.0,
            "expected": 18_700.0,
            "lower": 15_000.0,
            "upper": 22_000.0,
            "status": "closed",
        },
    ]
    return pd.DataFrame([base | row for row in rows])


def _active(rng: np.random.Generator) -> pd.DataFrame:
    days = pd.date_range("2025-01-15", LAST_DAY)
    weekday = np.where(days.day_of_week < 5, 1.05, 0.85)
    growth = np.linspace(0.85, 1.0, len(days))
    daily = 8_200 * weekday * growth * np.exp(rng.normal(0, 0.03, len(days)))

    def wave(period: int) -> np.ndarray:
        return 1 + 0.012 * np.sin(np.arange(len(days)) / period * 2)

    return pd.DataFrame(
        {
            "activity_date": days,
            "daily_active_persons": daily.round(),
            "weekly_active_persons": (24_500 * growth * wave(9)).round(),
            "monthly_active_persons": (52_300 * growth * wave(23)).round(),
            "is_full_week_window": np.arange(len(days)) >= 6,
            "is_full_month_window": np.arange(len(days)) >= 29,
        }
    )


def _event_counts() -> pd.DataFrame:
    counts = {
        "page_viewed": 412_310,
        "lesson_completed": 96_204,
        "course_viewed": 88_120,
        "logged_in": 61_377,
        "feature_used": 45_018,
        "course_started": 18_240,
        "api_called": 15_921,
        "checkout_started": 5_310,
        "signed_up": 8_702,
        "content_shared": 3_120,
        "purchase_completed": 2_214,
        "video_analyzed": 1_950,
        "survey_answered": 744,
    }
    rng = np.random.default_rng(4)
    rows = [
        {
            "event_name": name,
            "period": "week",
            "period_start": start,
            "event_count": int(count * factor * rng.uniform(0.9, 1.1)),
            "person_count": int(min(count * 0.2, 24_000) * rng.uniform(0.9, 1)),
        }
        for name, count in counts.items()
        for start, factor in ((MONDAY - pd.Timedelta(days=7), 0.97), (MONDAY, 1.0))
        if not (name == "survey_answered" and factor < 1)
    ]
    return pd.DataFrame(rows)


def _freshness() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source": ["native", "sparkify", "online_retail"],
            "last_event_at": pd.to_datetime(
                ["2025-06-10 23:58", "2025-06-10 21:14", "2025-06-09 17:40"]
            ),
            "last_load_at": pd.to_datetime(["2025-06-11 02:31"] * 3),
            "landed_row_count": [1_284_310, 8_056, 541_909],
            "quarantined_row_count": [37, 0, 2],
            "hours_behind": [0.03, 2.8, 30.4],
        }
    )


def _checks() -> pd.DataFrame:
    gates = {
        "landed data": 18,
        "staging": 24,
        "intermediate": 31,
        "marts": 46,
        "analysis": 14,
    }
    rows = [
        {
            "gate": gate,
            "asset": "raw/events",
            "check_name": f"check_{number}",
            "severity": "error",
            "status": "passed",
            "failed_count": 0,
            "observed": "",
            "cure": "",
        }
        for gate, count in gates.items()
        for number in range(count)
    ]
    rows.append(
        {
            "gate": "landed data",
            "asset": "raw/events",
            "check_name": "share_of_unknown_events",
            "severity": "warn",
            "status": "warned",
            "failed_count": 312,
            "observed": "0.24% of events have a name that is not in the tracking plan",
            "cure": "Declare the event in events.yml, or correct its name at source; "
            "`daybreak catalog check` lists the nearest names.",
        }
    )
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def report_data() -> ReportData:
    """Eight headline metrics, incidents, forecasts, a warning, an open window."""
    rng = np.random.default_rng(20250610)
    daily = _daily(rng)
    return ReportData(
        as_of=datetime(2025, 6, 11, 0, 0, tzinfo=UTC),
        reporting_timezone="Europe/London",
        generated_for="5f2c9a1e",
        metrics=_metrics(daily),
        definitions=_definitions(),
        active_persons=_active(rng),
        event_counts=_event_counts(),
        forecasts=_forecasts(daily),
        forecast_accuracy=_accuracy(),
        anomalies=_anomalies(),
        freshness=_freshness(),
        checks=_checks(),
    )


@pytest.fixture
def first_night() -> ReportData:
    """Nothing has landed yet."""
    return ReportData(as_of=None, reporting_timezone="UTC", generated_for="first")
