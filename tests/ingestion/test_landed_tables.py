"""Landed tables beside events come through the same door, with the same promises."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ingestion.catalog.source_models import TableName
from ingestion.lake import GENESIS_LOAD, Lake, Manifest, open_lake
from ingestion.lake_counts import lake_row_counts
from ingestion.landed_tables import EVENTS, LANDED_TABLES, LINEAGE
from ingestion.landing import LandingResult, land
from ingestion.quarantine import list_quarantine, reconcile, replay
from tests.ingestion.landing_home import Home, event, new_home, report_of, sources_of

PAYMENTS = """
sources:
  - name: stripe
    format: table
    table: payments
    reader: {format: %s}
    columns:
      payment_id: id
      amount: "cast(cents as decimal(18, 6)) / 100"
      kind: "case when starts_with(id, 're_') then 'refund' end"
    times:
      occurred_at: {column: created, format: epoch_s}
"""
PAID = [
    {"id": "ch_1", "cents": 1050, "created": 1714557700, "user_id": "u1",
     "currency": "EUR", "card": "visa"},
    {"id": "re_1", "cents": 50, "created": 1714644100, "user_id": "undefined",
     "currency": "EUR", "card": None},
]  # fmt: skip


def rows_of(home: Home, table: str, select: str = "*") -> list[tuple[Any, ...]]:
    """Query a table of the lake as readers see it."""
    files = LANDED_TABLES[table].files(home.lake)
    return duckdb.sql(
        f"select {select} from read_parquet('{files}', hive_partitioning = true)"
    ).fetchall()


def declared(home: Home, text: str) -> Home:
    return replace(home, sources=sources_of(text))


def landed(home: Home) -> LandingResult:
    result = land(home.options, home.sources)
    assert reconcile(home.lake).is_balanced
    assert not list((home.lake / ".incoming").glob("*"))
    return result


def write(home: Home, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows in the format of the file's name."""
    lines = home.root / "rows.jsonl"
    lines.write_text("\n".join(map(json.dumps, rows)))
    suffix = name.rsplit(".", 1)[1]
    kind = {"jsonl": "json", "csv": "csv, header", "parquet": "parquet"}[suffix]
    duckdb.sql(f"copy (from read_json('{lines}')) to '{home.path(name)}' "
               f"(format {kind})")  # fmt: skip


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_one_mapping_reads_every_format(home: Home, suffix: str) -> None:
    kind = {"jsonl": "json"}.get(suffix, suffix)
    home = declared(home, PAYMENTS % kind)
    write(home, f"stripe/a.{suffix}", PAID)
    result = landed(home)
    assert (result.landed, result.landed_rows("payments")) == (0, 2)
    first = 2 if suffix == "csv" else 1
    assert sorted(
        rows_of(
            home,
            "payments",
            "payment_id, occurred_at, kind, amount, user_id, currency, extra, source, "
            "file, line_number, load_id = load, date",
        )
    ) == [
        ("ch_1", datetime(2024, 5, 1, 10, 1, 40), None, Decimal("10.5"), "u1", "EUR",
         '{"card":"visa"}', "stripe", f"stripe/a.{suffix}", first, True,
         date(2024, 5, 1)),
        ("re_1", datetime(2024, 5, 2, 10, 1, 40), "refund", Decimal("0.5"), None,
         "EUR", "{}", "stripe", f"stripe/a.{suffix}", first + 1, True,
         date(2024, 5, 2)),
    ]  # fmt: skip


@pytest.mark.parametrize("table", list(LANDED_TABLES))
def test_columns_of_the_same_name_need_no_mapping(home: Home, table: str) -> None:
    """Every table, every column filled, and typed as declared."""
    samples = {
        "VARCHAR": "x",
        "TIMESTAMP": "2024-05-01T12:00:00+02:00",
        "DATE": "2024-05-01",
        "DECIMAL(18,6)": "1.25",
        "BIGINT": "7",
        "BOOLEAN": "yes",
    }
    columns = LANDED_TABLES[table].columns
    home = declared(
        home,
        f"sources: [{{name: s, format: table, table: {table}, reader: "
        "{format: json}}]",
    )
    row = {column.name: samples[column.type] for column in columns}
    write(home, "s/a.jsonl", [row | {"more": 1}])
    assert landed(home).quarantined == 0, list_quarantine(home.lake)
    values = {
        "VARCHAR": "x",
        "TIMESTAMP": datetime(2024, 5, 1, 10),
        "DATE": date(2024, 5, 1),
        "DECIMAL(18,6)": Decimal("1.25"),
        "BIGINT": 7,
        "BOOLEAN": True,
    }
    names = ", ".join(column.name for column in columns)
    assert rows_of(home, table, names) == [tuple(values[c.type] for c in columns)]
    assert rows_of(home, table, "extra") == [('{"more":1}',)]


