"""The published night on PostgreSQL, where roles say who sees persons.

Belongs here: tables, types, grants and the swap. Not here: which tables are about
persons (the two published files say it), whether a night may publish.

Aggregates stand in the schemas `marts`, `analysis` and `trust`, tables about persons in
`marts_persons` and so on. All are filled aside, then renamed in one transaction: a
reader sees one night or the next, and none waits for a lock. Views that others built on
the tables go with the night before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
from adbc_driver_postgresql import dbapi

from dagster_project.publishing import (
    PERSONS_FILE,
    PUBLISHED_SCHEMAS,
    PostgresError,
)
from ingestion.sql_text import name as quoted
from ingestion.sql_text import text as literal

NEXT, OLD = "__next", "__old"
OURS = "Published by Daybreak; replaced as a whole every night."
_LOCK = 4_240_718
# Rows a batch: what is held in memory of a table.
_BATCH_ROWS = 200_000


@dataclass(frozen=True)
class Roles:
    """Roles of the server: one sees aggregates, the other persons too."""

    analyst: str
    steward: str


@dataclass(frozen=True)
class _Table:
    """A published table: where it is read, and where it goes."""

    database: str
    schema: str
    name: str

    @property
    def target_schema(self) -> str:
        return self.schema + ("_persons" if self.database == "persons" else "")


def publish_to_postgres(
    published: Path,
    url: str,
    roles: Roles,
    *,
    again: str = "daybreak publish --postgres",
) -> dict[str, int]:
    """Copy both published files to a database; give rows by `schema.table`.

    `published` is the file of aggregates. Roles that are absent are made, without a
    login. Raises PostgresError, and leaves what readers see as it is, when the server
    is away, refuses, or has schemas of the same names that are somebody else's; `again`
    is the command that tries once more.
    """
    night = published.resolve().parent
    try:
        with dbapi.connect(url, autocommit=True) as target, _night(night) as source:
            return _publish(source, target, roles)
    except dbapi.Error as error:
        told = str(error).split("\n")[0]
        raise PostgresError(
            f"PostgreSQL took nothing: {told}. Readers there see what they saw before; "
            f"start `{again}` when it answers"
        ) from None


def _publish(
    source: duckdb.DuckDBPyConnection, target: dbapi.Connection, roles: Roles
) -> dict[str, int]:
    tables = _tables(source)
    schemas = [*PUBLISHED_SCHEMAS, *(f"{one}_persons" for one in PUBLISHED_SCHEMAS)]
    with target.cursor() as cursor:
        cursor.execute(f"select pg_advisory_lock({_LOCK})")
        _refuse_foreign(cursor, schemas)
        _make_roles(cursor, roles)
        for schema in schemas:
            for left in (NEXT, OLD):
                cursor.execute(f"drop schema if exists {schema}{left} cascade")
            cursor.execute(f"create schema {schema}{NEXT}")
            cursor.execute(f"comment on schema {schema}{NEXT} is {literal(OURS)}")
        rows = {
            f"{one.target_schema}.{one.name}": _copy(source, cursor, one)
            for one in tables
        }
        for schema in schemas:
            readers = [roles.steward]
            readers += [] if schema.endswith("_persons") else [roles.analyst]
            listed = ", ".join(map(quoted, readers))
            cursor.execute(f"grant usage on schema {schema}{NEXT} to {listed}")
            cursor.execute(
                f"grant select on all tables in schema {schema}{NEXT} to {listed}"
            )
        _swap(cursor, schemas)
        for schema in schemas:
            cursor.execute(f"drop schema if exists {schema}{OLD} cascade")
    return rows


@contextmanager
def _night(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open both files of one night."""
    if not (folder / PERSONS_FILE).exists():
        raise PostgresError(
            f"no night has been published to {folder} yet: start `daybreak run`"
        )
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, file in (
            ("aggregates", "daybreak.duckdb"),
            ("persons", PERSONS_FILE),
        ):
            connection.execute(
                f"attach {literal(str(folder / file))} as {name} (read_only)"
            )
        yield connection


