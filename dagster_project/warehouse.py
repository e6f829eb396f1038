"""The one class through which Python sees the warehouse.

Short connections only: DuckDB admits one writing process or many readers, and dbt
opens the same file. No business meaning here; no loops over rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from dagster_project.settings import Settings
from dagster_project.tables import Table
from dagster_project.warehouse_seal import Seal


class WarehouseError(RuntimeError):
    """The warehouse cannot answer."""


@dataclass(frozen=True)
class Warehouse:
    """A DuckDB file, and the resources a connection to it may use.

    What does not fit in memory spills to `scratch`.
    """

    path: Path
    threads: int
    memory_limit: str
    scratch: Path

    def config(self) -> dict[str, str | bool | int | float | list[str]]:
        """Return the DuckDB settings of a connection."""
        return {
            "threads": self.threads,
            "memory_limit": self.memory_limit,
            "temp_directory": str(self.scratch),
        }

    @contextmanager
    def connect(self, *, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for the length of the block.

        Raises `WarehouseError` when the file is absent (reading) or another process
        holds it.
        """
        if read_only and not self.path.exists():
            raise WarehouseError(
                f"There is no warehouse at {self.path} yet: start `daybreak run`."
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = duckdb.connect(
                str(self.path),
                read_only=read_only,
                config=self.config(),
            )
        except duckdb.IOException as error:
            raise WarehouseError(
                f"The warehouse {self.path} is in use by another process, or is not "
                f"readable: {error}"
            ) from error
        with nullcontext() if read_only else Seal(self.path).kept(), connection:
            connection.execute("set timezone = 'UTC'")
            yield connection

    def read(self, sql: str, parameters: Sequence[object] = ()) -> pd.DataFrame:
        """Answer a query as a frame."""
        with self.connect() as connection:
            return connection.execute(sql, parameters).df()

    def tables(self, *schemas: str) -> tuple[str, ...]:
        """Return `schema.table` of every base table in the schemas, sorted."""
        if not self.path.exists():
            return ()
        with self.connect() as connection:
            rows = connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() "
                "where not internal and database_name = current_database() "
                "and list_contains(?, schema_name) order by 1",
                [list(schemas)],
            ).fetchall()
        return tuple(row[0] for row in rows)

    def row_counts(self, tables: Sequence[str]) -> dict[str, int]:
        """Count the rows of each `schema.table`, in one look."""
        if not tables:
            return {}
        query = " union all ".join(
            f"select '{table}', count(*) from {table}" for table in tables
        )
        with self.connect() as connection:
            return dict(connection.execute(query).fetchall())

    def table_comments(self) -> dict[str, str | None]:
        """Return the comment of every base table, by `schema.table`."""
        if not self.path.exists():
            return {}
        with self.connect() as connection:
            return dict(
                connection.execute(
                    "select schema_name || '.' || table_name, comment "
                    "from duckdb_tables() where database_name = current_database()"
                ).fetchall()
            )

    def comment_on(self, comments: Mapping[str, str]) -> None:
        """Write comments on tables, by `schema.table`."""
        if not comments:
            return
        with self.connect(read_only=False) as connection:
            for table, text in comments.items():
                connection.execute(f"comment on table {table} is {_literal(text)}")

    def write(self, table: Table, frame: pd.DataFrame) -> int:
        """Replace a table by the frame, typed as declared; return its rows.

        Raises `WarehouseError` naming the columns that are missing or unknown.
        """
        refuse_wrong_columns(table, frame)
        with self.connect(read_only=False) as connection:
            connection.register("incoming", frame)
            return create_table(connection, table, "incoming")

    def write_from_parquet(self, table: Table, files: Sequence[Path]) -> int:
        """Replace a table by the union of Parquet files; return its rows.

        A column that older files do not have is null in their rows.
        """
        with self.connect(read_only=False) as connection:
            return create_table(connection, table, parquet_relation(table, files))


def warehouse_of(settings: Settings) -> Warehouse:
    """Return the warehouse of a home."""
    return Warehouse(
        settings.warehouse_path,
        threads=settings.threads,
        memory_limit=settings.memory_limit,
        scratch=settings.scratch,
    )


def parquet_relation(table: Table, files: Sequence[Path]) -> str:
    """Return SQL that reads the files with every declared column present and typed.

    Without any file the relation is empty.
    """
    nulls = ", ".join(f"null::{c.type} as {c.name}" for c in table.columns)
    empty = f"select {nulls} where false"
    if not files:
        return f"({empty})"
    names = ", ".join(_literal(str(file)) for file in files)
    return (
        f"(select * from ({empty}) union all by name "
        f"select * from read_parquet([{names}], union_by_name = true))"
    )


def create_table(
    connection: duckdb.DuckDBPyConnection, table: Table, relation: str
) -> int:
    """Create or replace a declared table from a relation; return its rows.

    Ordered by key, so that equal content gives an equal table.
    """
    columns = ", ".join(
        f'cast("{column.name}" as {column.type}) as "{column.name}"'
        for column in table.columns
    )
    order = ", ".join(f'"{name}"' for name in table.key)
    connection.execute(f"create schema if not exists {table.schema}")
    connection.execute(
        f"create or replace table {table.qualified} as "
        f"select {columns} from {relation} order by {order}"
    )
    comment(connection, table)
    counted = connection.execute(f"select count(*) from {table.qualified}").fetchone()
    return int(counted[0]) if counted else 0


def comment(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Write the descriptions of a declared table into the database."""
    connection.execute(
        f"comment on table {table.qualified} is {_literal(table.description)}"
    )
    for column in table.columns:
        connection.execute(
            f'comment on column {table.qualified}."{column.name}" '
            f"is {_literal(column.description)}"
        )


def refuse_wrong_columns(table: Table, frame: pd.DataFrame) -> None:
    """Raise `WarehouseError` unless the frame has exactly the declared columns."""
    missing = sorted(set(table.column_names) - set(frame.columns))
    unknown = sorted(set(map(str, frame.columns)) - set(table.column_names))
    if missing or unknown:
        raise WarehouseError(
            f"{table.qualified}: missing columns {missing}, unknown columns {unknown}"
        )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def examples_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a small frame as plain JSON values."""
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if value != value else value
    if value is pd.NaT or value is pd.NA:
        return None
    return str(value)
