"""What results of experiments are made of, and results as the tables that are written.

Queries and names of columns only; the statistics are in `analysis`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dagster_project.analysis.experiment_results.frames import (
    METRICS,
    SUMS,
    TRAFFIC,
    VARIANTS,
    ExperimentFrames,
)
from dagster_project.analysis.experiment_results.results import (
    ExperimentResults,
    results_of,
)
from dagster_project.tables import (
    EXPERIMENT_DECISIONS,
    EXPERIMENT_QUALITY,
    EXPERIMENT_RESULTS,
    Table,
)
from dagster_project.warehouse import Warehouse

_OF_METRIC = ("label", "unit", "direction", "margin", "mde")


def experiment_tables(warehouse: Warehouse) -> dict[Table, pd.DataFrame]:
    """Judge every experiment; return its three tables with their declared columns."""
    declared = declared_metrics(warehouse)
    return tables_of(results_of(experiment_frames(warehouse, declared)), declared)


def tables_of(
    found: ExperimentResults, declared: pd.DataFrame
) -> dict[Table, pd.DataFrame]:
    """Lay results out as declared; what is not finite is null."""
    comparisons = found.comparisons
    if len(comparisons):
        keys = ["experiment_name", "metric_name"]
        words = declared[[*keys, *_OF_METRIC]].rename(
            columns={"label": "metric_label", "unit": "metric_unit"}
        )
        comparisons = comparisons.merge(words, on=keys, how="left")
    return {
        table: _as_declared(frame, table)
        for table, frame in (
            (EXPERIMENT_RESULTS, comparisons),
            (EXPERIMENT_DECISIONS, found.decisions),
            (EXPERIMENT_QUALITY, found.quality),
        )
    }


def _as_declared(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    columns = list(table.column_names)
    if frame.empty:
        return pd.DataFrame(columns=columns)
    return frame[columns].replace([np.inf, -np.inf], np.nan)


def declared_metrics(warehouse: Warehouse) -> pd.DataFrame:
    """Return one row per experiment and metric, in the order of the declaration."""
    return warehouse.read(
        "select *, coalesce(window_seconds / 86400.0, retention_day + 1) "
        "as window_days from staging.stg_catalog_experiment_metrics "
        "order by experiment_name, position"
    )


def experiment_frames(warehouse: Warehouse, metrics: pd.DataFrame) -> ExperimentFrames:
    """Read the sums, the traffic and what is declared of every experiment."""
    columns = [name for name in TRAFFIC if name != "unit_count"]
    return ExperimentFrames(
        definitions=warehouse.read(
            "select experiment_name, status, config_hash, planned_days, planned_units, "
            "confidence, power, several_variants_limit, start_date, end_date "
            "from marts.dim_experiments where status <> 'draft' "
            "order by experiment_name"
        ),
        variants=warehouse.read(
            f"select {', '.join(VARIANTS)} "
            "from staging.stg_catalog_experiment_variants "
            "order by experiment_name, position"
        ),
        metrics=metrics[list(METRICS)],
        sums=warehouse.read(
            f"select {', '.join(SUMS)} from marts.fct_experiment_variant_metrics_daily"
        ),
        # Units that are found in a second variant later leave the count on that day.
        traffic=warehouse.read(
            f"select {', '.join(columns)}, cumulative_unit_count - lag("
            "cumulative_unit_count, 1, 0) over (partition by experiment_name, "
            "dimension, dimension_value, variant order by exposure_date) as unit_count "
            "from marts.fct_experiment_traffic_daily"
        ),
    )
