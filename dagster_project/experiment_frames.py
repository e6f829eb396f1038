"""What results of experiments are made of, and results as the tables that are written.

Queries and names of columns only; the statistics are in `analysis`.
"""

from __future__ import annotations

from pathlib import Path

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


def experiment_tables(
    warehouse: Warehouse, compiled_catalog: Path
) -> dict[Table, pd.DataFrame]:
    """Judge every experiment; return its three tables with their declared columns."""
    declared = declared_metrics(warehouse, compiled_catalog)
    found = results_of(experiment_frames(warehouse, compiled_catalog, declared))
    return tables_of(found, declared)


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


def declared_metrics(warehouse: Warehouse, compiled_catalog: Path) -> pd.DataFrame:
    """Return one row per experiment and metric, in the order of the declaration."""
    file = compiled_catalog / "catalog_experiment_metrics.parquet"
    return warehouse.read(
        "select *, coalesce(window_seconds / 86400.0, retention_day + 1) "
        "as window_days from read_parquet(?) order by experiment_name, position",
        [str(file)],
    )


def experiment_frames(
    warehouse: Warehouse, compiled_catalog: Path, metrics: pd.DataFrame
) -> ExperimentFrames:
    """Read the sums, the traffic and what is declared of every experiment."""
    variants = compiled_catalog / "catalog_experiment_variants.parquet"
    return ExperimentFrames(
        definitions=warehouse.read(
            "select experiment_name, status, config_hash, planned_days, planned_units, "
            "confidence, power, several_variants_limit, start_date, end_date "
            "from marts.dim_experiments where status <> 'draft' "
            "order by experiment_name"
        ),
        variants=warehouse.read(
            f"select {', '.join(VARIANTS)} from read_parquet(?) "
            "order by experiment_name, position",
            [str(variants)],
        ),
        metrics=metrics[list(METRICS)],
        sums=warehouse.read(
            f"select {', '.join(SUMS)} from marts.fct_experiment_variant_metrics_daily"
        ),
        traffic=warehouse.read(
            f"select {', '.join(TRAFFIC)} from marts.fct_experiment_traffic_daily"
        ),
    )
