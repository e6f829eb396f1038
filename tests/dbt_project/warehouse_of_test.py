"""A warehouse for tests: real lake files, the real dbt project, a real DuckDB file.

One folder serves a whole test session, because dbt parses again whenever a path in the
profile changes; `reset` empties it between examples.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from ingestion.events import EVENT_COLUMNS
from ingestion.lake_counts import newest_event_day
from ingestion.landed_tables import LANDED_TABLES

DBT_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"

Row = Mapping[str, Any]


class WarehouseOfTest:
    """Lands rows as loads, builds models, reads tables."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lake = home / "lake"
        self.database = home / "warehouse.duckdb"
        self._manifest: Manifest | None = None
        os.environ |= {
            "DAYBREAK_LAKE_PATH": str(self.lake),
            "DAYBREAK_WAREHOUSE_PATH": str(self.database),
            "DAYBREAK_SCRATCH_PATH": str(home / "scratch"),
            "DBT_TARGET_PATH": str(home / "target"),
            "DBT_LOG_PATH": str(home / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        self.reset()

    def reset(self) -> None:
        """Forget all loads and all tables."""
        shutil.rmtree(self.lake, ignore_errors=True)
        self.forget_tables()
        self.land([], load_id="00000000T000000000000")
        for table in LANDED_TABLES.values():
            self.land_rows(table.name, [], load_id="00000000T000000000000")
        self._write(
            pa.table({name: pa.array([], pa.string()) for name in _QUARANTINE_TEXTS})
            .append_column("line_number", pa.array([], pa.int64()))
            .append_column("quarantined_at", pa.array([], pa.timestamp("us"))),
            self.lake / "quarantine" / "load=00000000T000000000000" / "part.parquet",
        )

    def forget_tables(self) -> None:
        """Delete the warehouse; the lake stays."""
        self.database.unlink(missing_ok=True)
        Path(f"{self.database}.wal").unlink(missing_ok=True)

    def declare(
        self,
        catalog: Path,
        *,
        reporting_timezone: str = "UTC",
        week_start: str = "monday",
        as_of: Any = None,
    ) -> None:
        """Compile a catalog folder into the lake."""
        compile_catalog(
            load_catalog(catalog),
            CatalogSettings(
                reporting_timezone=reporting_timezone,
                week_start=week_start,
                as_of=as_of,
                newest_event_day=newest_event_day(self.lake),
            ),
            self.lake / "catalog",
        )

    def land(self, rows: Iterable[Row], load_id: str) -> None:
        """Commit rows as one load, partitioned by UTC day."""
        by_day: dict[str, list[Row]] = {}
        for row in rows:
            by_day.setdefault(str(row["occurred_at"].date()), []).append(row)
        if not by_day:
            by_day["1970-01-01"] = []
        folder = self.lake / "events" / f"load={load_id}"
        for day, day_rows in by_day.items():
            complete = [_with_all_columns(row, load_id) for row in day_rows]
            table = pa.Table.from_pylist(complete, schema=_EVENT_SCHEMA)
            self._write(table, folder / f"date={day}" / "part.parquet")
        count = sum(map(len, by_day.values()))
        manifest = {
            "load_id": load_id,
            "committed_at": "2026-01-01T00:00:00",
            "source": "native",
            "files": [
                {
                    "path": f"{load_id}.jsonl",
                    "sha256": load_id,
                    "bytes": 1,
                    "lines_read": count,
                    "landed": count,
                    "quarantined": 0,
                }
            ]
            * bool(count),
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))

    def land_rows(self, table: str, rows: Sequence[Row], load_id: str) -> None:
        """Commit rows of another table than events as one load, as one file."""
        landed = LANDED_TABLES[table]
        schema = pa.schema(
            [
                pa.field(name, _ARROW_TYPES[type_])
                for name, type_ in landed.types().items()
            ]
        )
        given = {"source": "s", "file": "s/f", "extra": "{}", "load_id": load_id}
        complete = [
            {
                name: {**given, "line_number": line, **row}.get(name)
                for name in schema.names
            }
            for line, row in enumerate(rows, start=1)
        ]
        folder = self.lake / table / f"load={load_id}" / "date=1970-01-01"
        self._write(
            pa.Table.from_pylist(complete, schema=schema), folder / "part.parquet"
        )

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        """Run dbt on the real project; raises when it did not succeed.

        The project is parsed once, and no command writes what it found: of 1.7 s of
        processor time that a small command took, 1.4 s went there.
        """
        if self._manifest is None:
            parsed = self._invoke(["parse"]).result
            assert isinstance(parsed, Manifest)
            self._manifest = parsed
        return self._invoke(arguments)

    def _invoke(self, arguments: Sequence[str]) -> dbtRunnerResult:
        result = dbtRunner(manifest=self._manifest).invoke(
            [
                *("--quiet", "--log-level", "none", "--log-level-file", "none"),
                "--no-write-json",
                *arguments,
                *("--project-dir", str(DBT_PROJECT)),
                *("--profiles-dir", str(DBT_PROJECT)),
            ]
        )
        # dbt keeps the file open in this process for the next invocation.
        DuckDBConnectionManager.close_all_connections()
        if not result.success:
            raise AssertionError(_failures(result))
        return result

    def build(self, *, select: Sequence[str] = ("+marts",)) -> None:
        """Build models without their tests."""
        self.dbt("run", "--select", *select)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read the warehouse."""
        with duckdb.connect(str(self.database)) as connection:
            return connection.execute(query).fetchall()

    def table(self, name: str, without: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        """All rows of a table in a canonical order."""
        left_out = f"exclude ({', '.join(without)})" if without else ""
        return self.rows(f"select * {left_out} from {name} order by all")

    @staticmethod
    def _write(table: pa.Table, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)


_QUARANTINE_TEXTS = ("load_id", "source", "file", "reason_code", "reason", "raw_text")
_ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "TIMESTAMP": pa.timestamp("us"),
    "DECIMAL(18,6)": pa.decimal128(18, 6),
    "DATE": pa.date32(),
    "BOOLEAN": pa.bool_(),
    "BIGINT": pa.int64(),
}
_EVENT_SCHEMA = pa.schema(
    [pa.field(column.name, _ARROW_TYPES[column.type]) for column in EVENT_COLUMNS]
)


def _with_all_columns(row: Row, load_id: str) -> dict[str, Any]:
    given = {"source": "native", "properties": "{}", "load_id": load_id, **row}
    return {name: given.get(name) for name in _EVENT_SCHEMA.names}


def _failures(result: dbtRunnerResult) -> str:
    if result.exception is not None:
        return str(result.exception)
    return "\n".join(
        f"{node.node.name}: {node.message}"
        for node in getattr(result.result, "results", [])
        if node.status not in ("success", "pass", "skipped")
    )
