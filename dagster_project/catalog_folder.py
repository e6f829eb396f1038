"""The catalog a home declares: read from its folder, compiled into its lake."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow.parquet as pq

from dagster_project.settings import Settings
from ingestion.catalog import Catalog, CatalogSettings, compile_catalog, load_catalog
from ingestion.lake_counts import newest_event_day


def read_catalog(settings: Settings) -> Catalog:
    """Read and check the catalog; raises `CatalogError` with every problem."""
    return load_catalog(settings.catalog)


def compile_into_lake(
    catalog: Catalog, settings: Settings, as_of: datetime | None
) -> dict[str, int]:
    """Write the compiled catalog; return the rows of each of its tables."""
    moment = settings.as_instant(as_of).astimezone(UTC) if as_of else None
    compile_catalog(
        catalog,
        CatalogSettings(
            reporting_timezone=settings.reporting_timezone,
            week_start=settings.week_start,
            as_of=moment,
            newest_event_day=newest_event_day(settings.lake),
        ),
        settings.compiled_catalog,
    )
    return {
        path.stem: pq.read_metadata(path).num_rows
        for path in settings.compiled_catalog.glob("*.parquet")
    }
