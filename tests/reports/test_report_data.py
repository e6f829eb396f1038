"""The frames a report takes, and those it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from dagster_project.reports.report_data import FRAMES, ReportData


def _data(**changes: Any) -> ReportData:
    given = {"as_of": None, "reporting_timezone": "UTC", "generated_for": "r"}
    return ReportData(**(given | changes))


def test_frames_without_columns_are_typed() -> None:
    data = _data()
    for name, kinds in FRAMES.items():
        assert list(getattr(data, name).columns) == list(kinds)
    assert data.metrics["period_start"].dtype.kind == "M"
    assert data.metrics["value"].dtype == "float64"


def test_decimals_dates_and_nulls_are_read() -> None:
    counts = pd.DataFrame(
        {
            "event_name": ["a", None],
            "period": ["week", "week"],
            "period_start": [date(2025, 6, 2), date(2025, 6, 9)],
            "event_count": [Decimal("12"), None],
            "person_count": [1, 2],
            "not_of_interest": ["x", "y"],
        }
    )
    typed = _data(event_counts=counts).event_counts
    assert typed["event_count"].iloc[0] == 12
    assert pd.isna(typed["event_count"].iloc[1])
    assert pd.isna(typed["event_name"].iloc[1])
    assert typed["period_start"].iloc[0] == pd.Timestamp("2025-06-02")
    assert "not_of_interest" not in typed


def test_a_lacking_column_is_named() -> None:
    frame = pd.DataFrame({"event_name": ["a"]})
    with pytest.raises(ValueError, match=r"event_counts lacks .*period_start"):
        _data(event_counts=frame)


def test_a_column_of_another_type_is_named() -> None:
    counts = pd.DataFrame(
        {
            "event_name": ["a"],
            "period": ["week"],
            "period_start": [date(2025, 6, 2)],
            "event_count": ["many"],
            "person_count": [1],
        }
    )
    with pytest.raises(ValueError, match=r"event_counts\.event_count"):
        _data(event_counts=counts)


@pytest.mark.parametrize("zone", ["Europe/Lundon", "", "../etc/passwd"])
def test_an_unknown_time_zone_is_named(zone: str) -> None:
    with pytest.raises(ValueError, match="unknown reporting_timezone"):
        _data(reporting_timezone=zone)


def test_a_naive_instant_is_utc() -> None:
    data = _data(as_of=datetime(2025, 6, 11))
    assert data.as_of == datetime(2025, 6, 11, tzinfo=UTC)