def _tables(source: duckdb.DuckDBPyConnection) -> list[_Table]:
    rows = source.execute(
        "select database_name, schema_name, table_name from duckdb_tables() "
        "where database_name in ('aggregates', 'persons') order by all"
    ).fetchall()
    return [_Table(*row) for row in rows]


def _refuse_foreign(cursor: dbapi.Cursor, schemas: Sequence[str]) -> None:
    """Refuse to replace a schema that Daybreak did not make."""
    cursor.execute(
        "select nspname from pg_namespace "
        f"where nspname in ({', '.join(map(literal, schemas))}) "
        f"and obj_description(oid, 'pg_namespace') is distinct from {literal(OURS)}"
    )
    found = sorted(str(row[0]) for row in cursor.fetchall())
    if found:
        raise PostgresError(
            f"the database has a schema {found[0]} that is not Daybreak's: publish to "
            "a database of its own"
        )


def _make_roles(cursor: dbapi.Cursor, roles: Roles) -> None:
    for role in (roles.analyst, roles.steward):
        cursor.execute(f"select 1 from pg_roles where rolname = {literal(role)}")
        if not cursor.fetchall():
            cursor.execute(f"create role {quoted(role)} nologin")


def _copy(
    source: duckdb.DuckDBPyConnection, cursor: dbapi.Cursor, table: _Table
) -> int:
    relation = f'{table.database}.{table.schema}."{table.name}"'
    columns = source.execute(
        "select column_name, data_type, comment from duckdb_columns() "
        "where database_name = ? and schema_name = ? and table_name = ? "
        "order by column_index",
        [table.database, table.schema, table.name],
    ).fetchall()
    chosen = ", ".join(_as_known(name, type_) for name, type_, _ in columns)
    reader = source.sql(f"select {chosen} from {relation}").to_arrow_reader(_BATCH_ROWS)
    target = f"{table.target_schema}{NEXT}"
    rows = cursor.adbc_ingest(table.name, reader, mode="create", db_schema_name=target)
    _comment(source, cursor, table, [(name, text) for name, _, text in columns])
    return int(rows)


def _as_known(column: str, type_: str) -> str:
    """Cast what PostgreSQL does not know: wide, unsigned and nested types."""
    name = quoted(column)
    if type_ in ("HUGEINT", "UHUGEINT", "UBIGINT"):
        return f"{name}::decimal(38, 0) as {name}"
    if type_ in ("UTINYINT", "USMALLINT", "UINTEGER", "TINYINT"):
        return f"{name}::bigint as {name}"
    if type_ in ("JSON", "UUID") or type_.startswith("ENUM"):
        return f"{name}::varchar as {name}"
    if type_.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({name})::varchar as {name}"
    return name


def _comment(
    source: duckdb.DuckDBPyConnection,
    cursor: dbapi.Cursor,
    table: _Table,
    columns: Sequence[tuple[str, str | None]],
) -> None:
    relation = f"{table.target_schema}{NEXT}.{quoted(table.name)}"
    [(meaning,)] = source.execute(
        "select comment from duckdb_tables() where database_name = ? "
        "and schema_name = ? and table_name = ?",
        [table.database, table.schema, table.name],
    ).fetchall()
    if meaning:
        cursor.execute(f"comment on table {relation} is {literal(meaning)}")
    for column, text in columns:
        if text:
            cursor.execute(
                f"comment on column {relation}.{quoted(column)} is {literal(text)}"
            )


def _swap(cursor: dbapi.Cursor, schemas: Sequence[str]) -> None:
    """Rename all schemas at once: readers see one night or the next."""
    cursor.execute(
        "select nspname from pg_namespace "
        f"where nspname in ({', '.join(map(literal, schemas))})"
    )
    present = {str(row[0]) for row in cursor.fetchall()}
    # One simple query is one transaction, and cannot be left half way.
    renames = []
    for schema in schemas:
        if schema in present:
            renames.append(f"alter schema {schema} rename to {schema}{OLD}")
        renames.append(f"alter schema {schema}{NEXT} rename to {schema}")
    block = "; ".join(renames)
    cursor.execute(f"do $daybreak$ begin {block}; end $daybreak$")
