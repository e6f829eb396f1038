"""Days that a metric's own past does not explain."""

import dagster as dg
import pandas as pd

from dagster_project import figures
from dagster_project.analysis.anomalies import detect_anomalies
from dagster_project.defs.asset_specs import Written, spec_of, written
from dagster_project.defs.forecasts import DATES, METRICS
from dagster_project.tables import ANOMALIES
from dagster_project.warehouse import Warehouse


@dg.multi_asset(
    name="anomalies",
    specs=[spec_of(ANOMALIES, [METRICS, DATES])],
    required_resource_keys={"warehouse", "run_lock"},
)
def anomalies(context: dg.AssetExecutionContext) -> Written:
    """List the incidents of every metric's daily total."""
    warehouse: Warehouse = context.resources.warehouse
    day = figures.watermark(warehouse).last_day
    if day is None:
        table = pd.DataFrame(columns=list(ANOMALIES.column_names))
    else:
        history = figures.complete_only(figures.daily_totals(warehouse))
        table = detect_anomalies(history, as_of_date=day)
    return written(ANOMALIES, warehouse.write(ANOMALIES, table))
