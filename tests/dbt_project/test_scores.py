"""Scores of persons: random logs against a reckoning event by event.

Events come in two loads, days apart; the second brings late ones, and the newest days.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean, median
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

MODELS = ("+fct_person_scores", "+fct_scores")
CHECKS = ("fct_person_scores", "fct_scores", "int_person_scores")
ZONE = ZoneInfo("America/New_York")
START = datetime(2026, 1, 22)
QUARTERS = 77 * 96
AS_OF = datetime(2026, 4, 9, 15)
LAST_DAY = date(2026, 4, 8)

SCORES: list[dict[str, Any]] = [
    {
        "name": "engagement",
        "window_days": 14,
        "listed_days": 20,
        "weeks": 3,
        "parts": [
            {"name": "often", "measure": "active_days", "full_at": 4, "weight": 2},
            {
                **{"name": "bought", "measure": "events", "full_at": 3},
                "events": {"event": "bought", "where": "platform = 'web'"},
            },
            {"name": "lately", "measure": "idle_days", "full_at": 10, "weight": 0.5},
        ],
    },
    {
        "name": "health",
        "where": "platform = 'web'",
        "week_start": "sunday",
        "window_days": 7,
        "listed_days": 7,
        "weeks": 0,
        "parts": [
            {
                **{"name": "spent", "measure": "value", "full_at": 50},
                **{"value": "revenue", "events": {"event": "bought"}},
            },
            {
                **{"name": "failed", "measure": "events", "full_at": 2, "weight": 3},
                **{"events": {"event": "failed"}, "better": "less"},
            },
        ],
        "bands": [
            {"name": "poor", "starts_at": 0},
            {"name": "good", "starts_at": 75},
        ],
    },
    {
        "name": "habit",
        "window_days": 70,
        "listed_days": 70,
        "weeks": 1,
        "parts": [{"name": "often", "measure": "active_days", "full_at": 40}],
    },
]
DEFAULT_BANDS = [("high", 70), ("middle", 40), ("low", 0)]


def write_catalog(folder: Path) -> None:
    events = [
        {"name": "came"},
        {"name": "bought"},
        {"name": "failed", "is_activity": False},
    ]
    folder.mkdir(exist_ok=True)
    (folder / "metrics.yml").write_text("metrics: []\n")
    rules = {"events": events, "traffic": {"bots": "browser = 'bot'"}}
    (folder / "events.yml").write_text(yaml.safe_dump(rules))
    (folder / "segments.yml").write_text(yaml.safe_dump({"scores": SCORES}))


def random_log(rng: random.Random) -> list[Row]:
    return [
        {
            "event_id": f"e{number:04}",
            "event_name": rng.choice(("came", "came", "bought", "failed")),
            "occurred_at": START + timedelta(minutes=15 * rng.randrange(QUARTERS)),
            "user_id": f"u{min(rng.randrange(12), rng.randrange(12))}",
            "platform": rng.choice(("web", "web", "ios")),
            "revenue": rng.choice((None, 5, 20, -10)),
            "browser": "bot" if rng.random() < 0.05 else None,
        }
        for number in range(350)
    ]


def local_day(event: Row) -> date:
    return event["occurred_at"].replace(tzinfo=UTC).astimezone(ZONE).date()


def days_told(spec: dict[str, Any]) -> list[date]:
    week_start = 6 if spec.get("week_start") == "sunday" else 0
    first = LAST_DAY + timedelta(days=1)
    while first.weekday() != week_start:
        first -= timedelta(days=1)
    ends = [first - timedelta(days=7 * n + 1) for n in range(spec["weeks"])]
    return sorted({LAST_DAY, *ends})


def measured(
    part: dict[str, Any], spec: dict[str, Any], log: Sequence[Row], day: date
) -> float | None:
    names = [part.get("events", {}).get("event")]
    wanted = ["came", "bought"] if names == [None] else names
    trailing = "listed_days" if part["measure"] == "idle_days" else "window_days"
    found = [
        event
        for event in log
        if event["event_name"] in wanted
        and ("where" not in part.get("events", {}) or event["platform"] == "web")
        and timedelta(0) <= day - local_day(event) < timedelta(days=spec[trailing])
    ]
    if not found:
        return None
    return {
        "active_days": lambda: float(len({local_day(event) for event in found})),
        "events": lambda: float(len(found)),
        "value": lambda: float(sum(event["revenue"] or 0 for event in found)),
        "idle_days": lambda: float((day - max(map(local_day, found))).days),
    }[part["measure"]]()


def points(part: dict[str, Any], spec: dict[str, Any], value: float | None) -> float:
    is_idle = part["measure"] == "idle_days"
    if value is None:
        value = spec["listed_days"] if is_idle else 0.0
    share = min(1.0, max(0.0, value / part["full_at"]))
    if is_idle or part.get("better") == "less":
        share = 1 - share
    weights = sum(one.get("weight", 1) for one in spec["parts"])
    return float(100 * part.get("weight", 1) / weights * share)


def band(spec: dict[str, Any], score: float) -> str:
    declared = [(one["name"], one["starts_at"]) for one in spec.get("bands", ())]
    in_order = sorted(declared or DEFAULT_BANDS, key=lambda one: -one[1])
    return next(name for name, starts_at in in_order if score >= starts_at)


def reckoned(
    spec: dict[str, Any], events: Sequence[Row], day: date
) -> dict[str, dict[str, tuple[float | None, float]]]:
    """Give what each part measured and earned, by person; `all` is the score."""
    log = [
        event
        for event in events
        if event["browser"] != "bot"
        and ("where" not in spec or event["platform"] == "web")
    ]
    by_person: dict[str, list[Row]] = defaultdict(list)
    for event in log:
        by_person[event["user_id"]].append(event)
    found = {}
    for person, own in by_person.items():
        listed = timedelta(days=spec["listed_days"])
        if not any(timedelta(0) <= day - local_day(one) < listed for one in own):
            continue
        parts = {}
        for part in spec["parts"]:
            value = measured(part, spec, own, day)
            parts[part["name"]] = (value, points(part, spec, value))
        score = round(sum(earned for _, earned in parts.values()), 6)
        found[person] = {**parts, "all": (None, score)}
    return found


@pytest.mark.parametrize(
    "seed",
    [1, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(2, 12))],
)
def test_random_logs_that_come_late_give_the_reckoned_scores(
    warehouse: WarehouseOfTest, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    log = random_log(rng)
    write_catalog(tmp_path / "catalog")
    late = [
        rng.random() < 0.1 or event["occurred_at"] > AS_OF - timedelta(days=5)
        for event in log
    ]
    for number, as_of in enumerate((AS_OF - timedelta(days=9), AS_OF)):
        warehouse.declare(
            tmp_path / "catalog", reporting_timezone=str(ZONE), as_of=as_of
        )
        part = [
            event for event, is_late in zip(log, late, strict=True) if is_late == number
        ]
        warehouse.land(part, load_id=f"2026040{number + 1}T000000000000")
        warehouse.build(select=MODELS)
    warehouse.dbt("test", "--select", *CHECKS, "--exclude", "test_type:unit")
    for spec in SCORES:
        compare_persons(warehouse, spec, reckoned(spec, log, LAST_DAY))
        for day in days_told(spec):
            compare_bands(warehouse, spec, reckoned(spec, log, day), day)
        told = warehouse.rows(
            "select distinct score_date from marts.fct_scores "
            f"where score_name = '{spec['name']}' order by 1"
        )
        assert [day for (day,) in told] == days_told(spec)


def compare_persons(
    warehouse: WarehouseOfTest,
    spec: dict[str, Any],
    expected: dict[str, dict[str, tuple[float | None, float]]],
) -> None:
    found: dict[str, dict[str, tuple[float | None, float]]] = defaultdict(dict)
    for person, part, value, earned, name in warehouse.rows(
        "select person_id, part, measured, points, band from marts.fct_person_scores "
        f"where score_name = '{spec['name']}' and score_date = date '{LAST_DAY}'"
    ):
        found[person][part] = (value, pytest.approx(earned, abs=1e-9))
        assert name == (band(spec, earned) if part == "all" else None)
    assert dict(found) == expected


def compare_bands(
    warehouse: WarehouseOfTest,
    spec: dict[str, Any],
    expected: dict[str, dict[str, tuple[float | None, float]]],
    day: date,
) -> None:
    scores = [parts["all"][1] for parts in expected.values()]
    groups = {"all": scores}
    for name in Counter(band(spec, score) for score in scores):
        groups[name] = [score for score in scores if band(spec, score) == name]
    found = {
        name: figures
        for name, *figures in warehouse.rows(
            "select band, person_count, person_rate, mean_score, median_score "
            f"from marts.fct_scores where score_name = '{spec['name']}' "
            f"and score_date = date '{day}'"
        )
    }
    assert found == {
        name: [
            len(own),
            pytest.approx(len(own) / len(scores)),
            pytest.approx(mean(own), abs=1e-6),
            pytest.approx(median(own), abs=1e-6),
        ]
        for name, own in groups.items()
    }
