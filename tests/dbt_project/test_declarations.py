"""A definition added, changed or taken out is followed on the next run, by itself."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.dbt_project.warehouse_of_test import WarehouseOfTest

# What is looked at below; the other areas would take six times as long.
CORE = ("+fct_metrics", "+fct_sessions", "+dim_dates")
VIEWS = [
    {
        "event_id": f"e{number}",
        "event_name": "page_viewed",
        "occurred_at": datetime(2026, 1, 1, 12) + timedelta(hours=7 * number),
        "user_id": f"u{number % 3}",
        "platform": ("web", "ios")[number % 2],
        "browser": "bot" if number == 7 else "firefox",
    }
    for number in range(12)
]


@pytest.fixture
def own_catalog(catalog: Path, tmp_path: Path) -> Path:
    """Give a catalog of one metric that a test may edit."""
    folder = tmp_path / "catalog"
    shutil.copytree(catalog, folder)
    declare_metrics(folder, "{name: views, type: count, event: page_viewed}")
    return folder


def declare_metrics(folder: Path, *declarations: str) -> None:
    lines = [f"  - {declaration}" for declaration in declarations]
    (folder / "metrics.yml").write_text("\n".join(["metrics:", *lines]))


def days_of(warehouse: WarehouseOfTest, metric: str) -> list[float]:
    rows = warehouse.rows(
        f"""
        select value from marts.fct_metrics
        where metric_name = '{metric}' and period = 'day' and dimension = 'all'
        order by period_start
        """
    )
    return [value for (value,) in rows]


def test_an_added_metric_fills_its_history_on_the_next_run(
    warehouse: WarehouseOfTest, own_catalog: Path
) -> None:
    warehouse.declare(own_catalog)
    warehouse.land(VIEWS, load_id="20260105T000000000000")
    warehouse.build(select=CORE)
    before = warehouse.rows("select count(*) from intermediate.int_events")

    declare_metrics(
        own_catalog,
        "{name: views, type: count, event: page_viewed}",
        "{name: viewers, type: unique_persons, event: page_viewed}",
    )
    warehouse.declare(own_catalog)
    warehouse.build(select=CORE)

    assert days_of(warehouse, "viewers") == [2.0, 3.0, 2.0, 3.0]
    assert days_of(warehouse, "views") == [2.0, 4.0, 2.0, 3.0]
    assert warehouse.rows("select count(*) from intermediate.int_events") == before


def test_a_changed_metric_is_computed_anew_and_a_removed_one_goes(
    warehouse: WarehouseOfTest, own_catalog: Path
) -> None:
    declare_metrics(
        own_catalog,
        "{name: views, type: count, event: page_viewed}",
        "{name: viewers, type: unique_persons, event: page_viewed}",
    )
    warehouse.declare(own_catalog)
    warehouse.land(VIEWS, load_id="20260105T000000000000")
    warehouse.build(select=CORE)

    declare_metrics(
        own_catalog,
        "{name: views, type: count, event: page_viewed, where: platform = 'ios'}",
    )
    warehouse.declare(own_catalog)
    warehouse.build(select=CORE)

    assert days_of(warehouse, "views") == [1.0, 2.0, 0.0, 2.0]
    assert days_of(warehouse, "viewers") == []


def test_changed_rules_rebuild_what_rests_on_them(
    warehouse: WarehouseOfTest, own_catalog: Path
) -> None:
    warehouse.declare(own_catalog)
    warehouse.land(VIEWS, load_id="20260105T000000000000")
    warehouse.build(select=CORE)
    assert sum(days_of(warehouse, "views")) == 11
    assert warehouse.rows("select count(*) from marts.fct_sessions") == [(12,)]

    events = own_catalog / "events.yml"
    rules = events.read_text()
    rules = rules.replace("browser = 'bot'", "browser = 'opera'")
    rules = rules.replace("timeout_seconds: 1800", "timeout_seconds: 86400")
    rules = rules.replace(
        "max_session_seconds: 7200\n", "max_session_seconds: 604800\n"
    )
    events.write_text(rules)
    warehouse.declare(own_catalog)
    warehouse.build(select=CORE)

    assert sum(days_of(warehouse, "views")) == 12
    assert warehouse.rows("select count(*) from marts.fct_sessions") == [(3,)]

    events.write_text(
        rules.replace("server_platforms: [server]", "server_platforms: [ios]")
    )
    warehouse.declare(own_catalog)
    warehouse.build(select=CORE)
    placed = "select count(*), sum(event_count) from marts.fct_sessions"
    assert warehouse.rows(placed) == [(6, 6)]


def test_another_zone_and_week_start_recut_all_periods(
    warehouse: WarehouseOfTest, own_catalog: Path
) -> None:
    warehouse.declare(own_catalog)
    warehouse.land(VIEWS, load_id="20260105T000000000000")
    warehouse.build(select=CORE)

    warehouse.declare(
        own_catalog, reporting_timezone="Pacific/Auckland", week_start="sunday"
    )
    warehouse.build(select=CORE)
    changed = warehouse.table("marts.fct_metrics"), warehouse.table("marts.dim_dates")

    warehouse.forget_tables()
    warehouse.build(select=CORE)
    assert changed == (
        warehouse.table("marts.fct_metrics"),
        warehouse.table("marts.dim_dates"),
    )
    weeks = warehouse.rows("select distinct week_start_date from marts.dim_dates")
    assert weeks
    assert all(day.isoweekday() == 7 for (day,) in weeks)


def test_as_of_decides_what_is_complete(
    warehouse: WarehouseOfTest, own_catalog: Path
) -> None:
    warehouse.land(VIEWS, load_id="20260105T000000000000")
    warehouse.declare(own_catalog)
    warehouse.build(select=CORE)
    complete = "select count(*) from marts.dim_dates where is_complete"
    assert warehouse.rows(complete) == [(3,)]

    warehouse.declare(own_catalog, as_of=datetime(2026, 1, 8).astimezone())
    warehouse.build(select=CORE)
    assert warehouse.rows(complete) == [(7,)]
    assert days_of(warehouse, "views")[-2:] == [0.0, 0.0]
