"""Headline cards: the value of the week, its change, its target, its course.

Here belong the cards and the judgement of a change as good or bad. Here does not
belong the computing of changes, which arrive with the metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd
from markupsafe import Markup

from dagster_project.reports.charts import sparkline
from dagster_project.reports.formatting import (
    FLAT_CHANGE,
    format_change,
    format_value,
)
from dagster_project.reports.metric_lookup import (
    WEEK,
    Metric,
    headline_metrics,
    last_complete_week,
    totals,
)
from dagster_project.reports.report_data import ReportData

SPARKLINE_WEEKS = 12


@dataclass(frozen=True)
class Change:
    """A change against an earlier period; ``tone`` is good, bad or flat."""

    rate: float
    text: str
    against: str
    earlier: str
    tone: str
    arrow: str


@dataclass(frozen=True)
class Target:
    """Attainment of a target; ``width`` is the filled share of the bar in per cent."""

    text: str
    attainment: str
    width: float
    is_met: bool


@dataclass(frozen=True)
class Card:
    """One headline metric in the week covered.

    ``value`` is null when the figure is not known, and ``reason`` says why.
    """

    label: str
    description: str
    noun: str
    value: str | None
    reason: str
    changes: tuple[Change, ...]
    target: Target | None
    course: Markup


def headline_cards(data: ReportData) -> list[Card]:
    """One card for each headline metric, in the order of the catalog."""
    week = last_complete_week(data)
    rows = totals(data, "week")
    by_metric = dict(tuple(rows.groupby("metric_name")))
    return [
        _card(metric, by_metric.get(metric.name, rows.head(0)), week)
        for metric in headline_metrics(data)
    ]


def _card(metric: Metric, weeks: pd.DataFrame, week: pd.Timestamp | None) -> Card:
    now = weeks[weeks["period_start"] == week].tail(1)
    row = None if now.empty else now.iloc[0]
    value = None if row is None or pd.isna(row["value"]) else float(row["value"])
    return Card(
        label=metric.label,
        description=metric.description,
        noun=metric.unit.noun,
        value=None if value is None else format_value(value, metric.unit),
        reason=_reason(row) if value is None else "",
        changes=() if row is None else _changes(metric, row),
        target=None if row is None or value is None else _target(metric, row),
        course=_course(metric, weeks, week),
    )


def _reason(row: pd.Series | None) -> str:
    """Why a figure is unknown: no complete week, no base, or an open window."""
    if row is None or not bool(pd.Series([row["is_complete"]]).fillna(False).iloc[0]):
        return "No complete week has been measured yet."
    if row["denominator"] == 0:
        return "Nobody entered the base of this figure in the week."
    return "The time window behind this week is still open; figures may still arrive."


def _changes(metric: Metric, row: pd.Series) -> tuple[Change, ...]:
    compared = (
        ("change_rate", "previous_value", "week before"),
        ("year_before_change_rate", "year_before_value", "year before"),
    )
    return tuple(
        _change(metric, float(row[rate]), row[earlier], against)
        for rate, earlier, against in compared
        if not pd.isna(row[rate])
    )


def _change(metric: Metric, rate: float, earlier: float, against: str) -> Change:
    tone = "flat"
    if abs(rate) >= FLAT_CHANGE:
        tone = "good" if (rate > 0) == metric.higher_is_better else "bad"
    return Change(
        rate=rate,
        text=format_change(rate),
        against=against,
        earlier=format_value(earlier, metric.unit),
        tone=tone,
        arrow="▲" if rate >= FLAT_CHANGE else "▼" if rate <= -FLAT_CHANGE else "●",
    )


def _target(metric: Metric, row: pd.Series) -> Target | None:
    if pd.isna(row["target"]) or pd.isna(row["attainment_rate"]):
        return None
    attained = float(row["attainment_rate"])
    bound = "" if metric.higher_is_better else "at most "
    return Target(
        text=f"Target {bound}{format_value(row['target'], metric.unit)}",
        attainment=f"{attained:.0%}",
        width=round(100 * min(max(attained, 0.0), 1.0), 1),
        is_met=attained >= 1,
    )


def _course(metric: Metric, weeks: pd.DataFrame, week: pd.Timestamp | None) -> Markup:
    if week is None or weeks.empty:
        return Markup("")
    first = week - WEEK * (SPARKLINE_WEEKS - 1)
    shown = weeks[weeks["period_start"].between(first, week)]
    starts = pd.DatetimeIndex([first + WEEK * step for step in range(SPARKLINE_WEEKS)])
    values = shown.drop_duplicates("period_start").set_index("period_start")["value"]
    aligned = values.reindex(starts)
    known = aligned.dropna()
    if known.empty:
        return Markup("")
    last_day = week + timedelta(days=6)
    alt_text = (
        f"{metric.label}, weekly over {len(known)} weeks to {last_day:%F}: "
        f"from {format_value(known.iloc[0], metric.unit)} "
        f"to {format_value(known.iloc[-1], metric.unit)}"
    )
    return sparkline(aligned.tolist(), alt_text=alt_text)
