"""Everything that can be wrong with a row or a file; the rest lands."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.sources.verdicts import REASONS
from tests.ingestion.landing_home import Home, event, lines, report_of, sources_of


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"event": "a", ', "malformed_json"),
        (b"{'event': 'a'}", "malformed_json"),
        (b'{"event":"a"}{"event":"b"}', "malformed_json"),
        (b'{"event":"a\x00"}', "malformed_json"),
        (b'{"event":"a"}\x1f\x1e\x1dgarbage', "malformed_json"),
        (b'{"event":"a","ts":1714557600}\x1f\x1e\x1d\x1cx', "malformed_json"),
        ('{"event":"a","ts":1714557600}\U0010ffffx'.encode(), "bad_encoding"),
        (b"[1, 2]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"null", "not_an_object"),
        (b"\xff\xfe\x00\x01", "bad_encoding"),
        ('{"event":"caf\xe9","ts":1714557600}'.encode("latin-1"), "bad_encoding"),
        (lines([{"ts": 1714557600, "user_id": "u"}])[:-1], "missing_event_name"),
        (lines([event(event_name="  ")])[:-1], "missing_event_name"),
        (b"{}", "missing_event_name"),
        (lines([{"event": "a"}])[:-1], "missing_timestamp"),
        (lines([event(occurred_at="")])[:-1], "missing_timestamp"),
        (lines([event(occurred_at="yesterday")])[:-1], "unreadable_timestamp"),
        (lines([event(occurred_at="2024-02-30")])[:-1], "unreadable_timestamp"),
        (lines([event(occurred_at=True)])[:-1], "unreadable_timestamp"),
        (lines([event(occurred_at=1e300)])[:-1], "unreadable_timestamp"),
        (lines([event(occurred_at="1999-12-31T23:59:59Z")])[:-1], "before_floor"),
        (lines([event(occurred_at=0)])[:-1], "before_floor"),
        (
            lines([event(occurred_at="2024-06-02T12:00:01Z")])[:-1],
            "impossible_timestamp_future",
        ),
        (lines([event(occurred_at="infinity")])[:-1], "impossible_timestamp_future"),
        (
            lines([event(received_at="2024-04-29T00:00:00Z")])[:-1],
            "impossible_timestamp_future",
        ),
        (lines([event(revenue="a lot")])[:-1], "invalid_amount"),
        (lines([event(revenue=1_000_000_001)])[:-1], "invalid_amount"),
        (lines([event(revenue=-1e10)])[:-1], "invalid_amount"),
        (b'{"event":"a","ts":1714557600,"revenue":NaN}', "invalid_amount"),
        (lines([event(value=10**12)])[:-1], "invalid_amount"),
        (lines([event(value=True)])[:-1], "invalid_amount"),
    ],
)
def test_a_bad_line_is_quarantined_and_its_neighbours_land(
    home: Home, line: bytes, reason: str
) -> None:
    good = lines([event(1)]), lines([event(2)])
    home.write("native/a.jsonl", good[0] + b"\n" + line + b"\n" + good[1])
    result = home.land()
    assert home.refused() == [("native/a.jsonl", 3, reason)]
    assert result.landed == 2
    assert result.quarantined_by_reason == {reason: 1}
    ((text, sentence),) = home.query("select raw_text, reason from quarantine")
    assert sentence == REASONS[reason]
    if reason != "bad_encoding":
        assert text.encode() == line


def test_the_edge_of_the_allowed_clock_error(home: Home) -> None:
    home.write(
        "native/a.jsonl",
        [
            event(1, occurred_at="2024-06-02T12:00:00Z"),
            event(2, occurred_at="2000-01-01T00:00:00Z"),
            event(3, received_at="2024-04-30T10:00:00Z"),
            event(4, revenue=1_000_000_000, value=-999_999_999_999),
        ],
    )
    assert home.land().landed == 4


def test_every_bad_line_of_many_is_named(home: Home) -> None:
    rows = [
        lines([event(i)])[:-1] if i % 10 else b"not json %d" % (i % 30)
        for i in range(1, 5001)
    ]
    home.write("native/a.jsonl", b"\r\n".join(rows))
    home.land()
    found = home.query("select line_number from quarantine order by 1")
    assert [row[0] for row in found] == list(range(10, 5001, 10))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b""])
def test_blank_lines_are_no_lines(home: Home, end: bytes) -> None:
    home.write("native/a.jsonl", b"\n\n  \n" + lines([event()])[:-1] + end)
    result = home.land()
    assert (result.landed, result.quarantined) == (1, 0)
    assert report_of(result, "native/a.jsonl").lines_read == 1


def test_a_line_over_the_limit(home: Home) -> None:
    small = home.with_options(max_line_bytes=1000)
    small.write("native/a.jsonl", [event(1), event(2, note="x" * 2000), event(3)])
    small.write("native/b.jsonl", [event(4), event(5, note="x" * 3_000_000), event(6)])
    result = small.land()
    assert result.landed == 4
    assert small.refused() == [
        ("native/a.jsonl", 2, "line_too_long"),
        ("native/b.jsonl", 2, "line_too_long"),
    ]
    (reason,) = small.query("select reason from quarantine where file like '%b.jsonl'")
    assert "3000" in reason[0]


@pytest.mark.campaign
def test_a_line_of_one_gigabyte(home: Home) -> None:
    path = home.write("native/a.jsonl", [event(1)])
    with path.open("ab") as stream:
        stream.write(b'{"event":"')
        for _ in range(1024):
            stream.write(b"x" * (1 << 20))
        stream.write(b'"}\n' + lines([event(2)]))
    result = home.land()
    assert result.landed == 2
    assert home.refused() == [("native/a.jsonl", 2, "line_too_long")]


@pytest.mark.parametrize("cut", [1, 8, 200])
def test_a_truncated_gzip_is_refused_and_lands_when_it_is_whole(
    home: Home, cut: int
) -> None:
    rows = [event(i) for i in range(2000)]
    whole = gzip.compress(lines(rows))
    home.path("native/a.jsonl.gz").write_bytes(whole[:-cut])
    home.write("native/b.jsonl", [event(9999)])
    result = home.land()
    report = report_of(result, "native/a.jsonl.gz")
    assert (report.status, report.lines_read, report.quarantined) == ("failed", 1, 1)
    assert home.refused() == [("native/a.jsonl.gz", None, "truncated_file")]
    assert result.landed == 1
    again = home.land()
    assert report_of(again, "native/a.jsonl.gz").status == "already_loaded"
    assert "refused" in (report_of(again, "native/a.jsonl.gz").reason or "")
    home.path("native/a.jsonl.gz").write_bytes(whole)
    assert home.land().landed == 2000
    assert home.refused() == []


def test_a_truncated_zstd_is_refused(home: Home) -> None:
    path = home.path("native/a.jsonl.zst")
    duckdb.connect().execute(
        "copy (select range as i, 'a' as event, 1714557600 as ts from range(100000)) "
        f"to '{path}' (format json)"
    )
    path.write_bytes(path.read_bytes()[:-1000])
    home.land()
    assert home.refused() == [("native/a.jsonl.zst", None, "truncated_file")]


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("a.jsonl", b"", "empty"),
        ("a.jsonl", b"\n\n", "empty"),
        ("a.jsonl.gz", gzip.compress(b"", mtime=0), "empty"),
        ("a.csv", b"event,ts\n", "empty"),
        ("a.json", b"[]", "empty"),
        ("a.json", b'[{"event":"a"},', "failed"),
        ("a.parquet", b"PAR1 this is no parquet file", "failed"),
        ("a.xlsx", b"PK", "failed"),
        ("README", b"hello", "failed"),
        ("a.jsonl.part", b"{}", "still_growing"),
        ("a.jsonl.tmp", b"{}", "still_growing"),
    ],
)
def test_files_without_events(
    home: Home, name: str, content: bytes, status: str
) -> None:
    home.path(f"native/{name}").write_bytes(content)
    home.write("native/good.jsonl", [event()])
    result = home.land()
    report = report_of(result, f"native/{name}")
    assert report.status == status
    assert report.reason
    assert result.landed == 1


def test_a_directory_where_a_file_should_be(home: Home) -> None:
    home.write("native/x.jsonl/inner.jsonl", [event(1)])
    home.write("loose.jsonl/inner.jsonl", [event(2)])
    home.write("native/good.jsonl", [event(3)])
    result = home.land()
    for path in ("native/x.jsonl", "loose.jsonl"):
        assert "is a directory where a file should be" in str(
            report_of(result, path).reason
        )
    assert result.landed == 1


def test_things_that_are_no_files(home: Home) -> None:
    os.mkfifo(home.path("native/pipe.jsonl"))
    home.path("native/gone.jsonl").symlink_to(home.root / "nowhere.jsonl")
    home.write("native/.hidden.jsonl", b"no")
    result = home.land()
    assert [report.status for report in result.files] == ["failed", "failed"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(home: Home) -> None:
    home.write("native/a.jsonl", [event()]).chmod(0)
    assert "the right to read it" in str(home.land().failed_files[0].reason)


def test_a_young_file_waits_and_a_settled_one_lands(home: Home) -> None:
    careful = home.with_options(settle_seconds=60)
    path = careful.write("native/a.jsonl", [event()])
    now = careful.options.now.timestamp()
    os.utime(path, (now - 59, now - 59))
    assert report_of(careful.land(), "native/a.jsonl").status == "still_growing"
    os.utime(path, (now - 61, now - 61))
    assert report_of(careful.land(), "native/a.jsonl").status == "landed"


def test_a_file_that_changes_while_it_is_read_waits(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingestion import loading

    path = home.write("native/a.jsonl", [event(1)])
    home.write("native/b.jsonl", [event(2)])
    run_group, grown = loading.run_group, []

    def grow_then_run(*arguments: Any) -> Any:
        result = run_group(*arguments)
        if not grown:
            with path.open("ab") as stream:
                stream.write(lines([event(3)]))
            grown.append(path)
        return result

    monkeypatch.setattr(loading, "run_group", grow_then_run)
    result = home.land()
    assert report_of(result, "native/a.jsonl").status == "still_growing"
    assert home.query("select event_id from events") == [("e2",)]
    assert home.land().landed == 2


def test_one_bad_file_of_a_group_does_not_stop_the_others(home: Home) -> None:
    """A Parquet file whose end is whole and whose pages are not."""
    for i in range(5):
        duckdb.connect().execute(
            "copy (select 'a' as event, 1714557600 as ts, "
            f"range::varchar || 'x{i}' as user_id from range(5000)) "
            f"to '{home.path(f'native/{i}.parquet')}' (format parquet)"
        )
    bad = home.path("native/3.parquet")
    content = bytearray(bad.read_bytes())
    content[100:4000] = b"\xaa" * 3900
    bad.write_bytes(bytes(content))
    result = home.land()
    assert result.landed == 20_000
    assert home.refused() == [("native/3.parquet", None, "unreadable_file")]
    assert report_of(result, "native/3.parquet").status == "failed"


def test_csv_rows_that_cannot_be_split(home: Home) -> None:
    text = "event,ts,note\na,1714557600,x\nb,1714557600\nc,1,2,3,4\n\nd,1714557600,y\n"
    home.write("native/a.csv", text.encode())
    home.write("native/b.csv", b'event,ts\na,1714557600\n"b,1714557600\nc,1714557600\n')
    result = home.land()
    assert home.refused() == [
        ("native/a.csv", 3, "wrong_column_count"),
        ("native/a.csv", 4, "wrong_column_count"),
        ("native/b.csv", 3, "malformed_row"),
    ]
    assert result.landed == 3
    assert (
        home.query("select raw_text from quarantine order by line_number, file")[2][0]
        == "c,1,2,3,4"
    )


def test_csv_in_an_undeclared_encoding(home: Home) -> None:
    text = "event,ts,note\na,1714557600,caf\xe9\nb,1714557600,tea\n"
    home.write("native/a.csv", text.encode("latin-1"))
    result = home.land()
    assert home.refused() == [("native/a.csv", 2, "bad_encoding")]
    assert "caf\\xe9" in home.query("select raw_text from quarantine")[0][0]
    assert result.landed == 1


TABLE = """
sources:
  - name: shop
    format: table
    reader: {format: csv}
    event_name: "'bought'"
    occurred_at: {column: day}
    columns: {user_id: custmer, revenue: price}
