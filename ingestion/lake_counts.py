"""How many rows the lake holds, from file metadata alone."""

from __future__ import annotations

from pathlib import Path

import duckdb


def lake_row_counts(lake_dir: Path) -> dict[str, int]:
    """Return the rows of `events` and `quarantine`, and the number of `loads`.

    The genesis load, which makes an empty lake readable, is no load.
    """
    with duckdb.connect() as connection:
        counts = {
            name: _rows(connection, f"{lake_dir}/{name}/{files}")
            for name, files in (
                ("events", "load=*/date=*/*.parquet"),
                ("quarantine", "load=*/*.parquet"),
            )
        }
    manifests = list((lake_dir / "events").glob("load=*/manifest.json"))
    genesis = [path for path in manifests if path.parent.name.startswith("load=0000")]
    return {**counts, "loads": len(manifests) - len(genesis)}


def _rows(connection: duckdb.DuckDBPyConnection, files: str) -> int:
    counted = connection.execute(
        "select count(*) from read_parquet(?)", [files]
    ).fetchone()
    return int(counted[0]) if counted else 0
