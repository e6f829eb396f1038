"""Which files land, in what loads, what the manifests say, and what readers see."""

from __future__ import annotations

import fcntl
import json
import shutil
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.events import EVENT_COLUMNS
from ingestion.lake import GENESIS_LOAD, LakeBusyError, open_lake
from ingestion.landing import LandingProgress
from tests.ingestion.landing_home import NOW, Home, event, lines, report_of


def test_the_columns_of_the_lake(home: Home) -> None:
    home.write("native/a.jsonl", [event()])
    home.land()
    glob = home.lake / "events/load=*/date=*/*.parquet"
    rows = duckdb.execute(
        f"describe select * from read_parquet('{glob}', hive_partitioning = false)"
    ).fetchall()
    assert [(row[0], row[1]) for row in rows] == [
        (column.name, column.type) for column in EVENT_COLUMNS
    ]


def test_an_empty_lake_has_a_genesis_load(home: Home) -> None:
    home.land()
    assert home.query("select count(*) from events") == [(0,)]
    assert home.query("select count(*) from quarantine") == [(0,)]
    load = home.lake / f"events/load={GENESIS_LOAD}"
    assert [path.name for path in load.glob("date=*/*")] == ["part.parquet"]


def test_partitions_are_utc_days(home: Home) -> None:
    home.write(
        "native/a.jsonl",
        [
            event(1, occurred_at="2024-05-01T23:59:59.999999Z"),
            event(2, occurred_at="2024-05-01T23:30:00-02:00"),
            event(3, occurred_at="2024-05-03T01:00:00+02:00"),
        ],
    )
    result = home.land()
    rows = home.query(
        "select date::varchar, count(*) from events group by 1 order by 1"
    )
    assert rows == [("2024-05-01", 1), ("2024-05-02", 2)]
    assert dict(result.loads[0].rows_per_date) == dict(rows)


def test_folders_name_the_sources(home: Home) -> None:
    home.write("loose.jsonl", [event(1)])
    home.write("native/a.jsonl", [event(2)])
    home.write("web/deep/er/a.jsonl", [event(3)])
    result = home.land()
    assert home.query("select source, event_id from events order by 2") == [
        ("native", "e1"),
        ("native", "e2"),
        ("web", "e3"),
    ]
    assert [report.path for report in result.files] == [
        "loose.jsonl",
        "native/a.jsonl",
        "web/deep/er/a.jsonl",
    ]


def test_the_manifest_says_what_the_load_holds(home: Home) -> None:
    path = home.write("native/a.jsonl", [event(1, properties={"plan": 1}), {}])
    result = home.land()
    load = result.loads[0]
    found = json.loads(
        (home.lake / f"events/load={load.load_id}/manifest.json").read_text()
    )
    (file,) = found["files"]
    assert file["path"] == "native/a.jsonl"
    assert file["bytes"] == path.stat().st_size
    assert (file["lines_read"], file["landed"], file["quarantined"]) == (2, 1, 1)
    assert found["totals"]["lines_read"] == 2
    assert found["rows_per_date"] == {"2024-05-01": 1}
    assert found["property_keys"] == ["plan"]
    assert found["committed_at"] == NOW.isoformat()
    assert home.query("select distinct load_id from events") == [(load.load_id,)]


def test_a_file_lands_once_under_whatever_name(home: Home) -> None:
    path = home.write("native/a.jsonl", [event(1)])
    home.land()
    assert report_of(home.land(), "native/a.jsonl").status == "already_loaded"
    path.touch()
    assert report_of(home.land(), "native/a.jsonl").status == "already_loaded"
    shutil.copy(path, home.path("native/b.jsonl"))
    shutil.copy(path, home.path("native/c.jsonl"))
    assert {report.status for report in home.land().files} == {"already_loaded"}
    assert home.query("select count(*) from events") == [(1,)]


def test_two_new_files_of_the_same_bytes_land_once(home: Home) -> None:
    home.write("native/a.jsonl", [event(1)])
    home.write("native/b.jsonl", [event(1)])
    assert home.land().landed == 1


def test_a_known_file_is_not_read_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingestion import landing

    home.write("native/a.jsonl", [event(1)])
    home.land()
    monkeypatch.setattr(landing, "inspect", None)
    assert report_of(home.land(), "native/a.jsonl").status == "already_loaded"


