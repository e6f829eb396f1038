"""What results of experiments are made of, and results as the tables that are written.

Queries and names of columns only; the statistics are in `analysis`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from dagster_project.analysis.experiment_results.frames import (
    ASSIGNMENTS,
    DAY_SINCE_EXPOSURE,
    METRICS,
    OVERLAPS,
    SUMS,
    TRAFFIC,
    VARIANTS,
    ExperimentFrames,
)
from dagster_project.analysis.experiment_results.results import (
    ExperimentResults,
    results_of,
)
from dagster_project.analysis.experiment_results.reuse import (
    first_changed_days,
    look_hashes,
)
from dagster_project.tables import (
    EXPERIMENT_DECISIONS,
    EXPERIMENT_INTERACTIONS,
    EXPERIMENT_QUALITY,
    EXPERIMENT_RESULTS,
    Table,
)
from dagster_project.warehouse import Warehouse

_OF_METRIC = ("label", "unit", "direction", "margin", "mde")
_WORDS = {"label": "metric_label", "unit": "metric_unit"}


def experiment_tables(warehouse: Warehouse) -> dict[Table, pd.DataFrame]:
    """Judge every experiment; return its tables with their declared columns.

    Days whose inputs are what they were keep the rows that an earlier night wrote:
    three new days of an experiment of 100 cost 1.4 s, all of it 4 s.
    """
    declared = declared_metrics(warehouse)
    frames = experiment_frames(warehouse, declared)
    hashes = look_hashes(frames)
    earlier = _earlier(warehouse)
    known = earlier.decisions[["experiment_name", "day_number", "inputs_hash"]]
    since = first_changed_days(
        hashes, {(n, int(day)): h for n, day, h in known.itertuples(index=False)}
    )
    found = results_of(frames, since=since)
    kept = ExperimentResults(
        _kept(earlier.comparisons, since),
        _kept(earlier.decisions, since),
        found.quality,
        found.interactions,
    )
    keys = ["experiment_name", "day_number"]
    if len(found.decisions):
        found = replace(found, decisions=found.decisions.merge(hashes, on=keys))
    return tables_of(_both(kept, found), declared)


def _earlier(warehouse: Warehouse) -> ExperimentResults:
    """Rows of the night before; none where their columns were others."""
    frames = []
    for table in (EXPERIMENT_RESULTS, EXPERIMENT_DECISIONS):
        frame = pd.DataFrame(columns=list(table.column_names))
        if table.qualified in warehouse.tables(table.schema):
            frame = warehouse.read(f"select * from {table.qualified}")
        frames.append(frame)
    tables = (EXPERIMENT_RESULTS, EXPERIMENT_DECISIONS)
    if any(
        list(frame.columns) != list(table.column_names)
        for frame, table in zip(frames, tables, strict=True)
    ):
        frames = [pd.DataFrame(columns=list(table.column_names)) for table in tables]
    words = [*_WORDS.values(), *_OF_METRIC[2:]]
    return ExperimentResults(frames[0].drop(columns=words), frames[1], pd.DataFrame())


def _kept(rows: pd.DataFrame, since: Mapping[str, int]) -> pd.DataFrame:
    first = rows["experiment_name"].map(dict(since)).fillna(0)
    kept = rows["day_number"].astype("int64") < first
    if "view" in rows:
        kept &= rows["view"] != DAY_SINCE_EXPOSURE
    return rows[kept]


def _both(kept: ExperimentResults, found: ExperimentResults) -> ExperimentResults:
    def joined(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
        parts = [part for part in (old, new) if len(part)]
        return pd.concat(parts, ignore_index=True) if parts else new

    return ExperimentResults(
        comparisons=joined(kept.comparisons, found.comparisons),
        decisions=joined(kept.decisions, found.decisions),
        quality=found.quality,
        interactions=found.interactions,
    )


def tables_of(
    found: ExperimentResults, declared: pd.DataFrame
) -> dict[Table, pd.DataFrame]:
    """Lay results out as declared; what is not finite is null."""
    comparisons, decisions = found.comparisons, found.decisions
    keys = ["experiment_name", "metric_name"]
    words = declared[[*keys, *_OF_METRIC]].rename(columns=_WORDS)
    interactions = found.interactions
    if len(comparisons):
        comparisons = comparisons.merge(words, on=keys, how="left")
    if len(interactions):
        interactions = interactions.merge(words, on=keys, how="left")
    if len(decisions) and "inputs_hash" not in decisions:
        decisions = decisions.assign(inputs_hash=None)
    return {
        table: _as_declared(frame, table)
        for table, frame in (
            (EXPERIMENT_RESULTS, comparisons),
            (EXPERIMENT_DECISIONS, decisions),
            (EXPERIMENT_QUALITY, found.quality),
            (EXPERIMENT_INTERACTIONS, interactions),
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
            "select experiment_name, status, strata, config_hash, planned_days, "
            "planned_units, confidence, power, several_variants_limit, "
            "misassigned_limit, start_date, end_date "
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
        assignments=warehouse.read(
            f"select {', '.join(ASSIGNMENTS)} from marts.fct_experiment_assignments "
            "where is_as_assigned is not null"
        ),
        overlaps=warehouse.read(
            f"select {', '.join(OVERLAPS)} from marts.fct_experiment_overlaps"
        ),
    )
