"""Nights in the order of time, a few events late: what they leave as it is, is right.

Tables that are computed again from the first changed day are held against a rebuild,
over months, so that days, weeks and months begin, end and lie before what changed.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

START: Final = datetime(2026, 1, 20)
DAYS: Final = 80
NIGHTS: Final = 5
ANY: Final = {"event": "*"}
EVENTS: Final = {
    "events": [
        *({"name": "view"}, {"name": "buy"}),
        {"name": "quiet", "is_activity": False},
    ]
}
SEGMENTS: Final = {
    "lifecycle": [{"name": "activity", "periods": ["hour", "day", "week", "month"]}],
    "stickiness": [
        {"name": "of_ten_days", "last": 10},
        {"name": "of_weeks", "interval": "week", "last": 3},
        {"name": "of_a_week", "within": "week", "week_start": "sunday"},
        {"name": "of_a_month", "within": "month"},
        {"name": "hours_of_a_day", "interval": "hour", "within": "day"},
    ],
    "segments": [
        {
            "name": "days",
            "window_days": 7,
            "new_days": 3,
            "churn_days": 9,
            "engaged_days": 2,
            "power_days": 4,
            "idle_days": 5,
        },
    ],
    "features": [
        {
            "name": "features",
            "events": {"event": "buy"},
            "by": "platform",
            "eligible": ANY,
            "periods": ["day", "month"],
        },
    ],
}
AUDIENCE: Final = {
    "geography": [
        {
            "name": "places",
            "events": ANY,
            "value": "revenue",
            "periods": ["day", "week", "month"],
        },
        {"name": "of_months", "events": ANY, "periods": ["month"]},
        {
            "name": "by_role",
            "events": ANY,
            "by": "person_property('role')",
            "periods": ["week"],
        },
    ],
    "content": [
        {
            "name": "pages",
            "events": {"event": "view"},
            "by": "platform",
            "periods": ["week"],
            "week_start": "sunday",
            "timezone": "Asia/Kathmandu",
        },
    ],
}
RETENTION: Final = {
    "retention": [
        {
            "name": "daily",
            "target": ANY,
            "period": "day",
            "periods": 20,
            "breakdowns": ["country"],
        },
        {
            "name": "first_buy",
            "target": {"event": "*", "where": "revenue > 0"},
            "entry": "first_ever",
            "period": "week",
            "periods": 6,
        },
        {
            "name": "habit",
            "target": ANY,
            "entry": "recurring",
            "period": "week",
            "periods": 5,
            "min_occurrences": 2,
            "breakdowns": [{"name": "platform", "sql": "platform", "on": "both"}],
        },
        {
            "name": "later",
            "target": ANY,
            "type": "unbounded",
            "period": "month",
            "periods": 2,
        },
        {
            "name": "rolling",
            "target": ANY,
            "clock": "rolling",
            "period": "day",
            "periods": 9,
        },
    ],
}
MARTS: Final = (
    *("fct_lifecycle", "fct_stickiness", "fct_retention", "fct_feature_adoption"),
    *("fct_geography", "fct_popular_content", "fct_segments_daily"),
    *("fct_usage_spells", "dim_persons"),
)


def _event(rng: random.Random, number: int) -> Row:
    person = rng.randrange(14)
    occurred_at = START + timedelta(seconds=rng.randrange(DAYS * 86400))
    is_known = rng.random() < 0.5
    return {
        "event_id": f"e{number}",
        "event_name": rng.choice(("view", "view", "buy", "quiet")),
        "occurred_at": occurred_at,
        "received_at": occurred_at,
        "user_id": f"u{person // 2}" if is_known else None,
        "anonymous_id": f"d{person}",
        "platform": rng.choice(("web", "ios")),
        "country": rng.choice(("DE", "NP", None)),
        "revenue": Decimal(rng.choice((-1, 0, 2, 5))),
        "properties": '{"$set": {"role": "teacher"}}' if number % 40 == 7 else "{}",
    }


def _nights(rng: random.Random) -> list[list[Row]]:
    """Each night brings the days before it; some events come a night or two late.

    Some come twice, the second time with another moment and received earlier.
    """
    log = [_event(rng, number) for number in range(400)]
    nights: list[list[Row]] = [[] for _ in range(NIGHTS)]
    for event in log:
        night = (event["occurred_at"] - START).days * NIGHTS // DAYS
        late = rng.choice((0,) * 12 + (1, 2))
        nights[min(night + late, NIGHTS - 1)].append(event)
        if rng.random() < 0.02:
            moved = event["occurred_at"] - timedelta(days=rng.randrange(1, 12))
            copy = {**event, "occurred_at": moved, "received_at": moved}
            nights[min(night + 1, NIGHTS - 1)].append(copy)
    return nights


@pytest.mark.parametrize(
    "seed",
    [1, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(2, 9))],
)
def test_nights_in_order_give_what_a_rebuild_gives(
    warehouse: WarehouseOfTest, tmp_path: Path, seed: int
) -> None:
    files = {"events": EVENTS, "metrics": {"metrics": []}, "segments": SEGMENTS}
    files |= {"audience": AUDIENCE, "retention": RETENTION}
    for name, content in files.items():
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(content))
    zone = "America/New_York" if seed % 3 else "UTC"
    warehouse.declare(tmp_path, reporting_timezone=zone)
    models = [f"+{mart}" for mart in MARTS]
    for number, night in enumerate(_nights(random.Random(seed)), start=1):
        warehouse.land(night, load_id=f"2026060{number}T000000000000")
        warehouse.build(select=models)
    by_night = {mart: warehouse.table(f"marts.{mart}") for mart in MARTS}
    assert all(by_night.values())

    warehouse.forget_tables()
    warehouse.build(select=models)
    for mart in MARTS:
        assert by_night[mart] == warehouse.table(f"marts.{mart}"), mart
