"""The catalog compiled and new files landed: everything that `raw` holds."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dagster_project.catalog_folder import compile_into_lake, read_catalog
from dagster_project.checks import Finding, finding_metadata
from dagster_project.defs.asset_specs import Written
from dagster_project.landing_options import landing_options
from dagster_project.record import ROW_COUNT, ROWS_WRITTEN
from dagster_project.settings import Settings
from ingestion.lake_counts import lake_row_counts
from ingestion.landing import LandingResult, land

CATALOG_TABLES = {
    "catalog_settings": "One row per compiled setting of the catalog.",
    "catalog_events": "One row per event of the tracking plan.",
    "catalog_metrics": "One row per declared metric, its expressions compiled.",
    "catalog_metric_targets": "One row per metric and period that has a target.",
}
LANDED_TABLES = {
    "events": "One row per landed copy of an event, in the lake.",
    "loads": "One row per load: what it took in and what became of it.",
    "quarantine": "One row per line that could not be used, with its reason.",
}
USABLE_FILES = dg.AssetCheckSpec(
    name="every_file_is_usable",
    asset=["raw", "loads"],
    description="No file in landing had to be refused as a whole.",
)


class CatalogConfig(dg.Config):
    """What one night is told: the instant its figures stand as of (ISO 8601), or ''."""

    as_of: str = ""


def _spec(name: str, description: str, deps: tuple[str, ...] = ()) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=["raw", name],
        deps=[["raw", dep] for dep in deps],
        group_name="raw",
        description=description,
        kinds={"parquet"},
    )


@dg.multi_asset(
    name="catalog",
    specs=[_spec(name, text) for name, text in CATALOG_TABLES.items()],
    required_resource_keys={"settings", "run_lock"},
)
def catalog(
    context: dg.AssetExecutionContext, config: CatalogConfig
) -> Iterator[Written]:
    """Check the declared catalog and compile it into the lake."""
    settings: Settings = context.resources.settings
    as_of = datetime.fromisoformat(config.as_of) if config.as_of else settings.as_of
    rows = compile_into_lake(read_catalog(settings), settings, as_of)
    for name in CATALOG_TABLES:
        yield dg.MaterializeResult(
            asset_key=["raw", name], metadata={ROW_COUNT: rows[name]}
        )


@dg.multi_asset(
    name="landing",
    specs=[
        _spec(name, text, ("catalog_events",)) for name, text in LANDED_TABLES.items()
    ],
    check_specs=[USABLE_FILES],
    required_resource_keys={"settings", "run_lock"},
    # A network share that is away for a moment; a landing that began is not lost.
    retry_policy=dg.RetryPolicy(max_retries=2, delay=10),
)
def landing(
    context: dg.AssetExecutionContext,
) -> Iterator[Written | dg.AssetCheckResult]:
    """Land new files in the lake, and set aside what cannot be used."""
    settings: Settings = context.resources.settings
    sources = read_catalog(settings).sources
    result = land(landing_options(settings, datetime.now(UTC)), sources)
    counts = lake_row_counts(settings.lake)
    tonight = {"events": result.landed, "quarantine": result.quarantined, "loads": 0}
    for name in LANDED_TABLES:
        extra = landed_metadata(result) if name == "loads" else {}
        yield dg.MaterializeResult(
            asset_key=["raw", name],
            metadata={
                ROW_COUNT: counts[name],
                ROWS_WRITTEN: tonight[name],
                **extra,
            },
        )
    yield _files_check(result)


def landed_metadata(result: LandingResult) -> Mapping[str, Any]:
    """Return what the landing did, as metadata that the summary reads back."""
    statuses = Counter(file.status for file in result.files)
    return {
        "files": dg.MetadataValue.json({str(key): n for key, n in statuses.items()}),
        "read": sum(load.lines_read for load in result.loads),
        "landed": result.landed,
        "quarantined": result.quarantined,
        "skipped": sum(load.skipped for load in result.loads),
        "quarantined_by_reason": dg.MetadataValue.json(
            dict(result.quarantined_by_reason)
        ),
        "new_properties": dg.MetadataValue.json(
            {source: list(keys) for source, keys in result.schema_changes.items()}
        ),
        "refused_files": dg.MetadataValue.json(
            [{"file": f.path, "reason": f.reason} for f in result.failed_files]
        ),
    }


def _files_check(result: LandingResult) -> dg.AssetCheckResult:
    refused = result.failed_files
    return dg.AssetCheckResult(
        check_name=USABLE_FILES.name,
        asset_key=USABLE_FILES.asset_key,
        passed=not refused,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=finding_metadata(
            Finding(
                gate="landing",
                failed_count=len(refused),
                observed=f"{len(refused)} of {len(result.files)} files were refused",
                examples=[{"file": f.path, "reason": f.reason} for f in refused],
                cure="Mend or remove the files named; they are tried again when they "
                "change.",
            )
        ),
    )
