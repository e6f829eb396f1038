"""All that Dagster knows of Daybreak: `dagster dev -m dagster_project.definitions`."""

from __future__ import annotations

import dagster as dg

from dagster_project.defs import (
    anomalies,
    automation,
    dbt,
    experiments,
    forecasts,
    identities,
    ingestion,
    origins,
    publish,
    quality,
    reports,
    resources,
    trust,
)
from dagster_project.defs.audit import build_audit
from dagster_project.settings import Settings

ASSETS = (
    ingestion.catalog,
    origins.fetching,
    ingestion.landing,
    dbt.dbt_staging,
    dbt.dbt_intermediate,
    dbt.dbt_marts,
    trust.reconciliation_sample,
    identities.identity_history,
    forecasts.forecasts,
    forecasts.accuracy,
    anomalies.anomalies,
    experiments.experiments,
    experiments.aa_validation,
    reports.experiments,
    reports.weekly,
)
GATES = (
    quality.landed_data_gate,
    quality.forecasts_gate,
    quality.anomalies_gate,
    quality.experiments_gate,
    quality.aa_validation_gate,
    quality.reconciliation_gate,
)
# What is published, and the report: nothing of it may stand unaudited.
AUDITED = (
    dbt.dbt_marts,
    trust.reconciliation_sample,
    identities.identity_history,
    forecasts.forecasts,
    forecasts.accuracy,
    anomalies.anomalies,
    experiments.experiments,
    experiments.aa_validation,
    reports.experiments,
    reports.weekly,
)


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return the definitions for a home."""
    audit = build_audit(
        [*ASSETS, *GATES], [key for assets in AUDITED for key in assets.keys]
    )
    return dg.Definitions(
        assets=[*ASSETS, audit, publish.daybreak],
        asset_checks=list(GATES),
        jobs=[automation.nightly],
        schedules=[automation.build_schedule(settings)],
        sensors=[automation.build_sensor(settings)],
        resources=resources.resources_of(settings),
        loggers={"night": resources.night_logger},
        executor=dg.in_process_executor,
    )


SETTINGS = Settings()
SETTINGS.apply_environment()
defs = build_definitions(SETTINGS)
