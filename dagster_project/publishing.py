"""The published copies: what BI reads, replaced whole or not at all.

Two databases, because DuckDB knows no users and a file has a mode: aggregates are for
everyone (0444), tables with one row per person for the file's group (0440). A night is
a folder with both; `current` is a link to it, and the names that readers know lead
through that link, so that one rename changes both. Readers that are connected keep the
old files; those who connect later see the new ones. Whether a night may publish is
decided by its audit, not here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb

from dagster_project.published_nights import new_night, switch_to
from ingestion.durable import put_in_place, sync
from ingestion.sql_text import text as literal

PUBLISHED_SCHEMAS = ("marts", "analysis", "trust")
PERSONS_FILE = "persons.duckdb"
AGGREGATES_MODE = 0o444
PERSONS_MODE = 0o440
# A file of DuckDB 2 cannot be opened by clients of DuckDB 1; this format can.
STORAGE_VERSION = "v1.0.0"
STATUS_FILE = "status.json"
# Views of the warehouse name its database, so it is attached under that name.
SOURCE = "warehouse"
# A table with one of these tells persons apart, whatever it says of itself: what nobody
# has declared is not for everyone.
PERSON_COLUMNS = frozenset(
    {
        *("person_id", "user_id", "anonymous_id", "identity", "linked_identity"),
        *("linked_person_id", "device_id", "session_id", "vendor_session_id", "email"),
        *("customer_id", "inviter_id", "invitee_id"),
    }
)


class PostgresError(RuntimeError):
    """A night cannot be published to PostgreSQL; the message says the cure."""


@dataclass(frozen=True)
class Descriptions:
    """What a table and its columns mean."""

    table: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Sensitivity:
    """Which `schema.table` are about single persons.

    Columns of `withheld` (by table) are such in a table that is not: they are null in
    the aggregates, and the whole table stands among the persons' too.
    """

    person_tables: Collection[str] = ()
    withheld: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """What was published: both files, their size, and rows by `schema.table`."""

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
    sensitivity: Sensitivity | None = None,
) -> Published:
    """Copy the schemas that BI reads into two new files and put both in place.

    `target` is the file of aggregates; that of persons stands beside it.
    `descriptions` by `schema.table` become comments in the databases. Raises
    `duckdb.Error` and leaves what is published as it is when anything goes wrong.
    """
    folder = target.parent
    night = new_night(folder)
    aggregates, persons = night / target.name, night / PERSONS_FILE
    rows = _copy(
        warehouse,
        (aggregates, persons),
        descriptions or {},
        sensitivity or Sensitivity(),
        {"threads": threads, "memory_limit": memory_limit},
    )
    for path, mode in ((aggregates, AGGREGATES_MODE), (persons, PERSONS_MODE)):
        path.chmod(mode)
        sync(path)
    sync(night)
    size = aggregates.stat().st_size + persons.stat().st_size
    switch_to(folder, night, (target.name, PERSONS_FILE))
    return Published(target, size, rows)


def _copy(
    warehouse: Path,
    targets: tuple[Path, Path],
    descriptions: Mapping[str, Descriptions],
    sensitivity: Sensitivity,
    config: dict[str, str | bool | int | float | list[str]],
) -> dict[str, int]:
    """Fill the files of aggregates and persons."""
    with duckdb.connect(config=config) as connection:
        connection.execute(f"attach {literal(str(warehouse))} as {SOURCE} (read_only)")
        tables = _published_tables(connection)
        rows: dict[str, int] = {}
        for name, path in zip(("aggregates", "persons"), targets, strict=True):
            connection.execute(
                f"attach {literal(str(path))} as {name} "
                f"(storage_version {literal(STORAGE_VERSION)})"
            )
            chosen = [
                table
                for table, columns in tables.items()
                if _belongs(table, columns, name, sensitivity)
            ]
            for schema in PUBLISHED_SCHEMAS:
                connection.execute(f"create schema {name}.{schema}")
            for schema, table in chosen:
                hidden = sensitivity.withheld.get(f"{schema}.{table}", ())
                count = _copy_table(
                    connection,
                    name,
                    (schema, table),
                    () if name == "persons" else hidden,
                )
                rows.setdefault(f"{schema}.{table}", count)
            _comment(connection, name, chosen, descriptions)
            connection.execute(f"checkpoint {name}")
            connection.execute(f"detach {name}")
    return rows


def _published_tables(
    connection: duckdb.DuckDBPyConnection,
) -> dict[tuple[str, str], list[str]]:
    """Give the columns of every table that is published."""
    rows = connection.execute(
        "select table_schema, table_name, list(column_name) "
        f"from information_schema.columns where table_catalog = '{SOURCE}' "
        "and list_contains(?, table_schema) group by all order by all",
        [list(PUBLISHED_SCHEMAS)],
    ).fetchall()
    return {(schema, table): columns for schema, table, columns in rows}


def _belongs(
    table: tuple[str, str],
    columns: Sequence[str],
    target: str,
    sensitivity: Sensitivity,
) -> bool:
    name = ".".join(table)
    hidden = {*sensitivity.withheld.get(name, ())}
    is_personal = name in sensitivity.person_tables or PERSON_COLUMNS & (
        {*columns} - hidden
    )
    if target == "persons":
        return bool(is_personal or hidden)
    return not is_personal


def _copy_table(
    connection: duckdb.DuckDBPyConnection,
    target: str,
    table: tuple[str, str],
    hidden: Collection[str],
) -> int:
    relation = f'{table[0]}."{table[1]}"'
    nulls = ", ".join(f'cast(null as varchar) as "{column}"' for column in hidden)
    chosen = f"select * replace ({nulls})" if nulls else ""
    copied = connection.execute(
        f"create table {target}.{relation} as {chosen} from {SOURCE}.{relation}"
    ).fetchone()
    return int(copied[0]) if copied else 0


def _comment(
    connection: duckdb.DuckDBPyConnection,
    target: str,
    tables: Sequence[tuple[str, str]],
    descriptions: Mapping[str, Descriptions],
) -> None:
    present = {
        (schema, table, column)
        for schema, table, column in connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            f"where database_name = {literal(target)}"
        ).fetchall()
    }
    for schema, name in tables:
        meaning = descriptions.get(f"{schema}.{name}")
        if meaning is None:
            continue
        relation = f'{target}.{schema}."{name}"'
        connection.execute(f"comment on table {relation} is {literal(meaning.table)}")
        for column, text in meaning.columns.items():
            if text and (schema, name, column) in present:
                connection.execute(
                    f'comment on column {relation}."{column}" is {literal(text)}'
                )


def write_status(folder: Path, status: Status) -> None:
    """Replace the status file beside the published copy."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{STATUS_FILE}.tmp"
    aside.write_text(json.dumps(asdict(status), indent=2) + "\n", encoding="utf-8")
    put_in_place(aside, folder / STATUS_FILE)


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
