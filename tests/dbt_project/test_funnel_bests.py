"""The attempts that speak for units, night by night, against those of a rebuild.

Nights differ in what has landed and in how far time has come, which also goes back.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

START = datetime(2026, 3, 2)
BESTS = "intermediate.int_funnel_bests"
# Days since the start that a night is run as of, and whether anything lands before it.
NIGHTS = ((5, True), (9, True), (7, False), (8, False), (12, True))


def random_log(rng: random.Random) -> list[Row]:
    return [
        {
            "event_id": f"e{number:04}",
            "event_name": rng.choice(
                ("page_viewed", "page_viewed", "purchase_completed")
            ),
            "occurred_at": START + timedelta(minutes=rng.randrange(11 * 1440)),
            "user_id": f"u{rng.randrange(8)}",
            "platform": rng.choice(("web", "ios", "android")),
            "utm_campaign": rng.choice((None, "spring", "autumn")),
            "value": rng.choice((None, 5)),
        }
        for number in range(160)
    ]


@pytest.mark.parametrize(
    "seed",
    [1, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(2, 8))],
)
def test_bests_are_those_of_a_rebuild_whatever_night_came_before(
    warehouse: WarehouseOfTest, catalog: Path, seed: int
) -> None:
    rng = random.Random(seed)
    waiting = random_log(rng)
    for number, (days, has_news) in enumerate(NIGHTS):
        as_of = START + timedelta(days=days)
        if has_news:
            is_last = number == len(NIGHTS) - 1
            landed = [
                event
                for event in waiting
                if is_last or (event["occurred_at"] < as_of and rng.random() < 0.8)
            ]
            waiting = [event for event in waiting if event not in landed]
            warehouse.land(landed, load_id=f"2026040{number}T000000000000")
        warehouse.declare(catalog, as_of=as_of)
        warehouse.build(select=("+int_funnel_bests",))
        assert kept_and_rebuilt(warehouse)


def kept_and_rebuilt(warehouse: WarehouseOfTest) -> int:
    """Compare the table with one built anew; give its rows, and leave it as it was."""
    kept = warehouse.table(BESTS, without=["built_through_load_id"])
    warehouse.rows(f"create or replace table bests_of_nights as from {BESTS}")
    warehouse.dbt("run", "--full-refresh", "--select", "int_funnel_bests")
    assert kept == warehouse.table(BESTS, without=["built_through_load_id"])
    warehouse.rows(f"create or replace table {BESTS} as from bests_of_nights")
    return len(kept)
