"""Top events and incidents in words.

Here belong the rows and sentences of both lists. Here does not belong the finding of
incidents.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from dagster_project.reports.formatting import (
    DASH,
    format_change,
    format_day,
    format_value,
    format_whole,
    plural,
)
from dagster_project.reports.metric_lookup import (
    TOTAL,
    WEEK,
    Metric,
    is_total,
    last_complete_week,
    metric_of,
    metrics_by_name,
)
from dagster_project.reports.report_data import ReportData

TOP_EVENTS = 12
MAX_INCIDENTS = 8


@dataclass(frozen=True)
class EventRow:
    """One event name in the week covered; ``width`` in per cent of the largest."""

    name: str
    count: str
    persons: str
    change: str
    is_new: bool
    width: float


@dataclass(frozen=True)
class Incident:
    """One incident in words; ``tone`` is good or bad for the product."""

    title: str
    sentence: str
    tone: str
    state: str


@dataclass(frozen=True)
class IncidentList:
    """The incidents to show, and how many more there are."""

    shown: tuple[Incident, ...]
    more: int


def top_events(data: ReportData) -> list[EventRow]:
    """The most frequent events of the last complete week, with their change."""
    week = last_complete_week(data)
    counts = data.event_counts[data.event_counts["period"] == "week"]
    now = counts[counts["period_start"] == week]
    if week is None or now.empty:
        return []
    before = counts[counts["period_start"] == week - WEEK]
    joined = now.merge(
        before[["event_name", "event_count"]],
        on="event_name",
        how="left",
        suffixes=("", "_before"),
    ).sort_values(["event_count", "event_name"], ascending=[False, True])
    top = joined.head(TOP_EVENTS)
    largest = max(float(top["event_count"].max()), 1.0)
    had_week_before = len(before) > 0
    return [_event_row(row, largest, had_week_before) for _, row in top.iterrows()]


def _event_row(row: pd.Series, largest: float, had_week_before: bool) -> EventRow:
    before = row["event_count_before"]
    is_known = not pd.isna(before) and before > 0
    return EventRow(
        name=str(row["event_name"]),
        count=format_whole(row["event_count"]),
        persons=format_whole(row["person_count"]),
        change=format_change(row["event_count"] / before - 1) if is_known else DASH,
        is_new=had_week_before and not is_known,
        width=round(100 * float(row["event_count"]) / largest, 1),
    )


def open_incidents(data: ReportData) -> IncidentList:
    """Open incidents, newest first."""
    rows = data.anomalies[data.anomalies["status"] == "open"]
    return _incidents(data, rows)


def recent_incidents(data: ReportData) -> IncidentList:
    """Incidents of the week covered and after that have ended."""
    week = last_complete_week(data)
    rows = data.anomalies[data.anomalies["status"] != "open"]
    ended = rows["ended_on"] >= week if week is not None else rows["ended_on"].isnull()
    return _incidents(data, rows[ended])


def _incidents(data: ReportData, rows: pd.DataFrame) -> IncidentList:
    """Totals before groups, since a group mostly repeats its total; newest first."""
    metrics = metrics_by_name(data)
    ordered = rows.assign(is_group=~is_total(rows)).sort_values(
        ["is_group", "started_on", "metric_name"],
        ascending=[True, False, True],
        kind="stable",
    )
    shown = tuple(
        _incident(metric_of(metrics, str(row["metric_name"])), row)
        for _, row in ordered.head(MAX_INCIDENTS).iterrows()
    )
    return IncidentList(shown, len(ordered) - len(shown))


def _incident(metric: Metric, row: pd.Series) -> Incident:
    is_up = row["direction"] == "up"
    side = "higher" if is_up else "lower"
    start, end = row["started_on"], row["ended_on"]
    is_open = row["status"] == "open"
    if is_open:
        state = f"open since {format_day(start)}"
    elif end == start:
        state = f"on {format_day(start)} only"
    else:
        days = (end - start) // timedelta(days=1) + 1
        state = f"{format_day(start)} to {format_day(end)}, {plural(days, 'day')}"
    return Incident(
        title=f"{metric.label}{_where(row)} {side} than usual",
        sentence=_sentence(metric, row),
        tone="good" if is_up == metric.higher_is_better else "bad",
        state=state,
    )


def _where(row: pd.Series) -> str:
    if pd.isna(row["dimension"]) or row["dimension"] in ("", TOTAL):
        return ""
    value = "(none)" if pd.isna(row["dimension_value"]) else row["dimension_value"]
    return f" ({row['dimension']}: {value})"


def _sentence(metric: Metric, row: pd.Series) -> str:
    value, expected, lower, upper = (
        row[name] for name in ("peak_value", "expected", "lower", "upper")
    )
    gap = (value - expected) / abs(expected) if expected else np.nan
    side = "above" if row["direction"] == "up" else "below"
    size = "" if pd.isna(gap) else f"{abs(gap):.0%} {side} "
    text = f"{format_value(value, metric.unit)} on {format_day(row['peak_date'])}"
    if pd.isna(expected):
        return f"{text}."
    text += f", {size}the expected {format_value(expected, metric.unit)}"
    if not size:
        text += f" ({side})"
    return (
        f"{text}; the usual range is {format_value(lower, metric.unit)} "
        f"to {format_value(upper, metric.unit)}."
    )