def test_a_file_that_grew_lands_again_as_a_whole(home: Home) -> None:
    path = home.write("native/a.jsonl", [event(1), {}])
    home.land()
    with path.open("ab") as stream:
        stream.write(lines([event(2), {"event": "no time"}]))
    result = home.land()
    assert result.loads[0].lines_read == 4
    assert result.closed == 1
    assert home.query("select count(*), count(distinct event_id) from events") == [
        (3, 2)
    ]
    assert home.refused() == [
        ("native/a.jsonl", 2, "missing_event_name"),
        ("native/a.jsonl", 4, "missing_timestamp"),
    ]


def test_another_file_under_an_old_name_closes_nothing(home: Home) -> None:
    home.write("native/a.jsonl", [{"lost": 1}])
    home.land()
    home.write("native/a.jsonl", [event(2), {"lost": "two"}])
    assert home.land().closed == 0
    assert len(home.refused()) == 2


def test_loads_are_cut_by_size_and_their_ids_rise(home: Home) -> None:
    for i in range(5):
        home.write(f"native/{i}.jsonl", [event(i)])
    small = home.with_options(load_bytes=250)
    ids = [load.load_id for load in small.land().loads]
    assert len(ids) == 3
    home.write("native/x.jsonl", [event(9)])
    earlier = home.with_options(now=NOW - timedelta(days=10))
    ids += [load.load_id for load in earlier.land().loads]
    assert ids == sorted(set(ids))
    assert ids[0] == "20240601T120000000000"
    assert ids[-1] == "20240601T120000000003"


def test_schema_changes_are_told_once(home: Home) -> None:
    home.write("native/a.jsonl", [event(1, properties={"a": 1})])
    assert home.land().schema_changes == {}
    home.write("native/b.jsonl", [event(2, properties={"a": 1, "b": 2}, c=3)])
    assert home.land().schema_changes == {"native": ("b", "c")}
    home.write("native/c.jsonl", [event(3, properties={"b": 2})])
    assert home.land().schema_changes == {}


def test_progress_is_told(home: Home) -> None:
    told: list[LandingProgress] = []
    home.write("native/a.jsonl", [event(1), {}])
    home.with_options(on_progress=told.append).land()
    last = told[-1]
    assert (last.files_done, last.files_total) == (1, 1)
    assert last.bytes_done == last.bytes_total > 0
    assert (last.landed, last.quarantined) == (1, 1)


def test_a_busy_lake_says_who_holds_it(home: Home) -> None:
    with open_lake(home.lake):
        with pytest.raises(LakeBusyError, match=r"process \d+") as caught:
            home.land()
        assert str(home.lake) in str(caught.value)
    assert home.land().loads == ()


def test_a_lock_left_by_a_dead_process_is_free(home: Home) -> None:
    home.land()
    with (home.lake / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
    assert home.land().loads == ()


def test_remains_of_killed_runs_go(home: Home) -> None:
    home.write("native/a.jsonl", [{}])
    home.land()
    good = list(home.lake.glob("quarantine/load=2*"))
    shutil.copytree(good[0], home.lake / "quarantine/load=20250101T000000000000")
    (home.lake / ".incoming/20250101T000000000000/scratch").mkdir(parents=True)
    home.land()
    assert list(home.lake.glob("quarantine/load=2*")) == good
    assert not any((home.lake / ".incoming").iterdir())


def test_a_naive_clock_is_refused(home: Home) -> None:
    with pytest.raises(ValueError, match="time zone"):
        home.with_options(now=NOW.replace(tzinfo=None))


def test_days_without_end_stay_within_memory(home: Home, tmp_path: Path) -> None:
    """Rows in no order over two years: the worst case of the partitioned write."""
    path = home.path("native/a.jsonl")
    duckdb.execute(
        "copy (select 'e' || range as event_id, 'a' as event, "
        "1650000000 + (hash(range) % 63000000)::bigint as ts, repeat('x', 100) as note "
        f"from range(200000)) to '{path}' (format json)"
    )
    result = home.with_options(memory_limit="500MB").land()
    assert result.landed == 200_000
    assert len(result.loads[0].rows_per_date) == 730
    files = list(home.lake.glob("events/load=2*/date=*/*"))
    assert len(files) < 4 * 730
