"""Performance: percentiles, failures, uptime and what follows, against a recount."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

LOADS = ("20260105T000000000000", "20260106T000000000000", "20260107T000000000000")
START = datetime(2026, 1, 26)
AS_OF = datetime(2026, 2, 16, 12)
MEASURES: list[dict[str, Any]] = [
    {
        "name": "requests",
        "events": {"event": "request"},
        "value": "value",
        "slow_above": 6,
        "failed": "page = '/500'",
        "uptime": {"interval": "30 minutes", "down_above": 0.5},
        "dimensions": ["country"],
        "thresholds": {"p95": 8.5, "uptime_rate": 0.9, "failure_rate": 0.3},
    },
    {
        "name": "mails",
        "events": {"event": "sent"},
        "outcome": {
            **{"event": "opened", "key": "property('mail')"},
            "within": "2 days",
        },
        "periods": ["day", "week"],
        "thresholds": {"outcome_rate": 0.25},
    },
]


def random_log(rng: random.Random, count: int) -> list[Row]:
    def event(number: int) -> Row:
        mail = rng.choice((None, *(f"m{one}" for one in range(60))))
        return {
            "event_id": f"e{number:05}",
            "event_name": rng.choice(("request", "request", "sent", "opened")),
            "occurred_at": START + timedelta(minutes=10 * rng.randrange(20 * 144)),
            "user_id": f"u{rng.randrange(9)}",
            "country": rng.choice((None, "DE", "FR")),
            "page": rng.choice(("/500", "/", "/")),
            "value": rng.choice((None, *(Decimal(v) / 4 for v in range(40)))),
            "properties": json.dumps({"mail": mail} if mail else {}),
        }

    return [event(number) for number in range(count)]


def start_of(period: str, at: datetime) -> datetime:
    day = at.replace(hour=0, minute=0)
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day


def end_of(period: str, start: datetime) -> datetime:
    if period == "month":
        return start_of("month", start + timedelta(days=32))
    return start + timedelta(days=7 if period == "week" else 1)


def cells_of(
    events: Sequence[Row], periods: Sequence[str], dimensions: Sequence[str]
) -> dict[tuple[str, datetime, str, str], list[Row]]:
    found: dict[tuple[str, datetime, str, str], list[Row]] = defaultdict(list)
    for event in events:
        for period in periods:
            start = start_of(period, event["occurred_at"])
            found[period, start, "all", "all"].append(event)
            for name in dimensions:
                found[period, start, name, event[name] or "(none)"].append(event)
    return found


def requests_of(log: Sequence[Row]) -> dict[Any, tuple[Any, ...]]:
    found = {}
    events = [event for event in log if event["event_name"] == "request"]
    for key, cell in cells_of(events, ("day", "week", "month"), ["country"]).items():
        values = [float(e["value"]) for e in cell if e["value"] is not None]
        times = [None] * 3
        if values:
            times = [float(np.percentile(values, p)) for p in (50, 95, 99)]
        slow = sum(value > 6 for value in values)
        failed = sum(event["page"] == "/500" for event in cell)
        pieces: dict[int, list[bool]] = defaultdict(list)
        for event in cell:
            piece = int(event["occurred_at"].timestamp()) // 1800
            pieces[piece].append(event["page"] == "/500")
        down = sum(sum(piece) > len(piece) / 2 for piece in pieces.values())
        up = 1 - down / len(pieces)
        broken = [
            name
            for name, is_broken in (
                ("p95", times[1] is not None and times[1] > 8.5),
                ("failure_rate", failed / len(cell) > 0.3),
                ("uptime_rate", up < 0.9),
            )
            if is_broken
        ]
        found[key] = (
            *(len(cell), sum(values) / len(values) if values else None, *times),
            *(slow, slow / len(values) if values else None),
            *(failed, failed / len(cell), up, None, None, ", ".join(broken) or None),
        )
    return found


def mails_of(log: Sequence[Row]) -> dict[Any, tuple[Any, ...]]:
    """Look for every message through all that were opened."""
    found = {}
    events = [event for event in log if event["event_name"] == "sent"]
    opened = [event for event in log if event["event_name"] == "opened"]

    def follows(sent: Row, other: Row) -> bool:
        wait = other["occurred_at"] - sent["occurred_at"]
        same = sent["properties"] == other["properties"] != "{}"
        return same and timedelta(0) <= wait < timedelta(days=2)

    for key, cell in cells_of(events, ("day", "week"), []).items():
        count = sum(any(follows(event, other) for other in opened) for event in cell)
        is_mature = end_of(*key[:2]) + timedelta(days=2) <= AS_OF
        rate = count / len(cell) if is_mature else None
        broken = "outcome_rate" if rate is not None and rate < 0.25 else None
        found[key] = (
            *(len(cell), *(None,) * 9),
            *(count, rate, broken),
        )
    return found


@pytest.mark.parametrize(
    "seed",
    [1, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(2, 12))],
)
def test_measures_of_events_that_come_late_are_those_of_a_recount(
    warehouse: WarehouseOfTest, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    log = random_log(rng, 900)
    names = [{"name": name} for name in ("request", "sent", "opened")]
    files = {
        "metrics": {"metrics": []},
        "events": {"events": names},
        "operations": {"performance": MEASURES},
    }
    for name, content in files.items():
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(content))
    # What comes late lies on few days: other periods stay as they were.
    late = {
        index: 1 + index % 2
        for index, event in enumerate(log)
        if event["occurred_at"].day in (2, 9) and rng.random() < 0.7
    }
    for number, load_id in enumerate(LOADS):
        part = [e for index, e in enumerate(log) if late.get(index, 0) == number]
        warehouse.land(part, load_id=load_id)
        # The first nights end before the newest events that have landed.
        as_of = AS_OF if number + 1 == len(LOADS) else START + timedelta(days=5)
        warehouse.declare(tmp_path, as_of=as_of)
        warehouse.build(select=["+fct_performance"])
    warehouse.dbt("test", "--select", "fct_performance", "--exclude", "test_type:unit")
    for measure, expected in (("requests", requests_of(log)), ("mails", mails_of(log))):
        rows = warehouse.rows(
            "select period, period_start, dimension, dimension_value, event_count, "
            "mean, p50, p95, p99, slow_count, slow_share, failure_count, failure_rate, "
            "uptime_rate, outcome_count, outcome_rate, broken_thresholds, "
            f"is_complete from marts.fct_performance where measure_name = '{measure}'"
        )
        assert {row[:4] for row in rows} == expected.keys()
        for row in rows:
            told = expected[row[:4]]
            assert row[-2] == told[-1], row
            assert list(row[4:-2]) == pytest.approx(list(told[:-1])), row
            assert row[-1] == (end_of(row[0], row[1]) <= AS_OF)
