from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import duckdb
import pytest
import sqlalchemy as sa

from quality_checks.duckdb_dialect import (
    URL_TEXT,
    Lease,
    RowCapExceededError,
    register_dialect,
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect()) as opened:
        yield opened


def engine(connection: duckdb.DuckDBPyConnection, row_cap: int = 100) -> sa.Engine:
    register_dialect()
    return sa.create_engine(URL_TEXT, creator=Lease(connection, row_cap).connect)


def test_rows_outlive_the_connection_they_came_from(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    with engine(connection).connect() as borrowed:
        result = borrowed.execute(sa.text("select i from range(3) as n (i)"))
        borrowed.rollback()
        other = borrowed.execute(sa.text("select 'x'"))
        assert result.fetchone() == (0,)
        assert other.scalar() == "x"
        assert result.fetchmany(1) == [(1,)]
        assert result.fetchall() == [(2,)]
        assert borrowed.execute(sa.text("select 1 where false")).fetchall() == []


def test_the_row_cap_raises_and_truncates_nothing(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    with engine(connection).connect() as borrowed:
        full = borrowed.execute(sa.text("from range(100)")).fetchall()
        assert len(full) == 100
        with pytest.raises(RowCapExceededError, match="more than 100 rows"):
            borrowed.execute(sa.text("from range(101)"))


def test_parameters_are_bound(connection: duckdb.DuckDBPyConnection) -> None:
    table = sa.table("n", sa.column("select"), sa.column("qualify"))
    connection.execute('create table n ("select" integer, "qualify" varchar)')
    connection.executemany("insert into n values (?, ?)", [(1, "it's"), (2, None)])
    query = sa.select(table.c["qualify"]).where(table.c["select"] == 1)
    with engine(connection).connect() as borrowed:
        assert borrowed.execute(query).scalar() == "it's"


def test_columns_of_tables_and_temporary_views_are_read_in_order(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute('create schema marts; create table marts.t (b int, "A b" int)')
    connection.execute("create temp view v as select 1 as z, 2 as y")
    inspector = sa.inspect(engine(connection))
    assert [c["name"] for c in inspector.get_columns("t", "marts")] == ["b", "A b"]
    assert [c["name"] for c in inspector.get_columns("v")] == ["z", "y"]
    with pytest.raises(sa.exc.NoSuchTableError):
        inspector.get_columns("nowhere")


def test_the_owner_keeps_the_connection_and_can_take_it_back(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    register_dialect()
    lease = Lease(connection)
    lent = sa.create_engine(URL_TEXT, creator=lease.connect)
    with lent.connect() as borrowed:
        assert borrowed.execute(sa.text("select 1")).scalar() == 1
    lent.dispose()
    assert connection.execute("select 2").fetchone() == (2,)
    lease.revoke()
    with lent.connect() as borrowed, pytest.raises(RuntimeError, match="returned"):
        borrowed.execute(sa.text("select 1"))
