"""What is read once stays read, also where a product has nothing of its kind."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

FIRST, SECOND = "20260102T000000000000", "20260103T000000000000"


def view(event_id: str, at: datetime) -> Row:
    """An event of a user whom no device and no property accompanies."""
    return {
        **{"event_id": event_id, "event_name": "page_viewed", "user_id": "ann"},
        **{"occurred_at": at, "received_at": at, "platform": "web"},
    }


@pytest.mark.parametrize("table", ["int_identity_links", "int_person_property_days"])
def test_a_night_reads_no_day_again_that_held_nothing(
    warehouse: WarehouseOfTest, catalog: Path, table: str
) -> None:
    warehouse.declare(catalog)
    warehouse.land([view("a", datetime(2026, 1, 1, 9))], FIRST)
    warehouse.dbt("run", "--select", f"+{table}")
    warehouse.land([view("b", datetime(2026, 1, 2, 9))], SECOND)
    warehouse.dbt("run", "--select", f"+{table}")
    assert warehouse.rows(
        "select event_date::varchar, built_through_load_id "
        f"from intermediate.{table} order by 1"
    ) == [("2026-01-01", FIRST), ("2026-01-02", SECOND)]