"""


def test_an_unknown_column_sets_the_file_aside_and_names_the_nearest(
    home: Home,
) -> None:
    home = Home(home.root, home.options, sources_of(TABLE))
    home.write("shop/good.csv", b"day,custmer,price\n2024-05-01,u1,5\n")
    home.write("shop/bad.csv", b"day,customer,price\n2024-05-01,u1,5\n")
    result = home.land()
    report = report_of(result, "shop/bad.csv")
    assert report.status == "failed"
    for word in ("'shop'", "'custmer'", "did you mean 'customer'?"):
        assert word in str(report.reason)
    assert result.landed == 1
    assert home.query("select count(*) from quarantine") == [(0,)]
    corrected = sources_of(TABLE.replace("custmer", "customer"))
    assert Home(home.root, home.options, corrected).land().landed == 1


def test_an_expression_that_does_not_fit_the_columns(home: Home) -> None:
    wrong = TABLE.replace("revenue: price", "revenue: price * 2").replace(
        "custmer", "customer"
    )
    home = Home(home.root, home.options, sources_of(wrong))
    home.write("shop/a.csv", b"day,customer,price\n2024-05-01,u1,5\n")
    reason = str(report_of(home.land(), "shop/a.csv").reason)
    assert "every column is text" in reason


def test_disk_and_memory_are_not_blamed_on_files(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingestion import loading

    def no_space(*_: Any) -> Any:
        raise duckdb.IOException("IO Error: Could not write: No space left on device")

    monkeypatch.setattr(loading, "run_group", no_space)
    home.write("native/a.jsonl", [event()])
    with pytest.raises(duckdb.IOException):
        home.land()
    monkeypatch.undo()
    assert home.land().landed == 1


def test_no_landing_folder_is_an_empty_lake(home: Home, tmp_path: Path) -> None:
    empty = home.with_options(landing_dir=tmp_path / "nowhere")
    assert empty.land().loads == ()
    assert empty.query("select count(*) from events") == [(0,)]
