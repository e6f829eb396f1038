"""A night on a real PostgreSQL: the same rows, roles that hold, one night at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest
from adbc_driver_postgresql import dbapi

from dagster_project.publishing import (
    Descriptions,
    PostgresError,
    Sensitivity,
    publish,
)
from dagster_project.publishing_postgres import Roles, publish_to_postgres
from tests.servers.postgres import PostgresServer

ROLES = Roles("analyst", "steward")
PERSONS = Sensitivity(
    person_tables=["marts.dim_persons"], withheld={"trust.checks": ["examples"]}
)


def night(folder: Path, number: int) -> Path:
    """Publish a small night whose every table says its number; give the file."""
    warehouse = folder / "warehouse.duckdb"
    warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            f"""
            create schema marts; create schema trust; create schema analysis;
            create table marts.fct_days as select {number} as night,
                12345678901234567890::hugeint as wide, 1.5::decimal(38, 6) as money,
                date '2026-03-01' as day, timestamp '2026-03-01 10:00:00' as moment,
                true as is_complete, null::varchar as missing, ['a', 'b'] as list,
                {{'a': 1}} as nested, '{{"x": 1}}'::json as document
            from range(3);
            create table marts.dim_persons as select {number} as night,
                'user-' || range as person_id from range(5);
            create table trust.checks as select {number} as night, 'u' as examples;
            """
        )
    target = folder / "published" / "daybreak.duckdb"
    publish(
        *(warehouse, target),
        threads=2,
        memory_limit="1GB",
        sensitivity=PERSONS,
        descriptions={"marts.fct_days": Descriptions("One's row.", {"day": "A day."})},
    )
    return target


def as_role(server: PostgresServer, url: str, role: str, query: str) -> list[object]:
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"set role {role}")
        cursor.execute(query)
        return list(cursor.fetchall())


def test_the_same_rows_with_their_types_and_comments(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database()
    rows = publish_to_postgres(night(tmp_path, 1), url, ROLES)
    assert rows == {
        "marts.fct_days": 3,
        "marts_persons.dim_persons": 5,
        "trust.checks": 1,
        "trust_persons.checks": 1,
    }
    [row] = postgres.rows(
        url,
        "select distinct night, wide::text, money + 1 = 2.5, day::text, moment::text, "
        "is_complete, missing, list[2], nested, document from marts.fct_days",
    )
    assert row == (
        *(1, "12345678901234567890", True, "2026-03-01", "2026-03-01 10:00:00"),
        *(True, None, "b", '{"a":1}', '{"x": 1}'),
    )
    comments = postgres.rows(
        url,
        "select obj_description('marts.fct_days'::regclass), "
        "col_description('marts.fct_days'::regclass, 4)",
    )
    assert comments == [("One's row.", "A day.")]


def test_an_analyst_sees_no_person_and_a_steward_does(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database()
    publish_to_postgres(night(tmp_path, 1), url, ROLES)
    for role in ("analyst", "steward"):
        found = as_role(postgres, url, role, "select count(*) from marts.fct_days")
        assert found == [(3,)]
        assert as_role(postgres, url, role, "select examples from trust.checks") == [
            (None,)
        ]
        with pytest.raises(dbapi.Error, match="permission denied"):
            as_role(postgres, url, role, "delete from marts.fct_days returning 1")
    persons = "select count(*) from marts_persons.dim_persons"
    assert as_role(postgres, url, "steward", persons) == [(5,)]
    for query in (persons, "select examples from trust_persons.checks"):
        with pytest.raises(dbapi.Error, match="permission denied for schema"):
            as_role(postgres, url, "analyst", query)


def test_readers_see_one_night_or_the_next(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database()
    publish_to_postgres(night(tmp_path, 0), url, ROLES)
    seen: set[object] = set()
    wrong: list[object] = []
    stop = threading.Event()

    def read() -> None:
        query = (
            "select (select min(night) from marts.fct_days), "
            "(select max(night) from marts_persons.dim_persons), "
            "(select max(night) from trust.checks)"
        )
        while not stop.is_set():
            try:
                [row] = postgres.rows(url, query)
            except dbapi.Error as error:
                wrong.append(error)
                continue
            seen.add(row)
            if len(set(row)) != 1:
                wrong.append(row)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 6):
        publish_to_postgres(night(tmp_path, number), url, ROLES)
    stop.set()
    reader.join()
    assert not wrong
    assert len(seen) > 1
    left = postgres.rows(
        url, "select count(*) from pg_namespace where nspname like '%\\_\\_%'"
    )
    assert left == [(0,)]


def test_a_schema_of_somebody_else_is_not_replaced(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database()
    postgres.run(url, "create schema marts", "create table marts.mine as select 1 as x")
    with pytest.raises(PostgresError, match="schema marts that is not Daybreak's"):
        publish_to_postgres(night(tmp_path, 1), url, ROLES)
    assert postgres.rows(url, "select x from marts.mine") == [(1,)]


def test_a_server_that_is_away_is_said_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://someone:hush-hush@127.0.0.1:1/nowhere"
    with pytest.raises(PostgresError, match="took nothing") as caught:
        publish_to_postgres(night(tmp_path, 1), url, ROLES)
    assert "hush" not in str(caught.value)
