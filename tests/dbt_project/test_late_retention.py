"""The retention metric where events come late, against a recount of all of them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

LOADS = ("20260105T000000000000", "20260106T000000000000", "20260107T000000000000")
START = datetime(2026, 1, 12)
DAYS = 35
DAYS_LATER = 3
METRIC = {
    **{"name": "day_3_retention", "type": "retention", "day": DAYS_LATER},
    **{"base": {"event": "entered"}, "returning": {"event": "came"}},
    "dimensions": ["platform"],
}
# Whoever enters on one of these days, or comes on one, is known of by a later load; the
# last of them lies in the second month, and tells nothing of the first again.
LATE = {START + timedelta(days=day): load for day, load in ((3, 1), (16, 1), (24, 2))}

Cell = tuple[str, datetime, str, str]


def random_log(rng: random.Random, count: int) -> list[Row]:
    return [
        {
            "event_id": f"e{number:05}",
            "event_name": rng.choice(("entered", "came", "came")),
            "occurred_at": START + timedelta(minutes=10 * rng.randrange(DAYS * 144)),
            "user_id": f"u{rng.randrange(150)}",
            "platform": rng.choice(("web", "ios")),
        }
        for number in range(count)
    ]


def day_of(event: Row) -> datetime:
    at: datetime = event["occurred_at"]
    return at.replace(hour=0, minute=0)


def recounted(log: Sequence[Row]) -> dict[Cell, tuple[int, int]]:
    """Entered and back, by cell: each person enters once."""
    came = {(e["user_id"], day_of(e)) for e in log if e["event_name"] == "came"}
    first: dict[str, Row] = {}
    for event in sorted(log, key=lambda e: (e["occurred_at"], e["event_id"])):
        if event["event_name"] == "entered":
            first.setdefault(event["user_id"], event)
    cells: dict[Cell, list[bool]] = defaultdict(list)
    for user, entry in first.items():
        day = day_of(entry)
        is_back = (user, day + timedelta(days=DAYS_LATER)) in came
        for period, start in (
            *(("day", day), ("week", day - timedelta(days=day.weekday()))),
            ("month", day.replace(day=1)),
        ):
            cells[period, start, "all", "all"].append(is_back)
            cells[period, start, "platform", entry["platform"]].append(is_back)
    return {cell: (sum(found), len(found)) for cell, found in cells.items()}


@pytest.mark.parametrize(
    "seed",
    [1, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(2, 12))],
)
def test_who_enters_by_a_late_event_enters_no_more_by_a_later_one(
    warehouse: WarehouseOfTest, tmp_path: Path, seed: int
) -> None:
    log = random_log(random.Random(seed), 1200)
    files = {
        "metrics": {"metrics": [METRIC]},
        "events": {"events": [{"name": "entered"}, {"name": "came"}]},
    }
    for name, content in files.items():
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(content))
    for number, load_id in enumerate(LOADS):
        part = [event for event in log if LATE.get(day_of(event), 0) == number]
        warehouse.land(part, load_id=load_id)
        warehouse.declare(tmp_path)
        warehouse.build(select=["+int_metric_values"])
        landed = [event for event in log if LATE.get(day_of(event), 0) <= number]
        rows = warehouse.rows(
            "select period, period_start, dimension, dimension_value, numerator, "
            "denominator from intermediate.int_metric_values where denominator > 0"
        )
        assert {row[:4]: row[4:] for row in rows} == recounted(landed)
