"""Known events that a night has to find: by keys, or by texts where these do not hold.

A day that no load touches changes all the same when a copy on another day takes one of
its events, or when a login tells whose one of them is.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.dbt_project.warehouse_of_test import WarehouseOfTest

EVENTS = "+int_events"
OF_ANOTHER_ENGINE = (
    "update intermediate.int_events set event_key = 1, identity_key = 1, keyed_by = 1"
)


def seen(event_id: str, day: int, received_day: int, **ids: str) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_name": "came",
        "occurred_at": datetime(2026, 1, day, 12),
        "received_at": datetime(2026, 1, received_day, 13),
        **ids,
    }


@pytest.mark.parametrize("between_nights", ["select 1", OF_ANOTHER_ENGINE])
def test_events_of_days_that_nothing_landed_on_are_found(
    warehouse: WarehouseOfTest, catalog: Path, between_nights: str
) -> None:
    warehouse.land(
        [
            seen("of-device", 2, 2, anonymous_id="d1"),
            seen("told-twice", 3, 9, user_id="u2"),
            seen("of-nobody-else", 3, 3, anonymous_id="d2"),
        ],
        load_id="20260110T000000000000",
    )
    warehouse.declare(catalog)
    warehouse.build(select=[EVENTS])
    warehouse.rows(between_nights)
    warehouse.land(
        [
            seen("sign-up", 1, 1, user_id="u1"),
            seen("login", 4, 4, user_id="u1", anonymous_id="d1"),
            seen("told-twice", 5, 5, user_id="u2"),
        ],
        load_id="20260111T000000000000",
    )
    warehouse.build(select=[EVENTS])
    assert warehouse.rows(
        "select event_date, event_id, person_id from intermediate.int_events "
        "order by event_id"
    ) == [
        (date(2026, 1, 4), "login", "u1"),
        (date(2026, 1, 2), "of-device", "u1"),
        (date(2026, 1, 3), "of-nobody-else", "d2"),
        (date(2026, 1, 1), "sign-up", "u1"),
        (date(2026, 1, 5), "told-twice", "u2"),
    ]
