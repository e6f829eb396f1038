"""The published copy: what BI reads, replaced whole or not at all.

Readers that are connected keep the old file; those who connect later see the new
one. Whether a night may publish is decided by its audit, not here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

PUBLISHED_SCHEMAS = ("marts", "analysis", "trust")
# A file of DuckDB 2 cannot be opened by clients of DuckDB 1; this format can.
STORAGE_VERSION = "v1.0.0"
STATUS_FILE = "status.json"
# Views of the warehouse name its database, so it is attached under that name.
SOURCE = "warehouse"


@dataclass(frozen=True)
class Descriptions:
    """What a table and its columns mean."""

    table: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Published:
    """What was published: the file, its size, and rows by `schema.table`."""

    path: Path
    bytes: int
    rows: Mapping[str, int]


@dataclass(frozen=True)
class Status:
    """What readers should know of the published copy.

    `published_at` and `as_of` are ISO 8601 texts; `stale` says that a later night
    failed, and `reason` why.
    """

    published_at: str | None
    as_of: str | None
    run_id: str | None
    stale: bool
    reason: str | None = None


def publish(
    warehouse: Path,
    target: Path,
    *,
    threads: int,
    memory_limit: str,
    descriptions: Mapping[str, Descriptions] | None = None,
) -> Published:
    """Copy the schemas that BI reads into a new file and put it in place.

    `descriptions` by `schema.table` become comments in the database. Raises
    `duckdb.Error` and leaves the published file as it is when anything goes wrong.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for left_over in target.parent.glob(f".{target.stem}-*.duckdb*"):
        left_over.unlink()
    aside = target.parent / f".{target.stem}-{os.getpid()}.duckdb"
    rows = _copy(
        warehouse,
        aside,
        descriptions or {},
        {"threads": threads, "memory_limit": memory_limit},
    )
    _fsync(aside)
    aside.chmod(0o440)
    size = aside.stat().st_size
    aside.replace(target)
    _fsync(target.parent)
    return Published(target, size, rows)


def _copy(
    warehouse: Path,
    aside: Path,
    descriptions: Mapping[str, Descriptions],
    config: dict[str, str | bool | int | float | list[str]],
) -> dict[str, int]:
    with duckdb.connect(config=config) as connection:
        connection.execute(f"attach {_text(str(warehouse))} as {SOURCE} (read_only)")
        connection.execute(
            f"attach {_text(str(aside))} as target "
            f"(storage_version {_text(STORAGE_VERSION)})"
        )
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            f"where table_catalog = '{SOURCE}' and list_contains(?, table_schema) "
            "order by all",
            [list(PUBLISHED_SCHEMAS)],
        ).fetchall()
        rows = {}
        for schema in PUBLISHED_SCHEMAS:
            connection.execute(f"create schema target.{schema}")
        for schema, name in tables:
            rows[f"{schema}.{name}"] = _copy_table(connection, schema, name)
        _comment(connection, tables, descriptions)
        connection.execute("checkpoint target")
        connection.execute("detach target")
    return rows


def _copy_table(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> int:
    relation = f'{schema}."{name}"'
    copied = connection.execute(
        f"create table target.{relation} as from {SOURCE}.{relation}"
    ).fetchone()
    return int(copied[0]) if copied else 0


def _comment(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[tuple[str, str]],
    descriptions: Mapping[str, Descriptions],
) -> None:
    present = {
        (schema, table, column)
        for schema, table, column in connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where database_name = 'target'"
        ).fetchall()
    }
    for schema, name in tables:
        meaning = descriptions.get(f"{schema}.{name}")
        if meaning is None:
            continue
        relation = f'target.{schema}."{name}"'
        connection.execute(f"comment on table {relation} is {_text(meaning.table)}")
        for column, text in meaning.columns.items():
            if text and (schema, name, column) in present:
                connection.execute(
                    f'comment on column {relation}."{column}" is {_text(text)}'
                )


def write_status(folder: Path, status: Status) -> None:
    """Replace the status file beside the published copy."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{STATUS_FILE}.tmp"
    aside.write_text(json.dumps(asdict(status), indent=2) + "\n", encoding="utf-8")
    _fsync(aside)
    aside.replace(folder / STATUS_FILE)


def read_status(folder: Path) -> Status:
    """Return the status of the published copy; all unknown when never published."""
    path = folder / STATUS_FILE
    if not path.exists():
        return Status(None, None, None, stale=True, reason="never published")
    return Status(**json.loads(path.read_text(encoding="utf-8")))


def mark_stale(folder: Path, reason: str) -> None:
    """Say that a later night failed; the figures stand as they were."""
    status = read_status(folder)
    write_status(
        folder,
        Status(
            status.published_at,
            status.as_of,
            status.run_id,
            stale=True,
            reason=reason,
        ),
    )


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
