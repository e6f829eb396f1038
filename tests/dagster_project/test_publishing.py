"""The published copy: complete, described, and replaced without anyone noticing."""

from __future__ import annotations

import ast
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from dagster_project.publishing import (
    Descriptions,
    Sensitivity,
    Status,
    mark_stale,
    publish,
    read_status,
    write_status,
)

CHECKOUT = Path(__file__).resolve().parents[2]


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
    assert target.stat().st_mode & 0o777 == 0o444
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
    assert sorted(path.name for path in target.parent.iterdir()) == [
        *("current", "daybreak.duckdb", "nights", "persons.duckdb"),
    ]
    # The night before stays for who has just looked the link up; the broken one goes,
    # and nobody has seen its number.
    nights = sorted(path.name for path in (target.parent / "nights").iterdir())
    assert nights == ["000000001", "000000002"]
    assert (target.parent / "current").resolve().name == "000000002"


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


PERSONS = Sensitivity(
    person_tables=["marts.dim_persons"], withheld={"trust.checks": ["examples"]}
)


@pytest.fixture
def warehouse_of_persons(warehouse_file: Path) -> Path:
    with duckdb.connect(str(warehouse_file)) as connection:
        connection.execute(
            "create table marts.dim_persons as select 'ann' as person_id"
        )
        connection.execute(
            "create table trust.checks as select 'c' as check_name, 'ann' as examples"
        )
    return warehouse_file


def publish_apart(warehouse: Path, target: Path) -> None:
    publish(warehouse, target, threads=2, memory_limit="1GB", sensitivity=PERSONS)


def test_persons_are_published_apart_with_a_mode_of_their_own(
    warehouse_of_persons: Path, tmp_path: Path
) -> None:
    target = tmp_path / "published" / "daybreak.duckdb"
    publish_apart(warehouse_of_persons, target)
    persons = target.with_name("persons.duckdb")
    assert persons.stat().st_mode & 0o777 == 0o440
    assert target.stat().st_mode & 0o777 == 0o444
    assert tables(persons) == [("marts", "dim_persons"), ("trust", "checks")]
    assert ("marts", "dim_persons") not in tables(target)
    found = []
    for path in (target, persons):
        with duckdb.connect(str(path), read_only=True) as connection:
            found += connection.execute("from trust.checks").fetchall()
    assert found == [("c", None), ("c", "ann")]
    assert b"ann" not in target.read_bytes()


def test_a_table_with_ids_that_nobody_declared_is_not_for_everyone(
    warehouse_of_persons: Path, tmp_path: Path
) -> None:
    target = tmp_path / "published" / "daybreak.duckdb"
    with duckdb.connect(str(warehouse_of_persons)) as connection:
        connection.execute("create table marts.fct_new as select 'ann' as user_id")
    publish_apart(warehouse_of_persons, target)
    assert ("marts", "fct_new") not in tables(target)
    assert ("marts", "fct_new") in tables(target.with_name("persons.duckdb"))


def test_a_home_copied_without_its_links_is_published_through_links_again(
    warehouse_of_persons: Path, tmp_path: Path
) -> None:
    publish_apart(warehouse_of_persons, tmp_path / "home" / "daybreak.duckdb")
    copied = tmp_path / "copy"
    shutil.copytree(tmp_path / "home", copied)
    assert not (copied / "current").is_symlink()
    publish_apart(warehouse_of_persons, copied / "daybreak.duckdb")
    assert (copied / "current").is_symlink()
    assert ("marts", "dim_persons") in tables(copied / "persons.duckdb")
    assert [path.name for path in copied.glob(".*")] == []


NIGHT = """
import sys
from pathlib import Path
import duckdb
from dagster_project.publishing import Sensitivity, publish
warehouse, target = Path(sys.argv[1]), Path(sys.argv[2])
print("start", flush=True)
for night in range(1000):
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"update marts.dim_days set day_number = {night}")
        connection.execute(f"update marts.dim_persons set person_id = '{night}'")
    publish(warehouse, target, threads=2, memory_limit="1GB",
            sensitivity=Sensitivity(["marts.dim_persons"],
                                    {"trust.checks": ["examples"]}))
"""


def same_night(target: Path) -> int:
    """Read both files through the link, and give the night that both are of.

    A reader who is kept waiting until his night is swept away reads the newer one.
    """
    current = target.parent / "current"
    while True:
        folder = current.resolve()
        try:
            return night_of_both(folder)
        except duckdb.IOException:
            if current.resolve() == folder:
                raise


def night_of_both(folder: Path) -> int:
    seen = set()
    for file, query in (
        ("daybreak.duckdb", "select day_number from marts.dim_days"),
        ("persons.duckdb", "select cast(person_id as integer) from marts.dim_persons"),
    ):
        with duckdb.connect(str(folder / file), read_only=True) as connection:
            seen |= set(connection.execute(query).fetchall())
    assert len(seen) == 1, seen
    return int(seen.pop()[0])


def test_both_files_are_of_one_night_whenever_publishing_is_killed(
    warehouse_of_persons: Path, tmp_path: Path
) -> None:
    target = tmp_path / "published" / "daybreak.duckdb"
    with duckdb.connect(str(warehouse_of_persons)) as connection:
        connection.execute("update marts.dim_days set day_number = -1")
        connection.execute("update marts.dim_persons set person_id = '-1'")
    publish_apart(warehouse_of_persons, target)
    draw = random.Random(3)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", NIGHT, str(warehouse_of_persons), str(target)],
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
        )
        assert process.stdout is not None
        process.stdout.readline()
        read_until_another_night(target)
        end = time.monotonic() + draw.uniform(0.0, 0.5)
        while time.monotonic() < end:
            same_night(target)
        process.kill()
        process.wait()
        assert same_night(target) >= 0


def read_until_another_night(target: Path) -> None:
    """Read on, however slow the machine; a publisher that hangs fails the test."""
    night, limit = same_night(target), time.monotonic() + 120
    while same_night(target) == night:
        assert time.monotonic() < limit, "nothing was published in two minutes"