def test_an_empty_lake_has_every_table(home: Home) -> None:
    with open_lake(home.lake) as lake:
        assert lake.all_load_ids() == [GENESIS_LOAD]
    for table in LANDED_TABLES.values():
        files = table.files(home.lake)
        described = duckdb.sql(
            f"describe from read_parquet('{files}', hive_partitioning = false)"
        ).fetchall()
        assert {row[0]: row[1] for row in described} == table.types()
    assert set(lake_row_counts(home.lake).values()) == {0}


def test_every_table_can_be_declared() -> None:
    assert set(get_args(TableName)) == {EVENTS, *LANDED_TABLES}


def test_tables_say_what_they_are() -> None:
    for table in LANDED_TABLES.values():
        names = [column.name for column in (*table.columns, *LINEAGE)]
        assert len(set(names)) == len(names)
        assert {*table.key, table.time, table.version, *table.one_of} <= set(names)
        assert table.column(table.time).required
        assert all(column.meaning.endswith((".", "...")) for column in table.columns)


BAD = [
    ({"cents": 1, "created": 1714557700}, "missing_value", "It lacks `payment_id`"),
    ({"id": "a", "cents": "x", "created": 1714557700}, "missing_value", "`amount`"),
    ({"id": "a", "cents": 1, "created": "?"}, "unreadable_value",
     "`occurred_at` = '?' is no TIMESTAMP"),
    ({"id": "a", "cents": 1, "created": 1714557700, "quantity": "1.5"},
     "unreadable_value", "`quantity` = '1.5' is no BIGINT"),
    ({"id": "a", "cents": 1, "created": 1}, "before_floor", ""),
    ({"id": "a", "cents": 1, "created": 1914557700}, "impossible_timestamp_future",
     ""),
]  # fmt: skip


@pytest.mark.parametrize(("row", "reason", "detail"), BAD)
def test_what_cannot_be_used_waits_with_its_reason(
    home: Home, row: dict[str, Any], reason: str, detail: str
) -> None:
    home = declared(home, PAYMENTS % "json")
    write(home, "stripe/a.jsonl", [PAID[0], row, PAID[1]])
    result = landed(home)
    assert (result.landed_rows("payments"), result.quarantined) == (2, 1)
    (found,) = list_quarantine(home.lake).itertuples()
    assert (found.reason_code, found.first_line) == (reason, 2)
    assert detail in found.reason
    assert json.loads(found.examples[0]).items() >= row.items()


def test_malformed_lines_and_wrong_files(home: Home) -> None:
    home = declared(home, PAYMENTS % "json")
    good = json.dumps(PAID[0]).encode()
    home.write("stripe/a.jsonl", good + b"\n{oops\n\n[1]\n\xff\xfe\n")
    home.write("stripe/b.jsonl.gz", b"x" * 100)
    path = home.path("stripe/b.jsonl.gz")
    path.write_bytes(path.read_bytes()[:20])
    landed(home)
    assert sorted(home.refused(), key=str) == [
        ("stripe/a.jsonl", 2, "malformed_json"),
        ("stripe/a.jsonl", 4, "not_an_object"),
        ("stripe/a.jsonl", 5, "bad_encoding"),
        ("stripe/b.jsonl.gz", None, "truncated_file"),
    ]


def test_a_mended_mapping_replays_what_waited(home: Home) -> None:
    broken = declared(home, (PAYMENTS % "json").replace("cents", "price"))
    write(broken, "stripe/a.jsonl", [row | {"price": None} for row in PAID])
    assert landed(broken).quarantined == 2
    mended = declared(home, PAYMENTS % "json")
    result = replay(mended.options, mended.sources)
    assert (result.landed_rows("payments"), result.closed) == (2, 2)
    assert reconcile(home.lake).is_balanced
    assert home.refused() == []
    amounts = rows_of(home, "payments", "sum(amount)")
    assert amounts == [(Decimal(11),)]


def test_a_file_is_landed_once_and_a_changed_one_again(home: Home) -> None:
    home = declared(home, PAYMENTS % "json")
    write(home, "stripe/a.jsonl", PAID)
    landed(home)
    write(home, "stripe/copy.jsonl", PAID)
    again = landed(home)
    assert {file.status for file in again.files} == {"already_loaded"}
    write(home, "stripe/a.jsonl", [PAID[0] | {"cents": 2000}])
    landed(home)
    newest = "max_by(amount, load_id)"
    assert rows_of(home, "payments", f"{newest}, count(*)") == [(Decimal(20), 3)]


def test_drift_is_reported_and_kept(home: Home) -> None:
    home = declared(home, PAYMENTS % "json")
    write(home, "stripe/a.jsonl", PAID)
    assert landed(home).schema_changes == {}
    write(home, "stripe/b.jsonl", [PAID[0] | {"id": "ch_2", "coupon": "MAY"}])
    assert landed(home).schema_changes == {"stripe": ("coupon",)}
    extra = rows_of(home, "payments", "extra ->> 'coupon' as c")
    assert sorted(extra, key=str) == [("MAY",), (None,), (None,)]


