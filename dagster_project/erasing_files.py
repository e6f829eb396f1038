"""Ids in everything a home derives: databases, ledgers, reports, logs, histories.

Belongs here: how each kind of file outside the landing folder and the loads of the lake
loses the rows or words that name a person. Not here: the order of an erasure
(`erasing`), landing files and loads (`ingestion.privacy`).

A file is replaced whole or not at all, so that all of it can be repeated. DuckDB and
SQLite keep deleted bytes in their files: both are written anew.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.durable import exchange
from ingestion.privacy.mentions import Mentions
from ingestion.privacy.remembered import normal_id
from ingestion.sql_text import name as quoted
from ingestion.sql_text import text as literal

SUFFIX = ".erasing"
# Columns of derived tables that say whose a row is.
KEY_COLUMNS = (
    *("person_id", "linked_person_id", "user_id", "anonymous_id", "identity"),
    *("linked_identity", "unit_id", "device_id", "email", "customer_id"),
    *("inviter_id", "invitee_id", "invitee_identity"),
)
PERSON_IDS = (
    *("person_id", "linked_person_id", "customer_id", "inviter_id", "invitee_id"),
)
_SQLITE = b"SQLite format 3\0"
_PARQUET = b"PAR1"
_TEXT_TYPES = ("VARCHAR", "JSON")


@dataclass(frozen=True)
class Swept:
    """What a file lost: whole rows, and places where a word stands for an id now."""

    rows: int = 0
    words: int = 0


def kept_files(folder: Path, apart: Sequence[Path]) -> Iterator[Path]:
    """Give the files below a folder, those apart left out."""
    for path in sorted(folder.rglob("*")):
        inside = any(path == one or one in path.parents for one in apart)
        if path.is_file() and not path.is_symlink() and not inside:
            yield path


def sweep(path: Path, mentions: Mentions, *, dry_run: bool = False) -> Swept:
    """Take the ids out of one file, whatever its kind."""
    with path.open("rb") as stream:
        start = stream.read(len(_SQLITE))
    if path.suffix == ".duckdb":
        return sweep_database(path, mentions, dry_run=dry_run)
    if start == _SQLITE:
        return _sweep_sqlite(path, mentions, dry_run=dry_run)
    if start.startswith(_PARQUET):
        return _sweep_parquet(path, mentions, dry_run=dry_run)
    return _sweep_bytes(path, mentions, dry_run=dry_run)


def sweep_database(
    path: Path,
    mentions: Mentions,
    *,
    dry_run: bool = False,
    storage_version: str = "v1.0.0",
    then: Sequence[str] = (),
) -> Swept:
    """Delete the persons' rows of a DuckDB file and copy the rest into a new one.

    A row is theirs when a key column holds one of their ids, the person that the
    file's identities give to one, or the number that stands for it. `then` are
    statements for the copy at work.
    """
    work = path.with_name(f".{path.stem}-erased{SUFFIX}")
    fresh = path.with_name(f".{path.stem}-fresh{SUFFIX}")
    for left in (work, fresh, work.with_name(f"{work.name}.wal")):
        left.unlink(missing_ok=True)
    shutil.copyfile(path, work)
    try:
        with duckdb.connect() as connection:
            # Views of the warehouse name its database.
            connection.execute(f"attach {literal(work)} as warehouse")
            swept = _sweep_tables(connection, mentions)
            if dry_run or not (swept.rows or swept.words or then):
                return swept
            for statement in then:
                connection.execute(statement)
            connection.execute(
                f"attach {literal(fresh)} as fresh "
                f"(storage_version {literal(storage_version)})"
            )
            connection.execute("copy from database warehouse to fresh")
            connection.execute("checkpoint fresh")
            connection.execute("detach fresh")
        exchange(fresh, path)
        return swept
    finally:
        for left in (work, fresh, work.with_name(f"{work.name}.wal")):
            left.unlink(missing_ok=True)


def _sweep_tables(connection: duckdb.DuckDBPyConnection, mentions: Mentions) -> Swept:
    """Sweep every table of the attached database `warehouse`."""
    connection.execute(
        "create temp table gone_ids as select unnest(?) as id", [[*mentions.ids]]
    )
    tables = _tables_of(connection)
    _find_persons(connection, tables)
    _find_unit_keys(connection, tables)
    rows = words = 0
    for relation, columns in tables.items():
        texts = [name for name, type_ in columns.items() if type_ in _TEXT_TYPES]
        theirs = [
            f"{normal_id(quoted(key))} in (select id from "
            f"{'gone_persons' if key in PERSON_IDS else 'gone_ids'})"
            for key in texts
            if key in KEY_COLUMNS
        ]
        if {"unit_id", "unit_key"} & columns.keys() == {"unit_key"}:
            theirs.append("unit_key in (select unit_key from gone_units)")
        if theirs:
            rows += _changed(
                connection, f"delete from {relation} where {' or '.join(theirs)}"
            )
        if texts and mentions.sql_patterns:
            where = _mentioned(texts, mentions)
            changes = ", ".join(_redacted(one, columns[one], mentions) for one in texts)
            words += _changed(
                connection, f"update {relation} set {changes} where {where}"
            )
    return Swept(rows, words)


def _tables_of(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Give the columns and types of each table, views left out."""
    tables: dict[str, dict[str, str]] = {}
    for schema, table, column, type_ in connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = 'warehouse' and not internal and (schema_name, "
        "table_name) in (select (schema_name, table_name) from duckdb_tables() "
        "where database_name = 'warehouse') order by all"
    ).fetchall():
        relation = f"warehouse.{quoted(schema)}.{quoted(table)}"
        tables.setdefault(relation, {})[column] = type_
    return tables


