"""Shares, badges, leaderboards, places, content, segments against a plain recount."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

LOADS = ("20260105T000000000000", "20260106T000000000000")
TABLES = (
    *("fct_geography", "fct_popular_content", "fct_market_segments"),
    *("fct_achievements", "fct_shares", "fct_leaderboards", "fct_feature_adoption"),
    *("fct_peer_benchmarks", "fct_role_migrations"),
)
ZONE = "America/New_York"
# Midnight in New York; in UTC a day that has begun, which counts as it is known.
AS_OF = datetime(2026, 2, 14, 5)
RANKED = {
    "places": ("geography", "place"),
    "courses": ("popular_content", "content"),
    "plans": ("market_segments", "segment"),
    "badges": ("achievements", "achievement"),
}
AUDIENCE = {
    "geography": [{"name": "places", "value": "revenue", "periods": ["day", "month"]}],
    "content": [
        {"name": "courses", "events": {"event": ["view"]}, "by": "property('thing')"}
    ],
    "market_segments": [
        {
            **{"name": "plans", "by": "coalesce(property('thing'), country)"},
            **{"include_bots": True, "week_start": "sunday", "timezone": "UTC"},
        }
    ],
    "peer_benchmarks": [
        {
            **{"name": "peers", "by": "country", "days": 9, "min_peers": 9},
            **{"events": {"event": "view"}, "value": "value"},
        },
        {"name": "few", "by": "country", "min_peers": 31},
    ],
    "role_migrations": [
        {
            **{"name": "moves", "events": {"event": "share"}},
            **{"from_role": "page", "to_role": "country"},
            **{"succeeded": "nullif(page, '/s') = '/t'", "adaptation_days": "revenue"},
            "satisfaction": {"event": "badge", "within": "2 days"},
            "periods": ["day", "week", "month"],
        }
    ],
}
GROWTH = {
    "achievements": [
        {"name": "badges", "events": {"event": "badge"}, "by": "property('thing')"}
    ],
    "shares": [
        {
            "name": "shared",
            "events": {"event": "share"},
            "by": "country",
            "periods": ["day"],
            "returns": {"event": "view", "where": "page = '/s'", "by": "country"},
        }
    ],
    "challenges": [
        {
            "name": "points",
            "events": {"event": ["badge", "share"]},
            "by": "country",
            "value": "value",
        }
    ],
}
SEGMENTS = {
    "features": [
        {
            "name": "things",
            "events": {"event": "view"},
            "by": "property('thing')",
            "eligible": {"event": ["badge", "share"], "where": "country = 'DE'"},
        }
    ]
}


def random_log(rng: random.Random, count: int) -> list[Row]:
    def event(number: int) -> Row:
        thing = rng.choice((None, "t1", "t2", "t3"))
        return {
            "event_id": f"e{number:05}",
            "event_name": rng.choice(("view", "view", "badge", "share", "quiet")),
            "occurred_at": datetime(2026, 1, 20)
            + timedelta(hours=rng.randrange(26 * 24)),
            "user_id": f"u{rng.randrange(30)}",
            "country": rng.choice((None, "DE", "FR", "PL")),
            "page": rng.choice(("/s", "/t")),
            "browser": "bot" if rng.random() < 0.1 else None,
            "revenue": Decimal(rng.randrange(1000)) / 100,
            "value": Decimal(rng.randrange(5)),
            "properties": json.dumps({"thing": thing} if thing else {}),
        }

    return [event(number) for number in range(count)]


def land_and_build(
    warehouse: WarehouseOfTest, folder: Path, log: Sequence[Row], rng: random.Random
) -> None:
    names = [{"name": name} for name in ("view", "badge", "share")]
    events = {
        "traffic": {"bots": "browser = 'bot'"},
        "events": [*names, {"name": "quiet", "is_activity": False}],
    }
    files = {"metrics": {"metrics": []}, "events": events}
    files |= {"audience": AUDIENCE, "growth": GROWTH, "segments": SEGMENTS}
    for name, content in files.items():
        (folder / f"{name}.yml").write_text(yaml.safe_dump(content))
    warehouse.declare(folder, reporting_timezone=ZONE, as_of=AS_OF)
    late = {rng.randrange(len(log)) for _ in range(40)}
    for number, load_id in enumerate(LOADS):
        part = [e for index, e in enumerate(log) if (index in late) == bool(number)]
        warehouse.land(part, load_id=load_id)
        warehouse.build(select=[f"+{name}" for name in TABLES])
    warehouse.dbt("test", "--select", *TABLES, "--exclude", "test_type:unit")


def local_day(event: Row, zone: str) -> datetime:
    at = event["occurred_at"].replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
    return datetime(at.year, at.month, at.day)


def start_of(period: str, day: datetime, week_start: int = 0) -> datetime:
    if period == "week":
        return day - timedelta(days=(day.weekday() - week_start) % 7)
    return day.replace(day=1) if period == "month" else day


def by_period(
    events: Sequence[Row],
    periods: Sequence[str],
    group: Callable[[Row], str],
    zone: str = ZONE,
    week_start: int = 0,
) -> dict[tuple[str, datetime, str], list[Row]]:
    """Give the events of every period and group; those of all history too."""
    found: dict[tuple[str, datetime, str], list[Row]] = defaultdict(list)
    first = min(local_day(event, zone) for event in events)
    for event in events:
        day = local_day(event, zone)
        found["all", first, group(event)].append(event)
        for period in periods:
            found[period, start_of(period, day, week_start), group(event)].append(event)
    return found


def recounted(
    cells: dict[tuple[str, datetime, str], list[Row]], zone: str = ZONE
) -> dict[tuple[str, datetime, str], tuple[int, int, int, int]]:
    """Give (persons, new, on several days, events) of every cell."""
    first: dict[tuple[str, str], datetime] = {}
    for (period, _, group), events in cells.items():
        for event in events if period == "all" else ():
            key = (group, event["user_id"])
            first[key] = min(first.get(key, datetime.max), local_day(event, zone))
    found = {}
    for (period, start, group), events in cells.items():
        days: dict[str, set[datetime]] = defaultdict(set)
        for event in events:
            days[event["user_id"]].add(local_day(event, zone))
        new = sum(first[group, person] in seen for person, seen in days.items())
        often = sum(len(seen) > 1 for seen in days.values())
        found[period, start, group] = (len(days), new, often, len(events))
    return found


def thing(event: Row) -> str:
    return json.loads(event["properties"]).get("thing") or "(none)"


def country(event: Row) -> str:
    return event["country"] or "(none)"


def definitions(
    log: Sequence[Row],
) -> Iterator[tuple[str, list[Row], list[Row], Any, Any, str, int]]:
    """Give (name, events, base, group, periods, zone, week start) of ranked counts."""
    known = [event for event in log if local_day(event, ZONE) < local_now()]
    human = [event for event in known if event["browser"] != "bot"]
    active = [event for event in human if event["event_name"] != "quiet"]
    views = [event for event in human if event["event_name"] == "view"]
    badges = [event for event in human if event["event_name"] == "badge"]
    known = [event for event in log if local_day(event, "UTC") < AS_OF]
    every = [event for event in known if event["event_name"] != "quiet"]
    default = ("week", "month")
    yield "places", active, active, country, ("day", "month"), ZONE, 0
    yield "courses", views, views, thing, default, ZONE, 0
    yield "badges", badges, active, thing, default, ZONE, 0

    def plan(event: Row) -> str:
        found = thing(event)
        return country(event) if found == "(none)" else found

    yield "plans", every, every, plan, default, "UTC", 6


@pytest.mark.parametrize(
    "seed",
    [1, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(2, 12))],
)
def test_groups_are_those_of_a_recount(
    warehouse: WarehouseOfTest, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    log = random_log(rng, 500)
    land_and_build(warehouse, tmp_path, log, rng)
    known = [event for event in log if local_day(event, ZONE) < local_now()]
    for name, events, base, group, periods, zone, week_start in definitions(log):
        table, named = RANKED[name]
        rows = warehouse.rows(
            f"select period, period_start, {named}, person_count, new_person_count, "
            "repeat_person_count, event_count, person_share, value_sum, group_rank, "
            f"previous_person_count, person_change, event_share from marts.fct_{table} "
            f"where definition_name = '{name}'"
        )
        cells = by_period(events, periods, group, zone, week_start)
        counts = recounted(cells, zone)
        assert {row[:3]: row[3:7] for row in rows} == counts, name
        everybody = recounted(
            by_period(base, periods, lambda _: "all", zone, week_start), zone
        )
        total_rank: dict[Any, list[Any]] = defaultdict(list)
        for row in rows:
            start = row[1]
            if row[0] == "all":
                start = min(key[1] for key in everybody if key[0] == "all")
            of_all = everybody[row[0], start, "all"]
            assert row[7] == pytest.approx(row[3] / of_all[0])
            worth = sum(event["revenue"] for event in cells[row[:3]])
            assert row[8] == (worth if name == "places" else 0)
            total_rank[row[:2]].append((row[9], (-row[3], -row[6], row[2]), row[12]))
        for ranks in total_rank.values():
            ordered = sorted(ranks, key=lambda one: one[1])
            assert [one[0] for one in ordered] == [*range(1, len(ordered) + 1)]
            assert sum(one[2] for one in ordered) == pytest.approx(1)
        for row in rows:
            if row[0] == "all" or row[1] == min(r[1] for r in rows if r[0] == row[0]):
                assert row[10:12] == (None, None)
                continue
            before = max(
                key[1] for key in everybody if key[0] == row[0] and key[1] < row[1]
            )
            is_next = (
                start_of(row[0], before + timedelta(days=32), week_start) == row[1]
            )
            if row[0] == "month" and is_next:
                earlier = counts.get((row[0], before, row[2]), (0,))[0]
                assert row[10] == earlier
                change = (row[3] - earlier) / earlier if earlier else None
                assert row[11] == pytest.approx(change)
    compare_shares(warehouse, known)
    compare_leaderboards(warehouse, known)
    compare_features(warehouse, known)
    compare_peers(warehouse, known)
    compare_moves(warehouse, known)


def compare_shares(warehouse: WarehouseOfTest, known: Sequence[Row]) -> None:
    human = [event for event in known if event["browser"] != "bot"]
    shares = [event for event in human if event["event_name"] == "share"]
    came = [e for e in human if e["event_name"] == "view" and e["page"] == "/s"]
    sent = recounted(by_period(shares, ["day"], country))
    back = recounted(by_period(came, ["day"], country))
    first = min(key[1] for key in (*sent, *back) if key[0] == "all")

    def dated(key: tuple[str, datetime, str]) -> tuple[str, datetime, str]:
        return (key[0], first, key[2]) if key[0] == "all" else key

    sent = {dated(key): cell for key, cell in sent.items()}
    back = {dated(key): cell for key, cell in back.items()}
    nothing = (0, 0, 0, 0)
    expected = {}
    for key in sent.keys() | back.keys():
        persons, new, _, count = sent.get(key, nothing)
        returned, _, _, visits = back.get(key, nothing)
        ratio = visits / count if visits and count else None
        expected[key] = (count, persons, new, visits, returned, ratio)
    rows = warehouse.rows(
        "select period, period_start, platform, share_count, sharer_count, "
        "new_sharer_count, return_event_count, return_person_count, returns_per_share "
        "from marts.fct_shares"
    )
    assert {row[:3]: row[3:] for row in rows} == expected


def compare_leaderboards(warehouse: WarehouseOfTest, known: Sequence[Row]) -> None:
    human = [event for event in known if event["browser"] != "bot"]
    events = [e for e in human if e["event_name"] in ("badge", "share")]
    expected = set()
    for key, cell in by_period(events, ["week", "month"], country).items():
        points: dict[str, Decimal] = defaultdict(Decimal)
        for event in cell:
            points[event["user_id"]] += event["value"]
        for person, worth in points.items():
            rank = 1 + sum(other > worth for other in points.values())
            expected.add((*key, person, rank, worth))
    rows = warehouse.rows(
        "select period, period_start, challenge, person_id, leaderboard_rank, points "
        "from marts.fct_leaderboards"
    )
    assert set(rows) == expected


def compare_features(warehouse: WarehouseOfTest, known: Sequence[Row]) -> None:
    """Count adopters from the start of time anew for every period."""
    human = [event for event in known if event["browser"] != "bot"]
    views = [event for event in human if event["event_name"] == "view"]
    eligible: dict[str, datetime] = {}
    used: dict[tuple[str, str], datetime] = {}
    for event in human:
        person, at = event["user_id"], event["occurred_at"]
        if event["event_name"] in ("badge", "share") and event["country"] == "DE":
            eligible[person] = min(eligible.get(person, at), at)
        if event["event_name"] == "view":
            key = (thing(event), person)
            used[key] = min(used.get(key, at), at)

    def day(at: datetime) -> datetime:
        return local_day({"occurred_at": at}, ZONE)

    cells = recounted(by_period(views, ["week", "month"], thing))
    starts = {key[:2] for key in cells if key[0] != "all"}
    starts |= {
        (p, start_of(p, day(at))) for at in eligible.values() for p in ("week", "month")
    }
    expected = {}
    for period, start in starts:
        end = start_of(period, start + timedelta(days=32 if period == "month" else 7))
        able = [person for person, at in eligible.items() if day(at) < end]
        for feature in {feature for feature, _ in used}:
            adopted = {
                person: max(day(eligible[person]), day(at))
                for (one, person), at in used.items()
                if one == feature and person in able
            }
            adopted = {person: on for person, on in adopted.items() if on < end}
            waits = [
                (used[feature, person] - eligible[person]) / timedelta(days=1)
                for person, on in adopted.items()
                if on >= start and used[feature, person] >= eligible[person]
            ]
            persons, _, often, count = cells.get((period, start, feature), (0,) * 4)
            expected[period, start, feature] = (
                *(persons, often, count, sum(on >= start for on in adopted.values())),
                *(len(adopted), len(able)),
                len(adopted) / len(able) if able else None,
                pytest.approx(median(waits)) if waits else None,
                end <= local_now(),
            )
    rows = warehouse.rows(
        "select period, period_start, feature, person_count, repeat_person_count, "
        "event_count, new_adopter_count, adopter_count, eligible_count, adoption_rate, "
        "median_days_to_adopt, is_complete from marts.fct_feature_adoption"
    )
    assert {row[:3]: row[3:] for row in rows} == expected


def local_now() -> datetime:
    now = AS_OF.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(ZONE))
    return now.replace(tzinfo=None)


def compare_peers(warehouse: WarehouseOfTest, known: Sequence[Row]) -> None:
    """Hold every person against each of their peers."""
    since = local_now() - timedelta(days=9)
    views: dict[str, list[Row]] = defaultdict(list)
    for event in known:
        is_view = event["event_name"] == "view" and event["browser"] != "bot"
        if is_view and local_day(event, ZONE) >= since:
            views[event["user_id"]].append(event)
    told = {}
    for person, events in views.items():
        groups = [country(event) for event in events]
        peers = max(set(groups), key=lambda one: (groups.count(one), one))
        told[person] = (peers, sum(event["value"] for event in events))
    expected = set()
    for person, (peers, worth) in told.items():
        others = [value for group, value in told.values() if group == peers]
        if peers == "(none)":
            continue
        less = sum(value < worth for value in others)
        same = sum(value == worth for value in others)
        share = (less + same / 2) / len(others) if len(others) >= 9 else None
        middle = float(median(others)) if len(others) >= 9 else None
        expected.add((person, peers, worth, len(others), share, middle))
    rows = warehouse.rows(
        "select person_id, peer_group, person_value, peer_count, peer_percentile, "
        "peer_median from marts.fct_peer_benchmarks where definition_name = 'peers'"
    )
    assert set(rows) == expected
    assert warehouse.rows(
        "select distinct peer_percentile, peer_median from marts.fct_peer_benchmarks "
        "where definition_name = 'few'"
    ) == [(None, None)]


def compare_moves(warehouse: WarehouseOfTest, known: Sequence[Row]) -> None:
    """Look for the first answer to each move among all answers."""
    human = [event for event in known if event["browser"] != "bot"]
    answers = [event for event in human if event["event_name"] == "badge"]

    def first_answer(move: Row) -> Decimal | None:
        until = move["occurred_at"] + timedelta(days=2)
        mine = [
            one
            for one in answers
            if one["user_id"] == move["user_id"]
            and move["occurred_at"] <= one["occurred_at"] < until
        ]
        first = min(
            mine, key=lambda one: (one["occurred_at"], one["event_id"]), default={}
        )
        found: Decimal | None = first.get("value")
        return found

    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for move in (event for event in human if event["event_name"] == "share"):
        day = local_day(move, ZONE)
        for period in ("day", "week", "month"):
            key = (period, start_of(period, day), move["page"], country(move))
            cells[key].append(move)
    expected = {}
    for key, moves in cells.items():
        said = [one for one in map(first_answer, moves) if one is not None]
        away = timedelta(days=32 if key[0] == "month" else 7 if key[0] == "week" else 1)
        is_mature = start_of(key[0], key[1] + away) + timedelta(days=2) <= local_now()
        days = [float(move["revenue"]) for move in moves]
        arrived = key[2] == "/t"
        expected[key] = (
            *(len(moves), len({move["user_id"] for move in moves})),
            *((len(moves), 1.0) if arrived else (0, None)),
            *(pytest.approx(sum(days) / len(days)), pytest.approx(median(days))),
            len(said),
            pytest.approx(float(sum(said)) / len(said)) if said and is_mature else None,
            is_mature,
        )
    rows = warehouse.rows(
        "select period, period_start, from_role, to_role, migration_count, "
        "person_count, success_count, success_rate, mean_adaptation_days, "
        "median_adaptation_days, satisfaction_count, mean_satisfaction, is_mature "
        "from marts.fct_role_migrations"
    )
    assert {row[:4]: row[4:] for row in rows} == expected
