"""How many rows the lake holds, from file metadata alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from ingestion.landed_tables import EVENTS, lake_tables


def lake_row_counts(lake_dir: Path) -> dict[str, int]:
    """Return the rows of each table and of `quarantine`, and the number of `loads`.

    The genesis loads, which make an empty lake readable, are no loads.
    """
    with duckdb.connect() as connection:
        counts = {
            name: _rows(connection, f"{lake_dir}/{name}/{files}")
            for name, files in (
                *((table, "load=*/date=*/*.parquet") for table in lake_tables()),
                ("quarantine", "load=*/*.parquet"),
            )
        }
    loads = [
        path
        for table in lake_tables()
        for path in (lake_dir / table).glob("load=*/manifest.json")
        if not path.parent.name.startswith("load=0000")
    ]
    return {**counts, "loads": len(loads)}


def newest_event_day(lake_dir: Path) -> date | None:
    """Return the last UTC day with an event, None for an empty lake."""
    days = max(
        (
            path.name.removeprefix("date=")
            for path in (lake_dir / EVENTS).glob("load=[1-9]*/date=*")
        ),
        default=None,
    )
    return date.fromisoformat(days) if days else None


def _rows(connection: duckdb.DuckDBPyConnection, files: str) -> int:
    counted = connection.execute(
        "select count(*) from read_parquet(?)", [files]
    ).fetchone()
    return int(counted[0]) if counted else 0
