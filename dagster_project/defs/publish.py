"""The published copy: only after the audit of this run."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dagster_project import figures
from dagster_project.dbt_manifest import descriptions, load_manifest, person_tables
from dagster_project.defs.asset_specs import Written, key_of, path_metadata
from dagster_project.open_erasure import refuse_open_erasure
from dagster_project.publishing import (
    Published,
    Sensitivity,
    Status,
    publish,
    write_status,
)
from dagster_project.record import ROW_COUNT
from dagster_project.settings import Settings
from dagster_project.tables import CHECK_RESULTS, DECLARED_TABLES, RUN_HEALTH
from dagster_project.warehouse import Warehouse

PUBLISHED = dg.AssetKey(["published", "daybreak"])


@dg.asset(
    name="daybreak",
    key_prefix="published",
    deps=[key_of(CHECK_RESULTS), key_of(RUN_HEALTH)],
    group_name="published",
    description="What BI reads: schemas marts, analysis and trust, replaced whole.",
    kinds={"duckdb"},
    required_resource_keys={"settings", "warehouse", "run_lock"},
    # The disk of the published copy may be a share that is away for a moment.
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
)
def daybreak(context: dg.AssetExecutionContext) -> Written:
    """Copy and put in place."""
    published = publish_now(
        context.resources.settings, context.resources.warehouse, context.run_id
    )
    return dg.MaterializeResult(
        metadata={
            "path": path_metadata(published.path),
            "bytes": published.bytes,
            ROW_COUNT: sum(published.rows.values()),
        }
    )


def publish_now(settings: Settings, warehouse: Warehouse, run_id: str) -> Published:
    """Publish the warehouse as it stands, in the name of a run that passed."""
    refuse_open_erasure(settings)
    manifest = load_manifest(settings)
    published = publish(
        warehouse.path,
        settings.published_database,
        threads=settings.threads,
        memory_limit=settings.memory_limit,
        descriptions=descriptions(manifest),
        sensitivity=sensitivity_of(manifest),
    )
    status = Status(
        published_at=datetime.now(UTC).isoformat(timespec="seconds"),
        as_of=figures.as_of_text(figures.watermark(warehouse), settings),
        run_id=run_id,
        stale=False,
    )
    write_status(settings.published, status)
    if settings.postgres_url:
        copy_to_postgres(settings, settings.postgres_url.get_secret_value())
    return published


def copy_to_postgres(settings: Settings, url: str) -> dict[str, int]:
    """Copy the night that is published to PostgreSQL; return rows by table.

    Raises PostgresError when the server does not take it.
    """
    # Its driver takes 0.2 s to import, and most nights have no server.
    from dagster_project.publishing_postgres import Roles, publish_to_postgres

    roles = Roles(settings.postgres_analyst_role, settings.postgres_steward_role)
    return publish_to_postgres(settings.published_database, url, roles)


def sensitivity_of(manifest: Mapping[str, Any]) -> Sensitivity:
    """Return which tables of dbt and of Python are about persons."""
    personal = {one.qualified for one in DECLARED_TABLES if one.is_about_persons}
    return Sensitivity(
        person_tables=person_tables(manifest) | personal,
        withheld={
            table.qualified: [c.name for c in table.columns if c.is_personal]
            for table in DECLARED_TABLES
            if any(column.is_personal for column in table.columns)
        },
    )
