"""Which metrics a report shows and which week it covers.

Here belong the reading of definitions and of the totals of metrics. Here does not
belong their presentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from dagster_project.reports.formatting import Unit
from dagster_project.reports.report_data import ReportData

# How marts spell "over all values of every dimension".
TOTAL = "all"
MAX_HEADLINES = 12
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Metric:
    """A definition, ready to be written about."""

    name: str
    label: str
    description: str
    unit: Unit
    higher_is_better: bool


def is_total(frame: pd.DataFrame) -> pd.Series:
    """Rows over all values of every dimension."""
    dimension = frame["dimension"].fillna(TOTAL)
    return dimension.isin([TOTAL, ""])


def metrics_by_name(data: ReportData) -> dict[str, Metric]:
    """All definitions by name, in the order of the catalog."""
    return {
        str(row["metric_name"]): Metric(
            name=str(row["metric_name"]),
            label=_text(row["label"]) or _readable(str(row["metric_name"])),
            description=_text(row["description"]),
            unit=Unit.of(_text(row["unit"]), _text(row["metric_type"])),
            higher_is_better=_text(row["direction"]).lower() != "down",
        )
        for row in data.definitions.to_dict("records")
    }


def metric_of(metrics: dict[str, Metric], name: str) -> Metric:
    """The metric, or a plain one by that name where the catalog no longer has it."""
    return metrics.get(name) or Metric(name, _readable(name), "", Unit("count"), True)


def headline_metrics(data: ReportData) -> list[Metric]:
    """Metrics marked as headline; the first ones where none is marked."""
    metrics = metrics_by_name(data)
    marked = data.definitions["is_headline"].fillna(False).astype(bool)
    names = data.definitions.loc[marked, "metric_name"] if marked.any() else metrics
    return [metrics[str(name)] for name in list(names)[:MAX_HEADLINES]]


def last_complete_week(data: ReportData) -> pd.Timestamp | None:
    """First day of the last week that every figure of the page speaks about."""
    metrics = data.metrics
    complete = metrics["is_complete"].fillna(False).astype(bool)
    weeks = metrics.loc[complete & (metrics["period"] == "week"), "period_start"]
    if len(weeks):
        return pd.Timestamp(weeks.max())
    counts = data.event_counts
    weeks = counts.loc[counts["period"] == "week", "period_start"].drop_duplicates()
    if data.as_of is None or weeks.empty:
        return None
    local = pd.Timestamp(data.as_of).tz_convert(data.zone).tz_localize(None)
    ended = weeks[weeks + WEEK <= local]
    return None if ended.empty else pd.Timestamp(ended.max())


def totals(data: ReportData, period: str) -> pd.DataFrame:
    """Rows of one period over all dimensions, oldest first."""
    metrics = data.metrics
    rows = metrics[(metrics["period"] == period) & is_total(metrics)]
    return rows.sort_values("period_start")


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _readable(name: str) -> str:
    return name.replace("_", " ").strip().capitalize() or name
