"""What the published marts say of experiments and of the metrics they are planned by.

Queries on the published copy: they never wait for a night, nor hold one up.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dagster_project.aa_persons import DAYS
from dagster_project.analysis.experiment_plan import History
from dagster_project.settings import Settings
from dagster_project.tables import (
    AA_VALIDATION,
    EXPERIMENT_DECISIONS,
    EXPERIMENT_QUALITY,
    EXPERIMENT_RESULTS,
)
from dagster_project.warehouse import Warehouse, WarehouseError


def published(settings: Settings) -> Warehouse:
    """Return the published copy. Raises `WarehouseError` before the first night."""
    path: Path = settings.published_database
    if not path.exists():
        raise WarehouseError(
            "Nothing has been published yet: start `daybreak run`, then ask again."
        )
    return Warehouse(path, settings.threads, settings.memory_limit, settings.scratch)


def histories(copy: Warehouse) -> dict[str, History]:
    """Return what each metric was like per person over the last 28 days, by name."""
    if AA_VALIDATION.qualified not in copy.tables(AA_VALIDATION.schema):
        return {}
    rows = copy.read(
        "select metric_name, metric_kind, person_count, level, "
        "coalesce(adjusted_std_dev, std_dev) as spread "
        f"from {AA_VALIDATION.qualified} where level is not null order by metric_name"
    )
    return {
        str(row["metric_name"]): History(
            metric_name=str(row["metric_name"]),
            level=float(row["level"]),
            std_dev=float(row["spread"]),
            is_proportion=row["metric_kind"] == "proportion",
            units_per_day=float(row["person_count"]) / (2 * DAYS),
            basis=f"all {int(row['person_count']):,} active persons, over {DAYS} days",
        )
        for row in rows.to_dict("records")
    }


def latest_decisions(copy: Warehouse) -> pd.DataFrame:
    """Return the last decision on each treatment; empty before there is one."""
    if EXPERIMENT_DECISIONS.qualified not in copy.tables(EXPERIMENT_DECISIONS.schema):
        return pd.DataFrame(columns=list(EXPERIMENT_DECISIONS.column_names))
    return copy.read(
        f"select * from {EXPERIMENT_DECISIONS.qualified} "
        "qualify row_number() over (partition by experiment_name, treatment "
        "order by day_number desc) = 1 order by experiment_name, treatment"
    )


def latest_comparisons(copy: Warehouse, experiment: str) -> pd.DataFrame:
    """Return the last closed look over all units: every metric and treatment."""
    return copy.read(
        f"select * from {EXPERIMENT_RESULTS.qualified} where experiment_name = ? "
        "and view = 'closed' and dimension = 'all' "
        "qualify day_number = max(day_number) over () order by "
        "list_position(['success', 'guardrail', 'deterioration', 'secondary'], role), "
        "metric_name, treatment, is_capped desc",
        [experiment],
    )


def failed_checks(copy: Warehouse, experiment: str) -> pd.DataFrame:
    """Return the checks that fail on the last day."""
    return copy.read(
        f"select * from (select *, max(day_date) over () as last_day from "
        f"{EXPERIMENT_QUALITY.qualified} where experiment_name = ?) as dated "
        "where day_date = last_day and not is_passed order by check_name",
        [experiment],
    )