def test_a_vanished_column_keeps_its_file_outside(home: Home) -> None:
    home = declared(home, PAYMENTS % "csv")
    write(home, "stripe/a.csv", [{k: v for k, v in PAID[0].items() if k != "cents"}])
    result = landed(home)
    report = report_of(result, "stripe/a.csv")
    assert report.status == "failed"
    assert "the file has no column 'cents'" in str(report.reason)
    needed = "sources: [{name: s, format: table, table: spend, reader: {format: csv}}]"
    home = declared(home, needed)
    home.write("s/a.csv", b"spend_date,clicks\n2024-05-01,3\n")
    assert "no column 'amount'" in str(report_of(landed(home), "s/a.csv").reason)


def test_loads_of_all_tables_share_ids_and_order(home: Home) -> None:
    home = declared(home, PAYMENTS % "json")
    write(home, "stripe/a.jsonl", PAID)
    home.write("web/a.jsonl", [event(1)])
    result = landed(home)
    tables = {load.table: load.load_id for load in result.loads}
    assert set(tables) == {"payments", "events"}
    lake = Lake(home.lake)
    assert lake.load_ids() == [GENESIS_LOAD, tables["events"]]
    assert lake.load_ids("payments") == [GENESIS_LOAD, tables["payments"]]
    assert [one.table for one in lake.manifests()] == ["payments", "events"]
    assert lake_row_counts(home.lake)["loads"] == 2


def test_a_manifest_without_a_table_is_one_of_events() -> None:
    assert (
        Manifest.from_json('{"load_id": "x", "committed_at": "", "source": ""}').table
        == "events"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{table: payments, columns: {amoutn: x}}", "Did you mean 'amount'?"),
        ("{table: payments, event_name: x}", "belongs to events"),
        ("{table: payments, times: {amount: {column: x}}}", "is no time"),
        ("{table: spend, columns: {spend_date: a}, times: {spend_date: {column: x}}}",
         "stands in `columns` and in `times`"),
        ("{table: bills}", "Input should be"),
        ("{format: native, table: payments}", "belongs to `format: table`"),
        ("{table: payments, origin: {type: s3, url: bucket}}", "is not a bucket"),
        ("{table: payments, origin: {type: s3, url: 's3://b/', access_key: A}}",
         "both `access_key` and `secret_key`"),
        ("{table: payments, origin: {type: postgres, table: t, "
         "url: 'postgresql://u:secret@h/d'}}", "the name of an environment variable"),
        ("{table: payments, origin: {type: postgres, url: U}}", "either `table` or"),
        ("{table: payments, origin: {type: postgres, url: U, table: 'a; b'}}",
         "is not a table"),
        ("{table: payments, files: [a], origin: {type: postgres, url: U, table: t}}",
         "`files` has no meaning"),
    ],
)  # fmt: skip
def test_declarations_that_are_wrong(text: str, said: str) -> None:
    rest = "format: table, " if "format" not in text else ""
    rest += "reader: {format: json}, " if "postgres" not in text else ""
    with pytest.raises(ValidationError) as caught:
        sources_of("sources: [{name: s, " + rest + text[1:] + "]")
    assert said in str(caught.value)


MUTATED = b'{"id":"p","cents":1,"created":1714557700,"user_id":"u","quantity":1,"x":{}}'


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """Give a line in which some bytes are others."""
    line = bytearray(MUTATED)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(line) - 1))
        line[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(line)


@settings(max_examples=15, deadline=None)
@given(lines=st.lists(mutations(), min_size=1, max_size=40))
def test_every_line_is_somewhere(
    lines: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_every_line(lines, tmp_path_factory.mktemp("home"))


@pytest.mark.campaign
def test_every_line_is_somewhere_100_000_times(tmp_path: Path) -> None:
    numbers = random.Random(5)
    for round_ in range(10):
        lines = []
        for _ in range(10_000):
            line = bytearray(MUTATED)
            for _ in range(numbers.randrange(4)):
                at = numbers.randrange(len(line))
                line[at : at + numbers.randrange(3)] = numbers.randbytes(
                    numbers.randrange(3)
                )
            lines.append(bytes(line))
        check_every_line(lines, tmp_path / str(round_))


def check_every_line(lines: list[bytes], root: Path) -> None:
    home = declared(new_home(root / "home"), PAYMENTS % "json")
    # A file in which no row has a column of the mapping is refused as a whole.
    content = b"\n".join([MUTATED, *lines]) + b"\n"
    home.write("stripe/a.jsonl", content)
    result = landed(home)
    read = sum(load.lines_read for load in result.loads)
    rows = rows_of(home, "payments", "count(*)")[0][0]
    waiting = home.query("select count(*) from quarantine")[0][0]
    assert (rows, rows + waiting) == (result.landed_rows("payments"), read)
    # As Python splits lines: LF, CR LF and CR, blank ones being none.
    split = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    assert read == sum(1 for line in split if line.strip(b" \t"))
