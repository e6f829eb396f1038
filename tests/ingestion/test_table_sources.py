"""Mappings of tables, proved on real exports with known figures."""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.ingestion.landing_home import Home, sources_of

DECLARED = Path(__file__).resolve().parents[1] / "end_to_end" / "catalogs"


def declared(name: str) -> str:
    return (DECLARED / name / "sources.yml").read_text("utf-8")


@pytest.fixture
def retail(home: Home, shared_dir: Path) -> Home:
    folder = home.options.landing_dir / "online_retail"
    with tarfile.open(shared_dir / "data/online_retail/by-day.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return replace(home, sources=sources_of(declared("online_retail")))


def test_online_retail(retail: Home) -> None:
    """Figures of data/online_retail/NOTE.md; 5,268 equal rows stay."""
    result = retail.land()
    assert (result.landed, result.quarantined) == (541_909, 0)
    assert retail.query(
        "select count(*), count(distinct event_id), sum(revenue), "
        "count(distinct user_id), count(*) filter (user_id is null), "
        "count(distinct country), count(distinct properties ->> '$.invoice'), "
        "count(*) filter (event_name = 'item_returned') from events"
    ) == [
        (541_909, 541_909, Decimal("9747747.934000"), 4372, 135_080, 38, 25_900, 9288)
    ]
    months = retail.query(
        "select round(sum(revenue), 2) from events "
        "group by date_trunc('month', occurred_at) "
        "order by date_trunc('month', occurred_at)"
    )
    assert [float(row[0]) for row in months] == [
        *(748957.02, 560000.26, 498062.65, 683267.08, 493207.12, 723333.51, 691123.12),
        *(681300.11, 682680.51, 1019687.62, 1070704.67, 1461756.25, 433668.01),
    ]
    pounds = retail.query("select count(*) from events where properties like '%£%'")
    assert pounds == [(32,)]
    assert retail.query(
        "select distinct user_id from events where user_id like '17850%'"
    ) == [("17850",)]


def test_online_retail_in_latin_1(retail: Home) -> None:
    """The days with a pound sign, as the original export writes them."""
    folder = retail.options.landing_dir / "online_retail"
    for path in sorted(folder.rglob("*.csv")):
        text = path.read_text("utf-8")
        if "£" in text:
            path.write_text(text, "latin-1", newline="")
        else:
            path.unlink()
    latin = declared("online_retail").replace("encoding: utf-8", "encoding: latin-1")
    home = replace(retail, sources=sources_of(latin))
    assert home.land().quarantined == 0
    pounds = home.query("select count(*) from events where properties like '%£%'")
    assert pounds == [(32,)]


def test_sparkify(home: Home, shared_dir: Path) -> None:
    """Figures of data/sparkify_log_data/NOTE.md."""
    shutil.copytree(
        shared_dir / "data/sparkify_log_data/log_data",
        home.options.landing_dir / "sparkify",
    )
    home = replace(home, sources=sources_of(declared("sparkify")))
    result = home.land()
    assert (result.landed, result.quarantined) == (8056, 0)
    assert home.query(
        "select count(*) filter (event_name = 'NextSong'), "
        "count(distinct user_id) filter (event_name = 'NextSong'), "
        "count(distinct user_id), count(*) filter (user_id is null), "
        "count(distinct vendor_session_id), "
        "min(date)::varchar, max(date)::varchar from events"
    ) == [(6820, 96, 97, 286, 941, "2018-11-01", "2018-11-30")]
    pages = dict(home.query("select event_name, count(*) from events group by 1"))
    assert (pages["Home"], pages["Submit Upgrade"], pages["About"]) == (806, 8, 36)
    assert home.query(
        "select count(distinct user_id) from events group by date "
        "having date in ('2018-11-01', '2018-11-28') order by date"
    ) == [(5,), (37,)]


MAPPING = """
sources:
  - name: shop
    format: table
    files: ["in/*"]
    reader: {format: %s, null_values: ["N/A"]}
    event_name: kind
    occurred_at:
      column: Day At
      format: "%%d.%%m.%%Y %%H:%%M"
      timezone: Europe/Berlin
    received_at: {expression: "concat(seen, '000')", format: epoch_ms}
    columns:
      user_id: who
      revenue: cast(amount as decimal(18, 6)) * 2
      page: concat(file_name, '#', cast(line_number as varchar))
    properties: %s
    where: kind <> 'noise'
"""
ROWS = [
    {"kind": "sale", "Day At": "01.05.2024 12:00", "seen": "1714557700",
     "who": "u1", "amount": "1.10", "n": 7, "note": "N/A"},
    {"kind": "noise", "Day At": "x", "seen": None, "who": None,
     "amount": None, "n": None, "note": None},
    {"kind": "sale", "Day At": "01.12.2024 12:00", "seen": None, "who": "N/A",
     "amount": None, "n": 8, "note": "b"},
    {"kind": "sale", "Day At": "01.02.2024 12:00", "seen": None, "who": "N/A",
     "amount": None, "n": 8, "note": "b"},
]  # fmt: skip


def write_rows(home: Home, kind: str) -> str:
    suffix = {"json": "jsonl", "csv": "csv", "parquet": "parquet"}[kind]
    path = home.path(f"shop/in/a.{suffix}")
    home.path("shop/other.csv").write_bytes(b"not,declared\n")
    home.path("rows/x").write_text("\n".join(map(json.dumps, ROWS)))
    duckdb.execute(
        f"copy (select * from read_json('{home.path('rows/x')}', "
        "format = 'newline_delimited', columns = {kind: 'VARCHAR', 'Day At': "
        "'VARCHAR', seen: 'VARCHAR', who: 'VARCHAR', amount: 'VARCHAR', n: 'BIGINT', "
        f"note: 'VARCHAR'}})) to '{path}' (format {kind})"
    )
    shutil.rmtree(home.path("rows/x").parent)
    return suffix


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
@pytest.mark.parametrize(
    "properties", ["all", "none", "[n, note]", "{N: n, twice: cast(n as integer) * 2}"]
)
def test_one_mapping_reads_every_format(home: Home, kind: str, properties: str) -> None:
    suffix = write_rows(home, kind)
    home = replace(home, sources=sources_of(MAPPING % (kind, properties)))
    result = home.land()
    first = 2 if kind == "csv" else 1
    assert result.loads[0].skipped == 1
    assert home.refused() == [
        (f"shop/in/a.{suffix}", first + 2, "impossible_timestamp_future")
    ]
    rows = home.query(
        "select occurred_at::varchar, received_at::varchar, user_id, "
        "revenue::varchar, page, properties from events order by 1 desc"
    )
    n, note = ('"7"', '"8"') if kind == "csv" else ("7", "8"), '"note":"b"'
    expected = {
        "all": (f'{{"n":{n[0]}}}', f'{{"n":{n[1]},{note}}}'),
        "none": ("{}", "{}"),
        "[n, note]": (f'{{"n":{n[0]}}}', f'{{"n":{n[1]},{note}}}'),
    }.get(properties, (f'{{"N":{n[0]},"twice":14}}', f'{{"N":{n[1]},"twice":16}}'))
    assert rows == [
        ("2024-05-01 10:00:00", "2024-05-01 10:01:40", "u1", "2.200000",
         f"in/a.{suffix}#{first}", expected[0]),
        ("2024-02-01 11:00:00", None, None, None, f"in/a.{suffix}#{first + 3}",
         expected[1]),
    ]  # fmt: skip


def test_line_numbers_count_rows_that_cannot_be_split(home: Home) -> None:
    """An id by place must not change when a broken row is mended."""
    mapping = """
sources:
  - name: shop
    format: table
    reader: {format: csv}
    event_name: a
    occurred_at: {column: b}
    event_id: cast(line_number as varchar)
"""
    home = replace(home, sources=sources_of(mapping))
    bad = b'a,b\nx,2024-05-01\nx,1,2\nx,2024-05-02\ny\n"x",2024-05-03\n'
    home.write("shop/a.csv", bad)
    home.land()
    ids = "select event_id, occurred_at::date::varchar from events order by all"
    found = [("2", "2024-05-01"), ("4", "2024-05-02"), ("6", "2024-05-03")]
    assert home.query(ids) == found
    home.write(
        "shop/a.csv",
        bad.replace(b"x,1,2", b"x,2024-05-09").replace(b"\ny\n", b"\ny,2024-05-08\n"),
    )
    home.land()
    mended = [*found, ("3", "2024-05-09"), ("5", "2024-05-08")]
    assert sorted(set(home.query(ids))) == sorted(mended)


def test_a_key_that_json_leaves_out_for_a_day_is_known_from_before(
    home: Home,
) -> None:
    mapping = (
        "sources: [{name: s, format: table, reader: {format: json}, event_name: e, "
        "occurred_at: {column: t}, columns: {country: land}}]"
    )
    home = replace(home, sources=sources_of(mapping))
    home.write("s/1.jsonl", [{"e": "a", "t": "2024-05-01", "land": "DE"}])
    assert home.land().landed == 1
    home.write("s/2.jsonl", [{"e": "a", "t": "2024-05-02"}])
    result = home.land()
    assert result.landed == 1, result.failed_files


def test_a_header_with_awkward_names(home: Home) -> None:
    mapping = """
sources:
  - name: s
    format: table
    reader: {format: csv, delimiter: ";", quote: ""}
    event_name: '"raw"'
    occurred_at: {column: line}
    columns: {user_id: '"user"', page: '"file"', city: '"it''s"'}
"""
    home = replace(home, sources=sources_of(mapping))
    home.write(
        "s/1.csv",
        b"\xef\xbb\xbfraw;line;user;file;it's;e;__raw\na\"b;2024-05-01;u;f;c;1;2\n",
    )
    result = home.land()
    assert result.landed == 1, (result.failed_files, home.refused())
    rows = home.query("select event_name, user_id, page, city, properties from events")
    assert rows == [('a"b', "u", "f", "c", '{"e":"1","__raw":"2"}')]