def _find_persons(
    connection: duckdb.DuckDBPyConnection, tables: dict[str, dict[str, str]]
) -> None:
    """Make `gone_persons`: a person goes by the id that was seen first of theirs.

    That may be a device which others use too, and which stays.
    """
    connection.execute("create temp table gone_persons as from gone_ids")
    for relation, columns in tables.items():
        if {"identity", "person_id"} <= columns.keys():
            connection.execute(
                f"insert into gone_persons select distinct person_id from {relation} "
                "where identity in (select id from gone_ids)"
            )


def _find_unit_keys(
    connection: duckdb.DuckDBPyConnection, tables: dict[str, dict[str, str]]
) -> None:
    """Make `gone_units`: a table that has an id and its number names it for others."""
    connection.execute("create temp table gone_units (unit_key bigint)")
    for relation, columns in tables.items():
        if {"unit_id", "unit_key"} <= columns.keys():
            connection.execute(
                f"insert into gone_units select distinct unit_key from {relation} "
                f"where {normal_id('unit_id')} in (select id from gone_ids)"
            )


def _changed(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    found = connection.execute(statement).fetchone()
    return int(found[0]) if found else 0


def _mentioned(columns: Sequence[str], mentions: Mentions) -> str:
    whole = f"concat_ws(chr(10), {', '.join(quoted(one) for one in columns)})"
    return " or ".join(
        f"regexp_matches({whole}, {literal(pattern)})"
        for pattern, _ in mentions.sql_patterns
    )


def _redacted(column: str, type_: str, mentions: Mentions) -> str:
    value = f"{quoted(column)}::varchar"
    for pattern, word in mentions.sql_patterns * 2:
        value = f"regexp_replace({value}, {literal(pattern)}, {literal(word)}, 'g')"
    return f"{quoted(column)} = ({value})::{type_}"


def _sweep_parquet(path: Path, mentions: Mentions, *, dry_run: bool) -> Swept:
    """Sweep a file of a ledger."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute(
            f"create table warehouse.found as from read_parquet({literal(path)}, "
            "hive_partitioning = false)"
        )
        swept = _sweep_tables(connection, mentions)
        if (swept.rows or swept.words) and not dry_run:
            aside = path.with_name(f".{path.name}{SUFFIX}")
            connection.execute(
                f"copy warehouse.found to {literal(aside)} (format parquet)"
            )
            exchange(aside, path)
    return swept


def _sweep_sqlite(path: Path, mentions: Mentions, *, dry_run: bool) -> Swept:
    """Redact every text of a SQLite file, and write it without the old pages."""

    def is_named(value: object) -> bool:
        return mentions.stand_in(_as_bytes(value))

    def redacted(value: object) -> str | bytes:
        content, _ = mentions.replaced(_as_bytes(value))
        return content if isinstance(value, bytes) else content.decode()

    words = 0
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.create_function("is_named", 1, is_named, deterministic=True)
        connection.create_function("redacted", 1, redacted, deterministic=True)
        for table, column in _sqlite_columns(connection):
            named = f"typeof({column}) in ('text', 'blob') and is_named({column})"
            if dry_run:
                words += connection.execute(
                    f"select count(*) from {table} where {named}"
                ).fetchone()[0]
            else:
                words += connection.execute(
                    f"update {table} set {column} = redacted({column}) where {named}"
                ).rowcount
        connection.commit()
        if words and not dry_run:
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")
    return Swept(words=words)


def _sqlite_columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return [
        (quoted(table), quoted(column))
        for table, column in connection.execute(
            "select tables.name, columns.name from sqlite_master as tables "
            "join pragma_table_info(tables.name) as columns "
            "where tables.type = 'table' and tables.name not like 'sqlite_%' "
            "and columns.type not in ('INTEGER', 'BIGINT', 'FLOAT', 'DATETIME')"
        ).fetchall()
    ]


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _sweep_bytes(path: Path, mentions: Mentions, *, dry_run: bool) -> Swept:
    """Redact a text file; a file that is no text and names a person is removed.

    Only caches are no text: dbt's parsed project, which dbt makes again.
    """
    content = path.read_bytes()
    if not mentions.stand_in(content):
        return Swept()
    replaced, words = mentions.replaced(content)
    if dry_run:
        return Swept(words=words)
    if b"\0" in content:
        path.unlink()
        return Swept(words=words)
    aside = path.with_name(f".{path.name}{SUFFIX}")
    aside.write_bytes(replaced)
    exchange(aside, path)
    return Swept(words=words)
