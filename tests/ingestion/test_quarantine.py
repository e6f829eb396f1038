"""Listing and replaying what was refused, and the books over all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from ingestion.landing import LandingResult
from ingestion.quarantine import list_quarantine, reconcile, replay
from ingestion.sources.table import MappingError
from tests.ingestion.landing_home import NOW, Home, event, sources_of


def replayed(home: Home, **filters: Any) -> LandingResult:
    result = replay(home.options, home.sources, **filters)
    home.check_books()
    return result


def old(i: int) -> dict[str, Any]:
    return event(i, occurred_at="1998-05-01T00:00:00Z")


def test_list_counts_with_examples(home: Home) -> None:
    home.write("native/a.jsonl", [{"n": i} for i in range(10)] + [old(1)])
    home.land()
    frame = list_quarantine(home.lake, examples=2)
    first, second = frame.to_dict("records")
    assert (first["reason_code"], first["row_count"]) == ("missing_event_name", 10)
    assert list(first["examples"]) == ['{"n": 0}', '{"n": 1}']
    assert (second["reason_code"], second["first_line"]) == ("before_floor", 11)
    assert len(list_quarantine(home.lake, reasons=["before_floor"])) == 1
    assert len(list_quarantine(home.lake, sources=["other"])) == 0


def test_a_file_refused_as_a_whole_is_listed_without_examples(home: Home) -> None:
    whole = home.write("native/a.jsonl.gz", [event(i) for i in range(500)])
    whole.write_bytes(whole.read_bytes()[:-20])
    home.land()
    [row] = list_quarantine(home.lake).to_dict("records")
    assert (row["reason_code"], list(row["examples"])) == ("truncated_file", [])


def test_list_of_no_lake_is_empty(home: Home) -> None:
    frame = list_quarantine(home.lake)
    assert len(frame) == 0
    assert "row_count" in frame.columns


def test_replay_lands_what_is_good_now_and_keeps_the_rest(home: Home) -> None:
    home.write("native/a.jsonl", [event(0), old(1), {"lost": 1}, old(2)])
    first = home.land().loads[0].load_id
    lenient = home.with_options(floor_date=date(1990, 1, 1))
    result = replayed(lenient)
    assert (result.landed, result.quarantined, result.closed) == (2, 1, 3)
    assert home.refused() == [("native/a.jsonl", 3, "missing_event_name")]
    rows = home.query("select load_id, raw_text from quarantine")
    assert rows == [(result.loads[0].load_id, '{"lost": 1}')]
    assert result.loads[0].load_id > first
    assert home.query("select count(distinct event_id) from events") == [(3,)]


def test_replay_keeps_to_its_filters(home: Home) -> None:
    home.write("native/a.jsonl", [old(1), {"lost": 1}])
    home.write("web/a.jsonl", [old(2)])
    home.land()
    lenient = home.with_options(floor_date=date(1990, 1, 1))
    assert replayed(lenient, source_names=["web"]).landed == 1
    assert replayed(lenient, reasons=["missing_event_name"]).landed == 0
    assert replayed(lenient, load_ids=["nosuch"]).loads == ()
    assert replayed(lenient, reasons=["before_floor"]).landed == 1
    assert len(home.refused()) == 1


def test_replay_again_and_again_loses_nothing(home: Home) -> None:
    home.write("native/a.jsonl", [{"lost": i} for i in range(3)])
    home.land()
    for _ in range(3):
        assert replayed(home).quarantined == 3
    account = reconcile(home.lake)
    assert (account.lines_read, account.open_rows, account.closed) == (12, 3, 9)


def test_what_is_quarantined_while_the_clock_was_wrong_lands_later(home: Home) -> None:
    home.write("native/a.jsonl", [event(1, occurred_at="2024-06-20T00:00:00Z")])
    home.land()
    assert replayed(home.with_options(now=NOW + timedelta(days=30))).landed == 1


def test_an_encoding_declared_later(home: Home) -> None:
    """The file is read again: the quarantined text no longer holds the bytes."""
    text = "event,ts,note\na,1714557600,caf\xe9\nb,1714557600,tea\n"
    home.write("shop/a.csv", text.encode("latin-1"))
    home.land()
    declared = sources_of("""
sources:
  - name: shop
    format: table
    reader: {format: csv, encoding: latin-1}
    event_name: event
    occurred_at: {column: ts, format: epoch_s}
    event_id: concat(file_name, ':', cast(line_number as varchar))
""")
    home = replace(home, sources=declared)
    result = replayed(home)
    assert (result.landed, result.quarantined, result.closed) == (2, 0, 1)
    assert home.refused() == []
    rows = home.query(
        "select event_id, properties from events where load_id = "
        f"'{result.loads[0].load_id}' order by 1"
    )
    assert rows == [("a.csv:2", '{"note":"café"}'), ("a.csv:3", '{"note":"tea"}')]


def test_a_higher_limit_for_long_lines(home: Home) -> None:
    small = home.with_options(max_line_bytes=1000)
    rows = [event(1), event(2, note="x" * 2_000_000), event(3, note="y" * 2000)]
    home.write("native/a.jsonl", rows)
    assert small.land().quarantined == 2
    result = replayed(home)
    assert (result.landed, result.closed) == (3, 2)
    assert home.query(
        "select count(distinct event_id), max(length(properties)) from events"
    ) == [(3, 2_000_011)]


def test_rows_whose_file_is_gone_stay(home: Home) -> None:
    path = home.write("native/a.jsonl", b"\xff\xff\n")
    home.write("native/b.jsonl", [{"lost": 1}])
    home.land()
    path.unlink()
    result = replayed(home)
    assert "stay in quarantine" in str(result.failed_files[0].reason)
    assert home.refused() == [
        ("native/a.jsonl", 1, "bad_encoding"),
        ("native/b.jsonl", 1, "missing_event_name"),
    ]


def test_a_native_folder_declared_as_a_table_later(home: Home) -> None:
    home.write("shop/a.jsonl", [{"when": "2024-05-01", "who": "u1", "n": 2}])
    home.land()
    declared = sources_of(
        "sources: [{name: shop, format: table, reader: {format: json}, event_name: "
        "\"'sold'\", occurred_at: {column: when}, columns: {user_id: who}}]"
    )
    assert replayed(replace(home, sources=declared)).landed == 1
    assert home.query("select event_name, user_id, properties from events") == [
        ("sold", "u1", '{"n":2}')
    ]


def test_a_mapping_that_does_not_fit_is_named(home: Home) -> None:
    home.write("shop/a.jsonl", [{"when": "2024-05-01", "who": "u1", "n": 2}])
    home.land()
    declared = sources_of(
        "sources: [{name: shop, format: table, reader: {format: json}, event_name: "
        "\"'sold'\", occurred_at: {column: when}, columns: {value: n * 2}}]"
    )
    with pytest.raises(MappingError, match="every column is text"):
        replay(home.options, declared)
    home.check_books()
    assert len(home.refused()) == 1
