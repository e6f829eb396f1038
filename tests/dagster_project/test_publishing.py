"""The published copy: complete, described, and replaced without anyone noticing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dagster_project.publishing import (
    Descriptions,
    Status,
    mark_stale,
    publish,
    read_status,
    write_status,
)


def published(warehouse: Path, target: Path, **meaning: Descriptions) -> None:
    descriptions = {name.replace("__", "."): text for name, text in meaning.items()}
    publish(warehouse, target, threads=2, memory_limit="1GB", descriptions=descriptions)


def tables(path: Path) -> list[tuple[str, str]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(
            "select schema_name, table_name from duckdb_tables() order by all"
        ).fetchall()


def test_copies_the_published_schemas_and_nothing_else(
    warehouse_file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "published" / "daybreak.duckdb"
    result = publish(warehouse_file, target, threads=2, memory_limit="1GB")
    assert tables(target) == [
        ("marts", "dim_days"),
        ("marts", "fct_orders"),
        ("trust", "freshness"),
    ]
    assert result.rows == {
        "marts.dim_days": 1,
        "marts.fct_orders": 1000,
        "trust.freshness": 1,
    }
    with duckdb.connect(str(target), read_only=True) as connection:
        found = connection.execute(
            "select count(*), sum(amount) from marts.fct_orders"
        ).fetchone()
    assert found == (1000, sum(n % 7 for n in range(1000)))


def test_the_file_is_read_only_and_of_the_old_format(
    warehouse_file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "daybreak.duckdb"
    published(warehouse_file, target)
    assert target.stat().st_mode & 0o777 == 0o440
    with duckdb.connect() as connection:
        connection.execute(f"attach '{target}' as copy (read_only)")
        tags = connection.execute(
            "select tags from duckdb_databases() where database_name = 'copy'"
        ).fetchone()
    assert tags is not None
    assert tags[0]["storage_version"].startswith("v1.0.0")


def test_descriptions_become_comments(warehouse_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "daybreak.duckdb"
    published(
        warehouse_file,
        target,
        marts__fct_orders=Descriptions(
            "One row per order; it's quoted.",
            {"amount": "In USD.", "gone": "Not here."},
        ),
    )
    with duckdb.connect(str(target), read_only=True) as connection:
        table = connection.execute(
            "select comment from duckdb_tables() where table_name = 'fct_orders'"
        ).fetchone()
        column = connection.execute(
            "select comment from duckdb_columns() where column_name = 'amount'"
        ).fetchone()
    assert table == ("One row per order; it's quoted.",)
    assert column == ("In USD.",)


def test_a_failing_publish_leaves_the_old_copy_and_no_rubbish(
    warehouse_file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "published" / "daybreak.duckdb"
    published(warehouse_file, target)
    before = target.read_bytes()
    with duckdb.connect(str(warehouse_file)) as connection:
        connection.execute("drop table intermediate.int_orders")
    with pytest.raises(duckdb.Error):
        published(warehouse_file, target)
    assert target.read_bytes() == before
    with duckdb.connect(str(warehouse_file)) as connection:
        connection.execute(
            "create table intermediate.int_orders as select 1 as order_id, 2 as amount"
        )
    published(warehouse_file, target)
    assert [path.name for path in target.parent.iterdir()] == ["daybreak.duckdb"]


READER = """
import sys
from pathlib import Path
import duckdb
target, stop = sys.argv[1], Path(sys.argv[2])
seen = set()
while not stop.exists():
    with duckdb.connect(target, read_only=True) as connection:
        seen.add(connection.execute(
            "select (select min(amount) from marts.fct_orders), "
            "(select max(amount) from marts.fct_orders), "
            "(select max(day_number) from marts.dim_days)"
        ).fetchone())
print(sorted(seen))
"""
NIGHTS = 30


def test_readers_never_see_an_error_or_half_a_copy(
    warehouse_file: Path, tmp_path: Path
) -> None:
    """Thirty publishes under three processes that connect anew all the time."""
    target, stop = tmp_path / "daybreak.duckdb", tmp_path / "stop"
    publish_night(warehouse_file, target, 0)
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(target), str(stop)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for night in range(1, NIGHTS + 1):
        publish_night(warehouse_file, target, night)
    stop.touch()
    for reader in readers:
        told, errors = reader.communicate(timeout=30)
        assert reader.returncode == 0, errors
        seen = ast.literal_eval(told)
        assert len(seen) > 1
        assert all(lowest == highest == day for lowest, highest, day in seen), seen


def publish_night(warehouse: Path, target: Path, night: int) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"update intermediate.int_orders set amount = {night}")
        connection.execute(f"update marts.dim_days set day_number = {night}")
    published(warehouse, target)


def test_who_is_connected_keeps_the_copy_they_opened(
    warehouse_file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "daybreak.duckdb"
    published(warehouse_file, target)
    with duckdb.connect(str(target), read_only=True) as connection:
        with duckdb.connect(str(warehouse_file)) as writer:
            writer.execute("delete from intermediate.int_orders")
        published(warehouse_file, target)
        found = connection.execute("select count(*) from marts.fct_orders").fetchone()
    assert found == (1000,)


def test_a_failed_night_marks_the_copy_stale_and_keeps_what_it_says(
    tmp_path: Path,
) -> None:
    good = Status("2026-03-01T03:01:00+00:00", "2026-03-01T00:00:00+00:00", "a", False)
    write_status(tmp_path, good)
    mark_stale(tmp_path, "a gate stopped the night")
    stale = read_status(tmp_path)
    assert (stale.published_at, stale.as_of, stale.run_id) == (
        good.published_at,
        good.as_of,
        good.run_id,
    )
    assert stale.stale
    assert stale.reason == "a gate stopped the night"


def test_before_anything_is_published_the_status_says_so(tmp_path: Path) -> None:
    assert read_status(tmp_path) == Status(None, None, None, True, "never published")
