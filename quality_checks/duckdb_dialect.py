"""The SQLAlchemy dialect that lets Great Expectations judge DuckDB by SQL.

duckdb-engine as shipped does not do: its cursor streams from the connection, Great
Expectations reads the rows after the connection went back to its pool, and 14 of 15
expectations end in "list index out of range" (measured with great-expectations
1.24.1, duckdb-engine 0.17.0). Here the rows are taken when the statement runs, every
SQLAlchemy connection borrows one DuckDB connection that the caller owns, and columns
are read from the statement's description instead of PostgreSQL's catalog. With that
nothing of duckdb-engine is left in use but its base, SQLAlchemy's PostgreSQL dialect,
so the base is taken directly; importing duckdb-engine beside Great Expectations also
makes every process end in 60 lines of "nanobind: leaked instances".

No checks and no knowledge of Great Expectations belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import duckdb
from sqlalchemy import pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGDialect, PGIdentifierPreparer
from sqlalchemy.engine.interfaces import (
    ReflectedColumn,
    ReflectedPrimaryKeyConstraint,
)
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import DBAPIError, NoSuchTableError
from sqlalchemy.types import NullType

DIALECT = "daybreak_duckdb"
URL_TEXT = f"{DIALECT}://"

# Great Expectations never asks for more than 200 rows (its MAX_RESULT_RECORDS), so a
# statement beyond this cap is a mistake: it must fail, never be cut short in silence.
ROW_CAP = 10_000


class RowCapExceededError(RuntimeError):
    """A statement returned more rows than a check may hold in memory."""


class BufferedCursor:
    """A DB-API cursor that holds its rows from the moment the statement ran."""

    arraysize = 1
    rowcount = -1

    def __init__(self, connection: LeasedConnection, row_cap: int) -> None:
        self.connection = connection
        self.description: Sequence[Any] | None = None
        self._row_cap = row_cap
        self._rows: list[Any] = []

    def execute(self, statement: str, parameters: Any = None) -> None:
        """Run a statement and take its rows.

        Raises `RowCapExceededError` when there are more than the cap allows.
        """
        ran = self.connection.lease().execute(statement, parameters or None)
        self.description = ran.description
        self._rows = ran.fetchmany(self._row_cap + 1) if ran.description else []
        if len(self._rows) > self._row_cap:
            self._rows = []
            raise RowCapExceededError(
                f"A check returned more than {self._row_cap:,} rows: give its query "
                f"a limit, or count inside the database. Statement: {statement[:500]}"
            )

    def executemany(self, statement: str, parameters: Any = None) -> None:
        """Run a statement for each set of parameters."""
        self.connection.lease().executemany(statement, list(parameters or []))

    def fetchone(self) -> Any:
        """Hand out the next row, None after the last."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Hand out the next rows."""
        count = size or self.arraysize
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken

    def fetchall(self) -> list[Any]:
        """Hand out all rows that are left."""
        taken, self._rows = self._rows, []
        return taken

    def close(self) -> None:
        """Forget the rows."""
        self._rows = []


class LeasedConnection:
    """A DB-API connection on loan: closing it leaves the owner's connection open.

    Checks only read, each statement in its own transaction, so commit and rollback
    have nothing to do; temporary views of the owner stay visible.
    """

    notices: tuple[str, ...] = ()

    def __init__(
        self, lease: Callable[[], duckdb.DuckDBPyConnection], row_cap: int
    ) -> None:
        self.lease = lease
        self._row_cap = row_cap

    def cursor(self) -> BufferedCursor:
        """Open a cursor with a buffer of its own."""
        return BufferedCursor(self, self._row_cap)

    def begin(self) -> None:
        """Nothing to begin."""

    def commit(self) -> None:
        """Nothing to commit."""

    def rollback(self) -> None:
        """Nothing to take back."""

    def close(self) -> None:
        """Return the loan."""


class DuckDBModule:
    """What SQLAlchemy wants to know of a DB-API module."""

    paramstyle = "numeric_dollar"
    Error = duckdb.Error


class QuotingPreparer(PGIdentifierPreparer):
    """Quotes every name: DuckDB reserves other words than PostgreSQL does."""

    def _requires_quotes(self, value: str) -> bool:
        return True


class DuckDBDialect(PGDialect):
    """PostgreSQL's SQL, which DuckDB speaks, without its catalog and without a pool."""

    name = "duckdb"
    driver = "daybreak"
    preparer = QuotingPreparer
    supports_statement_cache = False

    @classmethod
    def import_dbapi(cls) -> Any:
        """Return the parts of the duckdb module that SQLAlchemy reads."""
        return DuckDBModule

    def initialize(self, connection: Any) -> None:
        """Ask nothing of a PostgreSQL server that is not there."""
        self.default_schema_name = "main"

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        """Keep no connection: the owner decides when the file is let go."""
        return pool.NullPool

    def get_columns(
        self, connection: Any, table_name: str, schema: str | None = None, **_: Any
    ) -> list[ReflectedColumn]:
        """List a table's or (temporary) view's columns in order, types left out."""
        name = ".".join(
            self.identifier_preparer.quote_identifier(part)
            for part in (schema, table_name)
            if part
        )
        try:
            result = connection.exec_driver_sql(f"select * from {name} limit 0")
        except DBAPIError as error:
            if isinstance(error.orig, duckdb.CatalogException):
                raise NoSuchTableError(name) from error
            raise
        return [
            {"name": column, "type": NullType(), "nullable": True, "default": None}
            for column in result.keys()  # noqa: SIM118 (a method of the result)
        ]

    def get_pk_constraint(
        self, connection: Any, table_name: str, schema: str | None = None, **_: Any
    ) -> ReflectedPrimaryKeyConstraint:
        """Declare no primary key: keys are judged by expectations."""
        return {"constrained_columns": [], "name": None}


def register_dialect() -> None:
    """Make `URL_TEXT` known to SQLAlchemy; doing so twice changes nothing."""
    registry.register(DIALECT, __name__, DuckDBDialect.__name__)


class Lease:
    """A DuckDB connection lent to SQLAlchemy engines until it is revoked.

    Great Expectations keeps its engines beyond the run; revoking makes sure that none
    of them holds the database file open.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, row_cap: int = ROW_CAP
    ) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = connection
        self._row_cap = row_cap

    def connect(self) -> LeasedConnection:
        """Lend the connection: the `creator` of a SQLAlchemy engine."""
        return LeasedConnection(self._lent, self._row_cap)

    def revoke(self) -> None:
        """Lend no more; the owner may close the connection."""
        self._connection = None

    def _lent(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise RuntimeError("The check run is over: its connection was returned.")
        return self._connection
