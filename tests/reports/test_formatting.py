"""Figures, dates and durations as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from dagster_project.reports.formatting import (
    MINUS,
    TIMES,
    Unit,
    axis_format,
    format_change,
    format_days,
    format_hours,
    format_instant,
    format_share,
    format_value,
    format_whole,
    plural,
)


@pytest.mark.parametrize(
    ("value", "unit", "metric_type", "text"),
    [
        (127_576.4, "USD", None, "$127,576"),
        (12.345, "USD", None, "$12.35"),
        (0, "USD", None, "$0.00"),
        (-1_250.0, "eur", None, f"{MINUS}€1,250"),
        (2_345_678, "GBP", None, "£2.35M"),
        (7_100_000_000, "USD", None, "$7.10B"),
        (950, "CHF", None, "CHF 950"),
        (0.0457, "%", None, "4.57%"),
        (0.31, "share", None, "31.0%"),
        (0.31, None, "retention", "31.0%"),
        (0.31, None, "conversion", "31.0%"),
        (1.35, None, "ratio", "1.35"),
        (312.4, "ms", None, "312 ms"),
        (1_830, "ms", None, "1.83 s"),
        (5_190, "seconds", None, "86.5 min"),
        (3 * 86_400, "seconds", None, "3.0 days"),
        (36, "hours", None, "36.0 h"),
        (0, "ms", None, "0 s"),
        (2_149, "count", None, "2,149"),
        (2_149.0, "persons", None, "2,149"),
        (3.14159, None, None, "3.14"),
        (1_234_567, None, None, "1.23M"),
        (None, "USD", None, "not yet known"),
        (float("nan"), "%", None, "not yet known"),
        (pd.NA, None, None, "not yet known"),
    ],
)
def test_values(
    value: float | None, unit: str | None, metric_type: str | None, text: str
) -> None:
    assert format_value(value, Unit.of(unit, metric_type)) == text


def test_the_noun_stands_beside_counts_only() -> None:
    assert Unit.of("persons").noun == "persons"
    assert [Unit.of(unit).noun for unit in ("USD", "%", "ms", "count", None)] == [
        ""
    ] * 5


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0.042, "+4.2%"),
        (-0.042, f"{MINUS}4.2%"),
        (0.0, "±0.0%"),
        (1.5, "+150%"),
        (10.0, f"11{TIMES}"),
        (-1.0, f"{MINUS}100%"),
    ],
)
def test_changes(rate: float, text: str) -> None:
    assert format_change(rate) == text


def test_unknown_shares_and_counts_are_a_dash() -> None:
    assert format_share(None) == format_whole(float("nan")) == "\N{EN DASH}"
    assert format_share(0.0) == "0.0%"
    assert format_whole(0) == "0"


def test_spans_of_days_repeat_nothing() -> None:
    def span(first: str, last: str) -> str:
        return format_days(pd.Timestamp(first), pd.Timestamp(last))

    assert span("2025-06-02", "2025-06-08") == "Mon 2 to Sun 8 June 2025"
    assert span("2025-06-30", "2025-07-06") == "Mon 30 June to Sun 6 July 2025"
    assert span("2024-12-30", "2025-01-05") == (
        "Mon 30 December 2024 to Sun 5 January 2025"
    )


def test_instants_are_told_in_the_reporting_zone() -> None:
    naive, aware = datetime(2025, 6, 11), datetime(2025, 6, 11, tzinfo=UTC)
    for instant in (naive, aware, pd.Timestamp(naive)):
        assert format_instant(instant, ZoneInfo("Europe/London")) == (
            "11 Jun 2025, 01:00"
        )
    assert format_instant(None, ZoneInfo("UTC")) == "never"
    assert format_instant(pd.NaT, ZoneInfo("UTC")) == "never"


@pytest.mark.parametrize(
    ("hours", "text"),
    [(0.03, "1.8 min"), (0, "none"), (30.4, "30.4 h"), (72, "3.0 days")],
)
def test_delays(hours: float, text: str) -> None:
    assert format_hours(hours) == text


def test_plural() -> None:
    assert plural(1, "check") == "1 check"
    assert plural(1_200, "check") == "1,200 checks"


def test_axes_are_drawn_in_the_unit_they_are_written_in() -> None:
    minutes = axis_format(Unit.of("seconds"), 5_400)
    assert minutes.factor == pytest.approx(1 / 60)
    assert minutes.label.endswith("' min'")
    assert axis_format(Unit.of("ms"), 400).factor == pytest.approx(1)
    assert axis_format(Unit.of("USD"), 5e6).label.startswith("'$' + ")


def test_an_unknown_unit_never_enters_a_chart_expression() -> None:
    hostile = Unit.of("') + alert('x")
    assert "alert" not in axis_format(hostile, 5.0).label
