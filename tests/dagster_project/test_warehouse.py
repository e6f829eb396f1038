"""The warehouse and the ledger: typed tables in, frames out, nothing lost."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from dagster_project.ledger import Ledger
from dagster_project.tables import Column, Table
from dagster_project.warehouse import Warehouse, WarehouseError, examples_of

PRICES = Table(
    schema="analysis",
    name="prices",
    description="One row per item; it's a test.",
    key=("item",),
    columns=(
        Column("item", "varchar", "The item."),
        Column("price", "double", "In USD; null when unknown."),
        Column("seen_at", "timestamp", "When (UTC)."),
    ),
)


def frame(*rows: tuple[str, float | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "seen_at": [datetime(2026, 3, 1, 12)] * len(rows),
            "price": [price for _, price in rows],
            "item": [item for item, _ in rows],
        }
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "w" / "warehouse.duckdb", 2, "1GB", tmp_path / "spill")


def test_a_written_table_has_the_declared_columns_types_and_comments(
    warehouse: Warehouse,
) -> None:
    assert warehouse.write(PRICES, frame(("b", 2.5), ("a", None))) == 2
    assert warehouse.read("from analysis.prices")["item"].tolist() == ["a", "b"]
    with warehouse.connect() as connection:
        columns = connection.execute(
            "select column_name, data_type, comment from duckdb_columns() "
            "where table_name = 'prices' order by column_index"
        ).fetchall()
        nulls = connection.execute(
            "select count(*) from analysis.prices where price is null"
        ).fetchone()
    assert columns == [
        ("item", "VARCHAR", "The item."),
        ("price", "DOUBLE", "In USD; null when unknown."),
        ("seen_at", "TIMESTAMP", "When (UTC)."),
    ]
    assert nulls == (1,)


def test_writing_again_replaces(warehouse: Warehouse) -> None:
    warehouse.write(PRICES, frame(("a", 1.0), ("b", 2.0)))
    warehouse.write(PRICES, frame(("c", 3.0)))
    assert warehouse.row_counts(["analysis.prices"]) == {"analysis.prices": 1}


def test_an_empty_frame_makes_an_empty_table(warehouse: Warehouse) -> None:
    assert (
        warehouse.write(PRICES, pd.DataFrame(columns=["item", "price", "seen_at"])) == 0
    )
    assert warehouse.tables("analysis") == ("analysis.prices",)


def test_wrong_columns_are_named(warehouse: Warehouse) -> None:
    wrong = frame(("a", 1.0)).rename(columns={"price": "cost"})
    with pytest.raises(WarehouseError, match=r"missing.*price.*unknown.*cost"):
        warehouse.write(PRICES, wrong)


def test_reading_before_there_is_a_warehouse_says_what_to_do(
    warehouse: Warehouse,
) -> None:
    with pytest.raises(WarehouseError, match="daybreak run"):
        warehouse.read("select 1")
    assert warehouse.tables("marts") == ()


def test_a_file_that_is_no_database_is_an_error_that_names_it(
    warehouse: Warehouse,
) -> None:
    warehouse.path.parent.mkdir(parents=True)
    warehouse.path.write_bytes(b"no database" * 1000)
    with pytest.raises((WarehouseError, duckdb.Error), match=warehouse.path.name):
        warehouse.read("select 1")


def test_examples_are_plain_json_values() -> None:
    given = pd.DataFrame(
        {
            "n": [1.5, float("nan")],
            "t": [pd.Timestamp("2026-03-01"), pd.NaT],
            "s": ["x", None],
        }
    )
    assert examples_of(given) == [
        {"n": 1.5, "t": "2026-03-01 00:00:00", "s": "x"},
        {"n": None, "t": None, "s": None},
    ]


def test_the_ledger_survives_the_loss_of_the_warehouse(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.record(PRICES, frame(("a", 1.0)), "run-1")
    ledger.record(PRICES, frame(("b", 2.0)), "run-2")
    ledger.load_into(warehouse, PRICES)
    warehouse.path.unlink()
    assert ledger.load_into(warehouse, PRICES) == 2


def test_recording_a_run_again_replaces_what_it_said(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(PRICES, frame(("a", 1.0)), "run-1")
    ledger.record(PRICES, frame(("a", 9.0)), "run-1")
    assert ledger.read(PRICES)["price"].tolist() == [9.0]


def test_what_an_earlier_run_stated_stands(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.record_new(PRICES, frame(("a", 1.0)), "run-1") == 1
    assert ledger.record_new(PRICES, frame(("a", 9.0), ("b", 2.0)), "run-2") == 1
    found = ledger.read(PRICES).sort_values("item")
    assert list(zip(found["item"], found["price"], strict=True)) == [
        ("a", 1.0),
        ("b", 2.0),
    ]


def test_a_run_tried_again_keeps_its_own_rows(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record_new(PRICES, frame(("a", 1.0)), "run-1")
    assert ledger.record_new(PRICES, frame(("a", 1.0)), "run-1") == 1
    assert len(ledger.read(PRICES)) == 1


def test_files_of_an_older_version_lack_no_column(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    older = Table("analysis", "prices", "Older.", PRICES.columns[:2], ("item",))
    ledger = Ledger(tmp_path / "ledger")
    ledger.record(older, frame(("a", 1.0))[["item", "price"]], "run-1")
    ledger.record(PRICES, frame(("b", 2.0)), "run-2")
    ledger.load_into(warehouse, PRICES)
    found = warehouse.read("select item from analysis.prices where seen_at is null")
    assert found["item"].tolist() == ["a"]


def test_an_empty_ledger_makes_an_empty_table(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    assert Ledger(tmp_path / "none").load_into(warehouse, PRICES) == 0
    assert Ledger(tmp_path / "none").read(PRICES).empty
