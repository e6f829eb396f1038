"""What a night may leave out: nodes that stand, of a warehouse nobody else wrote to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from dagster_project.receipts import (
    Receipts,
    fingerprints,
    read_receipts,
    source_state,
)
from dagster_project.settings import Settings
from dagster_project.tables import Column, Table
from dagster_project.warehouse import Warehouse
from dagster_project.warehouse_seal import Seal

# events -> staged -> days -> (mart, test of mart); settings -> mart
PARENTS = {
    "staged": ("source.events",),
    "days": ("staged",),
    "mart": ("days", "source.settings"),
    "test": ("mart",),
    "other": ("source.settings",),
}
ALL = tuple(PARENTS)
DONE = {**dict.fromkeys(ALL, "success"), "test": "pass"}


def receipts(events: str = "one load", settings: str = "as of monday") -> Receipts:
    sources = {"source.events": events, "source.settings": settings}
    own = dict.fromkeys(PARENTS, "project")
    return Receipts(fingerprints(PARENTS, own, sources), PARENTS, {})


def later(night: Receipts, **sources: str) -> Receipts:
    """The receipts of a night as a later one finds them, with sources changed."""
    return replace(receipts(**sources), kept=night.kept)


def test_nothing_stands_before_it_was_built() -> None:
    assert receipts().standing(ALL) == {}


def test_after_a_whole_night_everything_stands() -> None:
    night = receipts().earned(DONE, "monday")
    assert set(later(night).standing(ALL)) == set(ALL)
    assert {it.run_id for it in later(night).standing(ALL).values()} == {"monday"}


def test_only_what_descends_from_a_change_is_built() -> None:
    night = receipts().earned(DONE, "monday")
    assert set(later(night, settings="as of tuesday").standing(ALL)) == {
        "staged",
        "days",
    }
    assert set(later(night, events="two loads").standing(ALL)) == {"other"}


def test_a_change_of_the_project_builds_everything() -> None:
    night = receipts().earned(DONE, "monday")
    sources = {"source.events": "one load", "source.settings": "as of monday"}
    changed = replace(
        night, due=fingerprints(PARENTS, dict.fromkeys(PARENTS, "edited"), sources)
    )
    assert changed.standing(ALL) == {}


@pytest.mark.parametrize("status", ["fail", "warn", "error", "skipped"])
def test_a_test_that_did_not_pass_is_asked_again(status: str) -> None:
    night = receipts().earned({**DONE, "test": status}, "monday")
    assert set(later(night).standing(ALL)) == set(ALL) - {"test"}


def test_a_failed_table_takes_what_reads_it_along() -> None:
    night = receipts().earned({**DONE, "days": "error"}, "monday")
    assert set(later(night).standing(ALL)) == {"staged", "other"}


def test_a_table_built_alone_on_tables_of_yesterday_is_built_again() -> None:
    night = receipts().earned(DONE, "monday")
    alone = later(night, events="two loads").earned({"mart": "success"}, "tuesday")
    assert "mart" not in alone.standing(ALL)
    whole = later(alone, events="two loads").earned(
        {"staged": "success", "days": "success"}, "wednesday"
    )
    assert set(whole.standing(ALL)) == {"staged", "days", "other"}


def test_what_is_being_built_has_no_receipt_until_it_is_done() -> None:
    killed = receipts().earned(DONE, "monday").without(["mart"])
    assert set(later(killed).standing(ALL)) == {"staged", "days", "other"}


def test_a_source_of_many_files_changes_with_any_of_them(tmp_path: Path) -> None:
    source = {
        "identifier": "events",
        "config": {
            "meta": {
                "external_location": f"read_parquet('{tmp_path}/load=*/*.parquet')"
            }
        },
    }
    seen = [source_state(source)]
    for name in ("load=1/a.parquet", "load=2/a.parquet"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"rows")
        seen.append(source_state(source))
    assert source_state(source) == seen[-1]
    (tmp_path / "load=1/a.parquet").write_bytes(b"others")
    seen.append(source_state(source))
    assert len(set(seen)) == len(seen)


def test_a_single_file_is_known_by_its_content(tmp_path: Path) -> None:
    source = {
        "identifier": "settings",
        "config": {
            "meta": {
                "external_location": f"read_parquet('{tmp_path}/{{name}}.parquet')"
            }
        },
    }
    absent = source_state(source)
    file = tmp_path / "settings.parquet"
    file.write_bytes(b"monday")
    monday = source_state(source)
    file.unlink()
    file.write_bytes(b"monday")
    assert source_state(source) == monday != absent
    file.write_bytes(b"tuesday")
    assert source_state(source) != monday


def test_a_change_of_the_catalog_builds_everything(tmp_path: Path) -> None:
    """Macros read it when they run: no edge of the graph leads from it to a model."""
    settings = Settings(home=tmp_path / "home")
    lake = settings.lake
    (lake / "catalog").mkdir(parents=True)
    manifest = {
        "nodes": {"model.days": {"depends_on": {"nodes": ["source.events"]}}},
        "sources": {
            f"source.{name}": {
                "identifier": name,
                "config": {"meta": {"external_location": f"read_parquet('{place}')"}},
            }
            for name, place in (
                ("events", f"{lake}/events/*.parquet"),
                ("segments", f"{lake}/catalog/{{name}}.parquet"),
            )
        },
    }
    (lake / "catalog" / "segments.parquet").write_bytes(b"power at 16 days")
    monday = read_receipts(manifest, settings).due["model.days"]
    assert read_receipts(manifest, settings).due["model.days"] == monday
    (lake / "catalog" / "segments.parquet").write_bytes(b"power at 20 days")
    assert read_receipts(manifest, settings).due["model.days"] != monday


WORDS = Table(
    schema="analysis",
    name="words",
    description="Words.",
    key=("word",),
    columns=(Column("word", "varchar", "A word."),),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(tmp_path / "warehouse.duckdb", 2, "1GB", tmp_path / "spill")
    with made.connect(read_only=False) as connection:
        connection.execute("create table days as select 1 as day")
    Seal(made.path).set()
    return made


def test_daybreaks_own_writing_and_all_reading_keep_the_seal(
    warehouse: Warehouse,
) -> None:
    warehouse.write(WORDS, warehouse.read("select 'a' as word"))
    assert warehouse.row_counts(["analysis.words"]) == {"analysis.words": 1}
    assert Seal(warehouse.path).is_intact()


def test_a_hand_in_the_file_breaks_the_seal_for_good(warehouse: Warehouse) -> None:
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("update days set day = 2")
    assert not Seal(warehouse.path).is_intact()
    warehouse.write(WORDS, warehouse.read("select 'a' as word"))
    assert not Seal(warehouse.path).is_intact()


def fail_while_writing(warehouse: Warehouse) -> None:
    with warehouse.connect(read_only=False) as connection:
        connection.execute("update days set day = 3")
        connection.execute("select no_such_column from days")


def test_a_write_that_failed_breaks_the_seal(warehouse: Warehouse) -> None:
    with pytest.raises(duckdb.Error):
        fail_while_writing(warehouse)
    assert not Seal(warehouse.path).is_intact()


def test_a_log_that_was_never_merged_breaks_the_seal(warehouse: Warehouse) -> None:
    warehouse.path.with_name("warehouse.duckdb.wal").write_bytes(b"half a write")
    assert not Seal(warehouse.path).is_intact()


def test_a_warehouse_that_was_deleted_is_not_vouched_for(warehouse: Warehouse) -> None:
    warehouse.path.unlink()
    assert not Seal(warehouse.path).is_intact()
