"""Experiments between warehouse and analysis: what is read, kept and written again."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from dagster_project.experiment_frames import experiment_tables
from dagster_project.tables import (
    EXPERIMENT_DECISIONS,
    EXPERIMENT_QUALITY,
    EXPERIMENT_RESULTS,
    Table,
)
from dagster_project.warehouse import Warehouse
from tests.analysis.experiment_results.experiments_of_test import Declared, frames_of

LAST = 16
OF = Declared(
    "button", lift=0.4, units=300, planned_units=300, caps=60.0, is_whole=True
)
ASSIGNMENTS = pd.DataFrame(
    {
        "experiment_name": ["button"] * 3,
        "assignment_source": "service",
        "unit_count": [60, 20, 40],
        "is_as_assigned": pd.array([True, False, None], dtype="boolean"),
    }
)


def build(path: Path, of: Declared, *, last: int) -> Warehouse:
    """Write the marts of an experiment, as they stand at the end of a day."""
    frames = frames_of(of, last=last)
    metrics = frames.metrics.assign(
        unit="USD", position=0, window_seconds=86_400 * of.window, retention_day=None
    )
    traffic = frames.traffic.sort_values("exposure_date")
    series = ["experiment_name", "dimension", "dimension_value", "variant"]
    traffic["cumulative_unit_count"] = traffic.groupby(series)["unit_count"].cumsum()
    with duckdb.connect(str(path)) as connection:
        for name, frame in (
            ("staging.stg_catalog_experiment_metrics", metrics),
            (
                "staging.stg_catalog_experiment_variants",
                frames.variants.assign(position=range(len(frames.variants))),
            ),
            ("marts.dim_experiments", frames.definitions),
            ("marts.fct_experiment_variant_metrics_daily", frames.sums),
            ("marts.fct_experiment_traffic_daily", traffic),
            ("marts.fct_experiment_assignments", ASSIGNMENTS),
            ("marts.fct_experiment_overlaps", frames.overlaps),
        ):
            connection.register("incoming", frame)
            connection.execute(f"create schema if not exists {name.split('.')[0]}")
            connection.execute(
                f"create or replace table {name} as select * from incoming"
            ).fetchall()
    return Warehouse(path, 1, "1GB", path.parent)


def night(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    for table, frame in experiment_tables(warehouse).items():
        warehouse.write(table, frame)
    return {
        table.name: warehouse.read(f"select * from {table.qualified} order by all")
        for table in (EXPERIMENT_RESULTS, EXPERIMENT_DECISIONS)
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """All days, judged in one night."""
    path = tmp_path_factory.mktemp("whole") / "warehouse.duckdb"
    return night(build(path, OF, last=LAST))


def test_night_by_night_is_what_one_night_makes(
    tmp_path: Path, whole: dict[str, pd.DataFrame]
) -> None:
    path = tmp_path / "warehouse.duckdb"
    for last in (6, 7, LAST, LAST):
        found = night(build(path, OF, last=last))
    for name, rows in whole.items():
        pd.testing.assert_frame_equal(found[name], rows, check_exact=True)


def test_every_row_says_what_it_was_made_of(whole: dict[str, pd.DataFrame]) -> None:
    results, decisions = whole.values()
    assert set(results["config_hash"]) == {"hash of button"}
    assert results["data_complete_through"].notna().all()
    assert set(results["metric_label"]) == {"Converted", "Spend", "Items per order"}
    assert decisions["inputs_hash"].nunique() == len(decisions) == LAST + 1


def test_assignments_are_checked_where_they_are_known(tmp_path: Path) -> None:
    warehouse = build(tmp_path / "warehouse.duckdb", Declared(units=60), last=5)
    quality = experiment_tables(warehouse)[EXPERIMENT_QUALITY]
    [row] = quality[quality["check_name"] == "exposed_as_assigned"].to_dict("records")
    assert (row["value"], row["unit_count"], row["is_passed"]) == (0.25, 80, False)


def test_rows_of_another_version_are_not_kept(
    tmp_path: Path, whole: dict[str, pd.DataFrame]
) -> None:
    warehouse = build(tmp_path / "warehouse.duckdb", OF, last=LAST)
    night(warehouse)
    with duckdb.connect(str(warehouse.path)) as connection:
        for table in (EXPERIMENT_RESULTS, EXPERIMENT_DECISIONS):
            connection.execute(f"alter table {table.qualified} add column old integer")
        connection.execute(
            f"update {EXPERIMENT_RESULTS.qualified} set p_value = 2"
        ).fetchall()
    found = night(warehouse)
    pd.testing.assert_frame_equal(
        found[EXPERIMENT_RESULTS.name], whole[EXPERIMENT_RESULTS.name]
    )


def test_an_experiment_that_is_a_draft_again_is_gone(tmp_path: Path) -> None:
    warehouse = build(tmp_path / "warehouse.duckdb", Declared(units=100), last=6)
    assert all(len(rows) for rows in night(warehouse).values())
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("update marts.dim_experiments set status = 'draft'")
    assert all(rows.empty for rows in night(warehouse).values())


def test_a_product_that_declares_none_has_empty_tables(tmp_path: Path) -> None:
    warehouse = build(tmp_path / "warehouse.duckdb", Declared(units=20), last=2)
    with duckdb.connect(str(warehouse.path)) as connection:
        for name in (
            "staging.stg_catalog_experiment_metrics",
            "staging.stg_catalog_experiment_variants",
            "marts.dim_experiments",
            "marts.fct_experiment_variant_metrics_daily",
            "marts.fct_experiment_traffic_daily",
            "marts.fct_experiment_assignments",
            "marts.fct_experiment_overlaps",
        ):
            connection.execute(f"truncate {name}")
    assert all(rows.empty for rows in night(warehouse).values())
    assert all(rows.empty for rows in night(warehouse).values())


def test_columns_are_the_declared_ones(tmp_path: Path) -> None:
    warehouse = build(tmp_path / "warehouse.duckdb", Declared(units=60), last=5)
    tables: dict[Table, pd.DataFrame] = experiment_tables(warehouse)
    for table, frame in tables.items():
        assert tuple(frame.columns) == table.column_names
