"""The reports, written before the audit and not yet sent to anyone."""

import dagster as dg

from dagster_project import record
from dagster_project.defs.asset_specs import Written, key_of, path_metadata
from dagster_project.experiment_pages import write_pages
from dagster_project.tables import (
    ANOMALIES,
    EXPERIMENT_DECISIONS,
    EXPERIMENT_INTERACTIONS,
    EXPERIMENT_QUALITY,
    EXPERIMENT_RESULTS,
    FORECAST_ACCURACY,
    FORECASTS,
)
from dagster_project.weekly_report import write_weekly

MARTS_SHOWN = (
    "fct_metrics",
    "dim_metrics",
    "fct_active_persons_daily",
    "fct_event_counts",
)


@dg.asset(
    name="weekly",
    key_prefix="reports",
    deps=[
        *(dg.AssetKey(["marts", name]) for name in MARTS_SHOWN),
        dg.AssetKey(["trust", "freshness"]),
        key_of(FORECASTS),
        key_of(FORECAST_ACCURACY),
        key_of(ANOMALIES),
        key_of(EXPERIMENT_DECISIONS),
    ],
    group_name="reports",
    description="The weekly report: one self-contained HTML page.",
    kinds={"python", "html"},
    required_resource_keys={"settings", "warehouse", "run_lock"},
)
def weekly(context: dg.AssetExecutionContext) -> Written:
    """Render the report with the checks of this run."""
    report = write_weekly(
        context.resources.warehouse,
        context.resources.settings,
        run_id=context.run_id,
        checks=record.check_results(context.instance, context.run_id),
    )
    return dg.MaterializeResult(
        metadata={"path": path_metadata(report.path), "bytes": report.bytes}
    )


@dg.asset(
    name="experiments",
    key_prefix="reports",
    deps=[
        dg.AssetKey(["marts", "dim_experiments"]),
        dg.AssetKey(["marts", "fct_experiment_distributions"]),
        key_of(EXPERIMENT_RESULTS),
        key_of(EXPERIMENT_DECISIONS),
        key_of(EXPERIMENT_QUALITY),
        key_of(EXPERIMENT_INTERACTIONS),
    ],
    group_name="reports",
    description="A page for each experiment: self-contained HTML.",
    kinds={"python", "html"},
    required_resource_keys={"settings", "warehouse", "run_lock"},
)
def experiments(context: dg.AssetExecutionContext) -> Written:
    """Render the page of every experiment that is not a draft."""
    settings = context.resources.settings
    pages = write_pages(context.resources.warehouse, settings, run_id=context.run_id)
    return dg.MaterializeResult(
        metadata={"path": path_metadata(settings.reports), "pages": len(pages)}
    )
