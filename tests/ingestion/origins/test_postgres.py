"""Rows of a real PostgreSQL: what is read, in what types, and what a cut line costs."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.ingestion.origins.fetching_home import FetchingHome
from tests.servers.cut_line import cut_line
from tests.servers.postgres import PostgresServer, running_postgres

SNAPSHOT = """
sources:
  - name: billing
    format: table
    table: payments
    origin:
      type: postgres
      url: BILLING_URL
      query: >
        select id as payment_id, paid_at as occurred_at, changed_at as updated_at,
        amount, user_id, note from bills
    columns: {currency: "'EUR'"}
"""
CURSOR = (
    SNAPSHOT
    + """
"""
).replace(
    "    columns:",
    "      cursor: {column: updated_at, overlap: 10 minutes}\n"
    "      rows_per_file: 400\n"
    "    columns:",
)
BILLS = """
create table bills as select
    'p' || i as id,
    timestamptz '2024-05-01 00:00:00+02' + i * interval '1 minute' as paid_at,
    timestamptz '2024-05-01 00:00:00+02' + i * interval '1 minute' as changed_at,
    (i * 1.01)::numeric(12, 2) as amount,
    'u' || mod(i, 7) as user_id,
    case when mod(i, 2) = 0 then jsonb_build_object('n', i) end as note
