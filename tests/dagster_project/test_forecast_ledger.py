"""The books of forecasts: written once, scored when due, frozen after a week."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from dagster_project.forecast_ledger import book, score
from dagster_project.ledger import Booking, Ledger
from dagster_project.tables import FORECAST_LEDGER, FORECASTS

ORIGIN = date(2026, 3, 1)


def booking(number: int) -> Booking:
    return Booking(f"run-{number}", datetime(2026, 3, 1 + number, 3, tzinfo=UTC))


def forecasts(mean: float, days: int = 3) -> pd.DataFrame:
    targets = [ORIGIN + timedelta(days=ahead) for ahead in range(1, days + 1)]
    return pd.DataFrame(
        {
            "metric_name": "sign_ups",
            "dimension": "all",
            "dimension_value": "all",
            "origin_date": ORIGIN,
            "target_date": targets,
            "horizon_days": range(1, days + 1),
            "model_version": "m1",
            "mean": mean,
            "lower_80": mean - 1,
            "upper_80": mean + 1,
            "lower_95": mean - 2,
            "upper_95": mean + 2,
            "scale": 1.0,
            "training_days": 90,
            "flags": "",
        }
    )[list(FORECAST_LEDGER.column_names)]


def actuals(value: float, day: date, *, is_complete: bool = True) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "metric_name": ["sign_ups"],
            "dimension": ["all"],
            "dimension_value": ["all"],
            "date": [pd.Timestamp(day)],
            "value": [value],
            "is_complete": [is_complete],
        }
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


def row(table: pd.DataFrame, day: date) -> dict[str, object]:
    found = table[pd.to_datetime(table["target_date"]) == pd.Timestamp(day)]
    [only] = found.to_dict(orient="records")
    return {str(name): value for name, value in only.items()}


def test_a_booked_forecast_is_never_rewritten(ledger: Ledger) -> None:
    assert book(ledger, forecasts(10.0), booking(1)) == 3
    assert book(ledger, forecasts(99.0, days=4), booking(2)) == 1
    first_day = ORIGIN + timedelta(days=1)
    table = score(ledger, actuals(1.0, ORIGIN), ORIGIN, booking(2))
    assert list(table.columns) == list(FORECASTS.column_names)
    assert row(table, first_day)["mean"] == 10.0
    assert len(table) == 4


def test_a_forecast_is_scored_once_its_day_is_complete(ledger: Ledger) -> None:
    day = ORIGIN + timedelta(days=1)
    book(ledger, forecasts(10.0), booking(1))
    open_day = score(ledger, actuals(4.0, day, is_complete=False), ORIGIN, booking(1))
    assert open_day["actual"].isna().all()
    table = score(ledger, actuals(11.5, day), day, booking(2))
    scored = row(table, day)
    assert scored["actual"] == 11.5
    assert scored["error"] == 1.5
    assert scored["in_80"] is False or not scored["in_80"]
    assert scored["in_95"]
    assert table["actual"].notna().sum() == 1


def test_restatements_within_a_week_update_and_later_ones_do_not(
    ledger: Ledger,
) -> None:
    day = ORIGIN + timedelta(days=1)
    book(ledger, forecasts(10.0), booking(1))
    score(ledger, actuals(11.0, day), day, booking(2))
    within = score(ledger, actuals(12.0, day), day + timedelta(days=7), booking(9))
    assert row(within, day)["actual"] == 12.0
    later = score(ledger, actuals(50.0, day), day + timedelta(days=8), booking(10))
    assert row(later, day)["actual"] == 12.0


def test_scoring_again_with_the_same_actuals_writes_nothing_new(
    ledger: Ledger,
) -> None:
    day = ORIGIN + timedelta(days=1)
    book(ledger, forecasts(10.0), booking(1))
    score(ledger, actuals(11.0, day), day, booking(2))
    files = sorted(path.name for path in ledger.path.rglob("*.parquet"))
    score(ledger, actuals(11.0, day), day, booking(3))
    assert sorted(path.name for path in ledger.path.rglob("*.parquet")) == files


def test_a_first_night_without_forecasts_has_an_empty_table(ledger: Ledger) -> None:
    table = score(ledger, actuals(1.0, ORIGIN), ORIGIN, booking(1))
    assert table.empty
    assert list(table.columns) == list(FORECASTS.column_names)
