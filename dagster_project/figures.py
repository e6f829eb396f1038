"""What Python reads from the marts: daily histories, dates, and the report's frames.

Queries only; what is made of the frames belongs to `analysis/` and `reports/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pandas as pd

from dagster_project.settings import Settings
from dagster_project.tables import (
    ANOMALIES,
    EXPERIMENT_DECISIONS,
    FORECAST_ACCURACY,
    FORECASTS,
)
from dagster_project.warehouse import Warehouse

TOTAL = "all"
# What the report shows of event counts and forecasts; older rows stay in the tables.
REPORT_DAYS = 400


@dataclass(frozen=True)
class Watermark:
    """How far the data reaches: the instant (UTC) and the last complete local day.

    Both are null while there is no event.
    """

    as_of: datetime | None
    last_day: date | None


def watermark(warehouse: Warehouse) -> Watermark:
    """Read how far the data reaches."""
    found = warehouse.read(
        "select (select max(watermark_at) from intermediate.int_watermark) as as_of, "
        "(select max(date_day) from marts.dim_dates where is_complete) as last_day"
    ).iloc[0]
    as_of = None if pd.isna(found["as_of"]) else pd.Timestamp(found["as_of"])
    last_day = None if pd.isna(found["last_day"]) else pd.Timestamp(found["last_day"])
    return Watermark(
        as_of.to_pydatetime().replace(tzinfo=UTC) if as_of is not None else None,
        last_day.date() if last_day is not None else None,
    )


def daily_totals(warehouse: Warehouse) -> pd.DataFrame:
    """Return one row per metric and local day over all dimensions.

    Columns: metric_name, dimension, dimension_value, date, value (null while its
    window is open), is_complete.
    """
    return warehouse.read(
        "select metric_name, dimension, dimension_value, "
        "cast(period_start as date) as date, value, is_complete "
        "from marts.fct_metrics where period = 'day' and dimension = ? "
        "order by metric_name, date",
        [TOTAL],
    )


def complete_only(totals: pd.DataFrame) -> pd.DataFrame:
    """Return the days that are over."""
    return totals[totals["is_complete"]].drop(columns="is_complete")


def never_negative(history: pd.DataFrame) -> dict[str, bool]:
    """Return, by metric, whether its figures have never been below 0."""
    lowest = history.groupby("metric_name")["value"].min()
    return {str(name): not value < 0 for name, value in lowest.items()}


def forecast_horizons(warehouse: Warehouse) -> dict[str, int]:
    """Return how many days ahead each metric asks to be forecast."""
    found = warehouse.read(
        "select metric_name, forecast_horizon_days from marts.dim_metrics "
        "where forecast_horizon_days is not null order by metric_name"
    )
    return {
        str(name): int(days)
        for name, days in zip(
            found["metric_name"], found["forecast_horizon_days"], strict=True
        )
    }


def upper_limits(warehouse: Warehouse) -> dict[str, float]:
    """Return the metrics that are shares, with 1 as their highest value."""
    found = warehouse.read(
        "select metric_name from marts.dim_metrics where metric_type = 'retention' "
        "or (metric_type = 'conversion' "
        'and definition like \'%"count_by":"persons"%\')'
    )
    return {str(name): 1.0 for name in found["metric_name"]}


def report_frames(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    """Return the frames of the weekly report, all but its checks."""
    recent = f"(select max(date_day) - {REPORT_DAYS} from marts.dim_dates)"
    queries = {
        "metrics": "select * from marts.fct_metrics where dimension = 'all' "
        f"and period in ('day', 'week', 'month') and period_start >= {recent}",
        "definitions": "select * from marts.dim_metrics",
        "active_persons": "select * from marts.fct_active_persons_daily "
        f"where activity_date >= {recent}",
        "event_counts": "select * from marts.fct_event_counts "
        f"where period = 'week' and period_start >= {recent}",
        "forecasts": f"select * from {FORECASTS.qualified} "
        f"where origin_date >= {recent}",
        "forecast_accuracy": f"select * from {FORECAST_ACCURACY.qualified}",
        "anomalies": f"select * from {ANOMALIES.qualified}",
        "experiments": "select definitions.label, definitions.status, told.* "
        f"from {EXPERIMENT_DECISIONS.qualified} as told "
        "inner join marts.dim_experiments as definitions "
        "on told.experiment_name = definitions.experiment_name "
        "qualify row_number() over (partition by told.experiment_name, told.treatment "
        "order by told.day_number desc) = 1 "
        "order by told.experiment_name, told.treatment",
        "freshness": "select * from trust.freshness",
    }
    return {name: warehouse.read(query) for name, query in queries.items()}


def as_of_text(mark: Watermark, settings: Settings) -> str:
    """Return the watermark in the reporting zone, for file names and the status."""
    if mark.as_of is None:
        return "no data"
    return mark.as_of.astimezone(settings.timezone).isoformat(timespec="seconds")