from generate_series(1, %d) as i
"""
PADDING = (
    "alter table bills add column pad text; update bills set pad = repeat('x', 500)"
)


@pytest.fixture
def url(postgres: PostgresServer, home: FetchingHome) -> str:
    url = postgres.new_database()
    home.secrets = {"BILLING_URL": url}
    return url


def truth(postgres: PostgresServer, url: str) -> list[tuple[object, ...]]:
    """Give what the database holds, as the database itself writes it."""
    return postgres.rows(
        url,
        "select id, (paid_at at time zone 'UTC')::text, amount::text, user_id "
        'from bills order by id collate "C"',
    )


def landed(home: FetchingHome) -> list[tuple[object, ...]]:
    """Give the latest copy of each payment in the lake."""
    return home.query(
        "select payment_id, occurred_at::varchar, "
        "rtrim(rtrim(amount::varchar, '0'), '.')::decimal(18, 2)::varchar, user_id "
        "from payments qualify row_number() over (partition by payment_id "
        "order by updated_at desc, load_id desc, file desc, line_number desc) = 1 "
        "order by payment_id"
    )


def test_a_whole_table_is_kept_when_it_changed(
    postgres: PostgresServer, url: str, home: FetchingHome
) -> None:
    postgres.run(url, BILLS % 50)
    home.declare(SNAPSHOT)
    report = home.fetch()
    assert (report.status, report.files, report.rows) == ("fetched", 1, 50)
    assert home.land().landed_rows("payments") == 50
    assert landed(home) == truth(postgres, url)
    assert home.query(
        "select count(distinct currency), min(extra), sum(amount) from payments"
    ) == [
        (
            1,
            '{"note":{"n":10}}',
            sum((Decimal(i) * 101 / 100 for i in range(1, 51)), Decimal(0)),
        )
    ]
    assert home.fetch().status == "unchanged"
    postgres.run(url, "update bills set amount = 0 where id = 'p1'")
    assert home.fetch().status == "fetched"
    postgres.run(url, "update bills set amount = 1.01 where id = 'p1'")
    # Again as it was at first, which is news all the same.
    assert home.fetch().status == "fetched"
    assert [len(home.land().loads), len(home.files("billing"))] == [1, 3]
    assert landed(home) == truth(postgres, url)


def test_a_cursor_reads_what_is_new_and_the_overlap(
    postgres: PostgresServer, url: str, home: FetchingHome
) -> None:
    postgres.run(url, BILLS % 1000)
    home.declare(CURSOR)
    assert (home.fetch().files, home.fetch().rows) == (3, 11)
    home.land()
    assert home.fetch().status == "unchanged"
    postgres.run(
        url,
        "insert into bills values "
        "('late', '2024-05-01', timestamptz '2024-05-01 16:35+02', 5, 'u1', null)",
        "update bills set amount = 9, changed_at = '2024-05-02' where id = 'p3'",
        "insert into bills values ('none', '2024-05-02', null, 5, 'u1', null)",
    )
    assert home.fetch().rows == 14
    home.land()
    found = {row[0]: row[2] for row in landed(home)}
    assert (len(found), found["p3"], found["late"]) == (1002, "9.00", "5.00")


@pytest.mark.parametrize(
    ("column", "overlap", "again"),
    [
        ("n", 5, 6),
        ("n::int as n", 0, 1),
        ("n::numeric as n", 2, 3),
        ("date '2023-01-01' + n as n", "2 days", 3),
        ("timestamp '2024-01-01' + n * interval '1 hour' as n", None, 2),
        ("lpad(n::text, 4, '0') as n", None, 1),
    ],
)
def test_cursors_of_every_type(
    postgres: PostgresServer,
    url: str,
    home: FetchingHome,
    column: str,
    overlap: int | str | None,
    again: int,
) -> None:
    postgres.run(url, "create table t as select n from generate_series(1, 300) as n")
    stop = "" if overlap is None else f", overlap: {overlap}"
    home.declare(
        "sources: [{name: s, format: native, origin: {type: postgres, url: "
        f'BILLING_URL, query: "select {column} from t", cursor: '
        f"{{column: n{stop}}}}}}}]"
    )
    assert home.fetch().rows == 300
    assert home.fetch().rows == again
    assert home.fetch().status == "unchanged"


def test_a_time_in_the_future_does_not_hide_what_comes(
    postgres: PostgresServer, url: str, home: FetchingHome
) -> None:
    postgres.run(
        url, BILLS % 10, "update bills set changed_at = '2199-01-01' where id = 'p1'"
    )
    home.declare(CURSOR)
    home.fetch()
    postgres.run(
        url, "insert into bills values ('new', now(), '2024-06-02 11:59', 1, 'u', null)"
    )
    assert home.fetch().rows == 2


def test_a_line_cut_at_any_byte_loses_nothing_and_doubles_nothing(
    postgres: PostgresServer, url: str, home: FetchingHome
) -> None:
    """With a cursor, each try keeps whole files; the rest comes later."""
    postgres.run(url, BILLS % 3000, *PADDING.split("; "))
    home.declare(CURSOR.replace("note from", "note, pad from"))
    numbers = random.Random(11)
    rows = 0
    with cut_line(postgres.port) as line:
        home.secrets = {"BILLING_URL": url.replace(str(postgres.port), str(line.port))}
        for _ in range(6):
            line.cut_after(numbers.randrange(2_000, 1_000_000))
            report = home.fetch(attempts=1)
            rows += report.rows
            home.land()
        assert line.cuts > 3
        line.mend()
        report = home.fetch()
        assert report.reason is None
    home.land()
    assert landed(home) == truth(postgres, url)
    assert home.staged("billing") == []
    # Nothing twice but the overlap: ten minutes hold eleven rows.
    total = home.query("select count(*) from payments")[0][0]
    assert 3000 <= total <= 3000 + 7 * 11


def test_a_connection_that_dies_once_is_taken_up_again(
    postgres: PostgresServer, url: str, home: FetchingHome
) -> None:
    postgres.run(url, BILLS % 3000, *PADDING.split("; "))
    home.declare(CURSOR.replace("note from", "note, pad from"))
    with cut_line(postgres.port) as line:
        home.secrets = {"BILLING_URL": url.replace(str(postgres.port), str(line.port))}
        line.cut_after(900_000, heals=True)
        report = home.fetch()
        assert (report.reason, line.cuts) == (None, 1)
    home.land()
    assert landed(home) == truth(postgres, url)


def test_a_snapshot_whose_read_died_is_not_there(
    postgres: PostgresServer, url: str, home: FetchingHome
) -> None:
    postgres.run(url, BILLS % 3000, *PADDING.split("; "))
    home.declare(SNAPSHOT.replace("note from", "note, pad from"))
    with cut_line(postgres.port) as line:
        home.secrets = {"BILLING_URL": url.replace(str(postgres.port), str(line.port))}
        line.cut_after(700_000)
        report = home.fetch(attempts=1)
        assert (report.status, report.files) == ("failed", 0)
        assert "see whether the database is up" in str(report.reason)
    assert home.files("billing") == {}
    home.secrets = {"BILLING_URL": url}
    assert home.fetch().rows == 3000
    assert home.staged("billing") == []


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


def test_a_server_that_crashes_and_comes_back(
    own_server: PostgresServer, home: FetchingHome
) -> None:
    url = own_server.new_database()
    home.secrets = {"BILLING_URL": url}
    home.declare(CURSOR)
    own_server.run(url, BILLS % 100)
    assert home.fetch().rows == 100
    own_server.run(url, "checkpoint")
    own_server.stop(signal.SIGQUIT)
    report = home.fetch()
    assert "the database cannot be read" in str(report.reason)
    own_server.start()
    assert home.fetch().rows == 11
    home.land()
    assert landed(home) == truth(own_server, url)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select * from nothing", "nothing"),
        ("select interval '1 day' as x", "is an interval"),
        ("select 1 as updated_at; drop table bills", "syntax error"),
    ],
)
def test_a_declaration_that_does_not_fit(
    postgres: PostgresServer, url: str, home: FetchingHome, query: str, said: str
) -> None:
    postgres.run(url, BILLS % 2)
    home.declare(
        "sources: [{name: s, format: native, origin: {type: postgres, url: "
        f'BILLING_URL, query: "{query}"}}}}]'
    )
    report = home.fetch()
    assert said in str(report.reason)
    assert len(postgres.rows(url, "select * from bills")) == 2


def test_a_password_is_never_told(home: FetchingHome) -> None:
    home.secrets = {
        "BILLING_URL": "postgresql://u:hunter2@127.0.0.1:1/x?sslmode=hunter2"
    }
    home.declare(SNAPSHOT)
    report = home.fetch(attempts=1)
    assert report.status == "failed"
    assert "hunter2" not in repr(report)
