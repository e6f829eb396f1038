"""Forecasts of the metrics that ask for one, and how good past ones were."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pandas as pd

from dagster_project import figures
from dagster_project.analysis.forecast_scoring import forecast_accuracy
from dagster_project.analysis.forecasting import forecast
from dagster_project.defs.asset_specs import Written, key_of, spec_of, written
from dagster_project.forecast_ledger import book, score
from dagster_project.ledger import Booking, Ledger
from dagster_project.tables import FORECAST_ACCURACY, FORECASTS
from dagster_project.warehouse import Warehouse

METRICS = dg.AssetKey(["marts", "fct_metrics"])
DEFINITIONS = dg.AssetKey(["marts", "dim_metrics"])
DATES = dg.AssetKey(["marts", "dim_dates"])
ACCURACY_DAYS = 90


@dg.multi_asset(
    name="forecasts",
    specs=[spec_of(FORECASTS, [METRICS, DEFINITIONS, DATES])],
    required_resource_keys={"ledger", "warehouse", "run_lock"},
)
def forecasts(context: dg.AssetExecutionContext) -> Written:
    """Forecast from the last complete day, and score what has come due."""
    warehouse: Warehouse = context.resources.warehouse
    ledger: Ledger = context.resources.ledger
    booking = Booking(context.run_id, datetime.now(UTC))
    day = figures.watermark(warehouse).last_day
    if day is None:
        empty = pd.DataFrame(columns=list(FORECASTS.column_names))
        return written(FORECASTS, warehouse.write(FORECASTS, empty))
    totals = figures.daily_totals(warehouse)
    history = figures.complete_only(totals)
    made = forecast(
        history,
        origin_date=day,
        horizon_days=figures.forecast_horizons(warehouse),
        non_negative=figures.never_negative(history),
        upper_limits=figures.upper_limits(warehouse),
    )
    book(ledger, made, booking)
    table = score(ledger, totals, day, booking)
    return written(FORECASTS, warehouse.write(FORECASTS, table))


@dg.multi_asset(
    name="forecast_accuracy",
    specs=[spec_of(FORECAST_ACCURACY, [key_of(FORECASTS)])],
    required_resource_keys={"warehouse", "run_lock"},
)
def accuracy(context: dg.AssetExecutionContext) -> Written:
    """Roll up the scores of the last 90 days."""
    warehouse: Warehouse = context.resources.warehouse
    day = figures.watermark(warehouse).last_day
    since = day - timedelta(days=ACCURACY_DAYS) if day else None
    table = forecast_accuracy(
        warehouse.read(f"select * from {FORECASTS.qualified}"), targets_since=since
    )
    return written(FORECAST_ACCURACY, warehouse.write(FORECAST_ACCURACY, table))
