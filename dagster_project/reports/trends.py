"""Daily courses: metrics with their forecast and unusual days, and active persons.

Here belongs which days and rows a chart shows. Here does not belong how it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd
from markupsafe import Markup

from dagster_project.reports.charts import active_persons_chart, trend_chart
from dagster_project.reports.formatting import (
    format_day,
    format_value,
    format_whole,
    plural,
)
from dagster_project.reports.metric_lookup import (
    Metric,
    headline_metrics,
    is_total,
    totals,
)
from dagster_project.reports.report_data import ReportData

TREND_DAYS = 90
WIDE, NARROW = 1030, 360
# Column, its name in the chart, the flag that says the window is full.
WINDOWS = (
    ("daily_active_persons", "Daily", None),
    ("weekly_active_persons", "Weekly", "is_full_week_window"),
    ("monthly_active_persons", "Monthly", "is_full_month_window"),
)


@dataclass(frozen=True)
class Panel:
    """One small chart with its words."""

    label: str
    last: str
    outlook: str
    chart: Markup


@dataclass(frozen=True)
class ActivePersons:
    """The chart of active persons in two widths, and its last figures."""

    wide: Markup
    narrow: Markup
    figures: tuple[tuple[str, str], ...]


def trend_panels(data: ReportData) -> list[Panel]:
    """One panel for each headline metric with at least two known complete days."""
    days = totals(data, "day")
    days = days[days["is_complete"].fillna(False).astype(bool)]
    by_metric = dict(tuple(days.groupby("metric_name")))
    panels = (
        _panel(data, metric, by_metric[metric.name], number)
        for number, metric in enumerate(headline_metrics(data))
        if metric.name in by_metric
    )
    return [panel for panel in panels if panel is not None]


def _panel(
    data: ReportData, metric: Metric, days: pd.DataFrame, number: int
) -> Panel | None:
    last_day = days["period_start"].max()
    shown = days[days["period_start"] > last_day - timedelta(days=TREND_DAYS)]
    history = shown[["period_start", "value"]].rename(columns={"period_start": "day"})
    known = history.dropna()
    if len(known) < 2:
        return None
    forecast = _latest_forecast(data, metric.name, last_day)
    incidents = _incidents(data, metric.name)
    unusual = known[known["day"].isin(incidents["peak_date"])]
    last = known.iloc[-1]
    outlook = _outlook(metric, forecast, last_day)
    alt_text = (
        f"{metric.label} by day, {len(known)} days to {last['day']:%F}; last value "
        f"{format_value(last['value'], metric.unit)}; {len(unusual)} unusual days "
        f"marked. {outlook}"
    )
    return Panel(
        label=metric.label,
        last=f"{format_value(last['value'], metric.unit)} on {format_day(last['day'])}",
        outlook=outlook,
        chart=trend_chart(
            history,
            forecast,
            unusual,
            _spans(incidents, history),
            unit=metric.unit,
            name=f"trend{number}",
            alt_text=alt_text,
        ),
    )


def _latest_forecast(
    data: ReportData, metric_name: str, last_day: pd.Timestamp
) -> pd.DataFrame:
    """The newest forecast of the metric's total, days after ``last_day`` only."""
    rows = data.forecasts
    rows = rows[(rows["metric_name"] == metric_name) & is_total(rows)]
    rows = rows[rows["origin_date"] == rows["origin_date"].max()]
    rows = rows.drop_duplicates("target_date").sort_values("target_date")
    columns = ["target_date", "mean", "lower_80", "upper_80", "lower_95", "upper_95"]
    ahead: pd.DataFrame = rows.loc[rows["target_date"] > last_day, columns]
    return ahead.rename(columns={"target_date": "day"})


def _incidents(data: ReportData, metric_name: str) -> pd.DataFrame:
    rows = data.anomalies
    return rows[(rows["metric_name"] == metric_name) & is_total(rows)]


def _spans(incidents: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """First and last day of each incident of several days, as far as it is shown."""
    first_day, last_day = history["day"].min(), history["day"].max()
    spans = pd.DataFrame(
        {
            "first": incidents["started_on"].clip(lower=first_day),
            "last": incidents["ended_on"].fillna(last_day).clip(upper=last_day),
        }
    )
    return spans[spans["first"] < spans["last"]]


def _outlook(metric: Metric, forecast: pd.DataFrame, last_day: pd.Timestamp) -> str:
    if forecast.empty:
        return "No forecast."
    ahead = forecast.head(7).iloc[-1]
    days = plural((ahead["day"] - last_day) // timedelta(days=1), "day")
    text = f"In {days}: {format_value(ahead['mean'], metric.unit)}"
    if pd.isna(ahead["lower_80"]):
        return f"{text}; no range can be given yet."
    lower, upper = (
        format_value(ahead[bound], metric.unit) for bound in ("lower_80", "upper_80")
    )
    return f"{text} (80%: {lower} to {upper})"


def active_persons(data: ReportData) -> ActivePersons | None:
    """Active persons over the last 90 days; null before there are two days."""
    rows = data.active_persons.sort_values("activity_date")
    if len(rows) < 2:
        return None
    last_day = rows["activity_date"].max()
    rows = rows[rows["activity_date"] > last_day - timedelta(days=TREND_DAYS)]
    parts = []
    for column, window, full in WINDOWS:
        part = rows[["activity_date", column]].set_axis(["day", "persons"], axis=1)
        if full is not None:
            part = part[rows[full].fillna(False).astype(bool)]
        parts.append(part.assign(window=window))
    lines = pd.concat(parts, ignore_index=True)
    figures = tuple(
        (f"{window} active", format_whole(_last(lines, window)))
        for _, window, _ in WINDOWS
    )
    alt_text = f"Active persons to {last_day:%F}: " + ", ".join(
        f"{name} {figure}" for name, figure in figures
    )
    wide, narrow = (
        active_persons_chart(
            lines, width=width, name=f"active{width}", alt_text=alt_text
        )
        for width in (WIDE, NARROW)
    )
    return ActivePersons(wide, narrow, figures)


def _last(lines: pd.DataFrame, window: str) -> float | None:
    known = lines.loc[lines["window"] == window, "persons"].dropna()
    return None if known.empty else float(known.iloc[-1])
