"""Results of experiments: every look judged, decided, and checked; and equal halves."""

from collections.abc import Iterable

import dagster as dg
import pandas as pd

from dagster_project import figures
from dagster_project.aa_persons import aa_table
from dagster_project.defs.asset_specs import Written, spec_of, written
from dagster_project.experiment_frames import experiment_tables
from dagster_project.settings import Settings
from dagster_project.tables import (
    AA_VALIDATION,
    EXPERIMENT_DECISIONS,
    EXPERIMENT_INTERACTIONS,
    EXPERIMENT_QUALITY,
    EXPERIMENT_RESULTS,
)
from dagster_project.warehouse import Warehouse

SUMS = [
    dg.AssetKey(["marts", "dim_experiments"]),
    dg.AssetKey(["marts", "fct_experiment_assignments"]),
    dg.AssetKey(["marts", "fct_experiment_overlaps"]),
    dg.AssetKey(["marts", "fct_experiment_traffic_daily"]),
    dg.AssetKey(["marts", "fct_experiment_variant_metrics_daily"]),
]
METRICS = dg.AssetKey(["marts", "fct_metrics"])


@dg.multi_asset(
    name="experiments",
    specs=[
        spec_of(table, SUMS)
        for table in (
            EXPERIMENT_RESULTS,
            EXPERIMENT_DECISIONS,
            EXPERIMENT_QUALITY,
            EXPERIMENT_INTERACTIONS,
        )
    ],
    required_resource_keys={"warehouse", "run_lock"},
)
def experiments(context: dg.AssetExecutionContext) -> Iterable[Written]:
    """Judge every look, decide, check how it ran and what shares its units."""
    warehouse: Warehouse = context.resources.warehouse
    for table, frame in experiment_tables(warehouse).items():
        yield written(table, warehouse.write(table, frame))


@dg.multi_asset(
    name="aa_validation",
    specs=[spec_of(AA_VALIDATION, [METRICS])],
    required_resource_keys={"settings", "warehouse", "run_lock"},
)
def aa_validation(context: dg.AssetExecutionContext) -> Written:
    """Split the persons of the last 28 days into equal halves, again and again."""
    settings: Settings = context.resources.settings
    warehouse: Warehouse = context.resources.warehouse
    day = figures.watermark(warehouse).last_day
    if day is None:
        table = pd.DataFrame(columns=list(AA_VALIDATION.column_names))
    else:
        table = aa_table(
            warehouse,
            settings.compiled_catalog,
            last_day=day,
            reporting_timezone=settings.reporting_timezone,
        )
    return written(AA_VALIDATION, warehouse.write(AA_VALIDATION, table))
