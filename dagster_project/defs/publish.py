"""The published copy: only after the audit of this run."""

from datetime import UTC, datetime

import dagster as dg

from dagster_project import figures
from dagster_project.dbt_manifest import descriptions, load_manifest
from dagster_project.defs.asset_specs import Written, key_of, path_metadata
from dagster_project.publishing import Published, Status, publish, write_status
from dagster_project.record import ROW_COUNT
from dagster_project.settings import Settings
from dagster_project.tables import CHECK_RESULTS, RUN_HEALTH
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
    published = publish(
        warehouse.path,
        settings.published_database,
        threads=settings.threads,
        memory_limit=settings.memory_limit,
        descriptions=descriptions(load_manifest(settings)),
    )
    status = Status(
        published_at=datetime.now(UTC).isoformat(timespec="seconds"),
        as_of=figures.as_of_text(figures.watermark(warehouse), settings),
        run_id=run_id,
        stale=False,
    )
    write_status(settings.published, status)
    return published
