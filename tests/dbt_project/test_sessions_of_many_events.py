"""Sessions of more events than one thread reads, against the plain formulation.

The model never orders events; here each is compared with the one before it.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.warehouse_of_test import WarehouseOfTest

EVENTS = 400_000
PERSONS = 3_000
MAKE_EVENTS = f"""
    create schema staging;
    create schema intermediate;
    create table intermediate.int_events as
    select
        cast(hash(number % {PERSONS}) >> 4 as bigint) as person_key,
        cast(occurred_at as date) as event_date,
        occurred_at,
        hash(number, 'server') % 50 = 0 as is_of_server
    from (
        select
            number,
            timestamp '2026-01-01' + interval 1 second * (
                hash(number % {PERSONS}, number // 40000) % 864000
                + hash(number, 'second') % 14400
            ) as occurred_at
        from range({EVENTS}) as numbers (number)
    )
    order by event_date, hash(number);
    create table intermediate.int_event_days as
    select distinct event_date, '001' as last_load_id from intermediate.int_events;
"""
PLAIN = """
    with compared as (
        select
            *,
            coalesce(
                occurred_at - lag(occurred_at) over (
                    partition by person_key order by occurred_at
                ) > interval 30 minute,
                true
            ) as is_first
        from intermediate.int_events
        where not is_of_server
    ),
    numbered as (
        select
            *,
            sum(cast(is_first as integer)) over (
                partition by person_key order by occurred_at
            ) as number
        from compared
    ),
    started as (
        select
            *,
            min(occurred_at) over (partition by person_key, number) as started_at
        from numbered
    )
    select person_key, started_at, event_date, min(occurred_at), max(occurred_at)
    from started
    group by all
"""
FOUND = """
    select person_key, session_started_at, event_date, first_at, last_at
    from intermediate.int_session_days
"""


@pytest.fixture
def found(warehouse: WarehouseOfTest, tmp_path: Path) -> WarehouseOfTest:
    """Give a warehouse with many events, and their sessions by the default rules."""
    (tmp_path / "events.yml").write_text("policy: allow\nevents: []\n")
    warehouse.declare(tmp_path)
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(MAKE_EVENTS)
    warehouse.build(select=["int_session_days"])
    return warehouse


def test_sessions_are_those_of_the_plain_formulation(found: WarehouseOfTest) -> None:
    days, sessions, most = found.rows(
        f"select count(*), count(distinct (person_key, session_started_at)),"
        f" max(session_count) from ({FOUND}), (select count(*) as session_count"
        f" from ({FOUND}) group by person_key order by 1 desc limit 1)"
    )[0]
    assert days > sessions > 20_000  # Some go on over midnight.
    assert most > 5
    for left, right in ((FOUND, PLAIN), (PLAIN, FOUND)):
        assert found.rows(f"({left}) except all ({right}) limit 5") == []
