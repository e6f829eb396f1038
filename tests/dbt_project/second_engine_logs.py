"""Random logs of many persons over some weeks, and catalogs that make much of them.

Full of what sessions, days and funnels turn on: gaps of exactly the timeout, stays
longer than the cap, nights across midnight, equal times, robots, servers, heartbeats.
Not here: the comparison (`test_second_engine`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.dbt_project.funnel_cases import dump
from tests.dbt_project.warehouse_of_test import Row

LAST_DAY = datetime(2026, 4, 10)
DAYS = 60
# Minutes from one event to the next; half an hour is the timeout.
GAPS = (0, 0, 1, 5, 29, 30, 31, 200, 700, 1_500, 4_000, 9_000)
NAMES = ("a", "a", "b", "b", "c", "x", "page", "page", "ping", "quiet")

SESSIONS: tuple[dict[str, Any], ...] = (
    {"max_session_seconds": 3_600, "cut_on_campaign_change": True},
    {"cut_at_midnight": True, "requires_page_view": True},
    {
        **{"max_session_seconds": 7_200, "timeout_seconds": 1_860},
        "heartbeat": {"events": ["ping"]},
    },
    {"mode": "vendor", "max_session_seconds": 20_000},
)


def rows(seed: int, persons: int = 60) -> Iterator[Row]:
    """Give the events of all persons; some began long before what a night reads."""
    draw = random.Random(seed)
    number = 0
    for person in range(persons):
        at = LAST_DAY - timedelta(minutes=draw.randrange(DAYS * 1_440))
        while at < LAST_DAY:
            number += 1
            yield _row(draw, number, person, at)
            at += timedelta(minutes=draw.choice(GAPS))


def _row(draw: random.Random, number: int, person: int, at: datetime) -> Row:
    is_robot = draw.random() < 0.03
    platform = draw.choice(("web", "ios", "server", None))
    properties = {
        "robot": "yes" if is_robot else "no",
        "course": draw.choice(("k", "l", None)),
        "team": draw.choice((None, *[f"t{person // 2}"] * 4, f"t{person // 2 + 1}")),
        "$page_view_id": f"{person}-{at.date()}",
    }
    return {
        "event_id": f"{draw.randrange(10**9):09}-{number}",
        "event_name": draw.choice(NAMES),
        "occurred_at": at,
        "received_at": at,
        "user_id": f"p{person}",
        "device_type": "phone" if platform == "server" and person % 2 else None,
        "platform": platform,
        # Two persons share a device, and so their sessions.
        "vendor_session_id": draw.choice((None, f"{max(person, 1)}-{at.date()}")),
        "utm_campaign": draw.choice((None, None, None, "spring", "summer")),
        "utm_source": draw.choice((None, None, "direct", "news", "search", " ")),
        "revenue": draw.choice((None, None, Decimal(5), Decimal("7.01"))),
        "properties": json.dumps(properties),
    }


def write_catalog(folder: Path, sessions: dict[str, Any]) -> None:
    """Declare events, rules and a funnel for each way of counting."""
    dump(
        folder / "events.yml",
        {
            "policy": "allow",
            "page_view_events": ["page"],
            "sessions": sessions,
            "traffic": {"bots": "property('robot') = 'yes'"},
            "events": [
                {
                    "name": name,
                    "description": "Of a sample.",
                    "is_activity": name != "quiet",
                }
                for name in sorted(set(NAMES))
            ],
        },
    )
    dump(folder / "metrics.yml", {"metrics": []})
    dump(folder / "funnels.yml", {"funnels": list(_funnels())})
    dump(
        folder / "segments.yml",
        {"segments": list(_segmentations()), "lifecycle": list(_lifecycles())},
    )
    dump(folder / "retention.yml", {"retention": list(_grids())})
    dump(
        folder / "revenue.yml",
        {"attribution": list(_attributions()), "mrr": list(_books())},
    )


def _segmentations() -> Iterator[dict[str, Any]]:
    quick = {"new_days": 2, "power_days": 4, "engaged_days": 2, "idle_days": 3}
    yield {"name": "quick", "window_days": 6, "timezone": "Asia/Tokyo", **quick}
    yield {"name": "of_pages", "activity": {"event": "page", "where": "revenue > 0"}}
    yield {"name": "of_teams", "count_by": "property('team')", **quick}


def _lifecycles() -> Iterator[dict[str, Any]]:
    yield {"name": "of_all", "periods": ["day", "week", "month"]}
    yield {
        "name": "of_buyers",
        "activity": {"event": ["a", "b"], "where": "revenue > 0"},
        "periods": ["day", "week"],
        "timezone": "Asia/Tokyo",
        "week_start": "sunday",
    }
    yield {"name": "of_team_lives", "count_by": "property('team')"}


def _grids() -> Iterator[dict[str, Any]]:
    """Give every entry, type, clock and period at least once."""
    on_both = {"name": "course", "sql": "property('course')", "on": "both"}
    variants: dict[str, dict[str, Any]] = {
        "daily": {"period": "day", "periods": 14, "breakdowns": ["platform"]},
        "weekly": {"period": "week", "week_start": "sunday", "breakdowns": [on_both]},
        "monthly": {"period": "month", "timezone": "Asia/Tokyo"},
        "of_first_ever": {
            "target": {"event": ["a", "b"], "where": "platform = 'web'"},
            "entry": "first_ever",
            "period": "day",
        },
        "again_and_again": {
            "entry": "recurring",
            "period": "day",
            "breakdowns": [on_both, "platform"],
            "min_occurrences": 2,
        },
        "sooner_or_later": {"type": "unbounded", "period": "day", "periods": 9},
        "in_brackets": {
            "type": "bracket",
            "brackets": [{"first": 1, "last": 2}, {"first": 3, "last": 7}],
            "period": "day",
            "min_occurrences": 3,
        },
        "by_own_clock": {
            "clock": "rolling",
            "period": "day",
            "at": [1, 7],
            "breakdowns": ["platform"],
        },
        "by_own_hours": {
            "clock": "rolling_from_hour",
            "period": "hour",
            "type": "unbounded",
            "entry": "recurring",
            "periods": 6,
        },
        "with_all_robots": {"include_bots": True},
        "of_teams": {"count_by": "property('team')", "period": "day"},
        "of_teams_again": {
            **{"count_by": "property('team')", "entry": "recurring"},
            **{"period": "day", "breakdowns": ["platform"]},
        },
    }
    for name, declared in variants.items():
        target = {"target": {"event": "a"}, "returning": {"event": ["b", "page"]}}
        yield {"name": name, **target, **declared}


def subscriptions(seed: int, accounts: int = 40) -> Iterator[Row]:
    """Give snapshots of subscriptions, some of accounts with several."""
    draw = random.Random(seed)
    statuses = (None, "active", "past_due", "trialing", "canceled")
    for number in range(accounts * 2):
        at = LAST_DAY - timedelta(days=draw.randrange(400))
        for _ in range(draw.randint(1, 4)):
            yield {
                "subscription_id": f"s{number}",
                "recorded_at": at,
                "account_id": f"k{number // 2}" if number % 7 else None,
                "status": draw.choice(statuses),
                "started_at": at - timedelta(days=draw.choice((0, 0, 90))),
                "canceled_at": at if draw.random() < 0.3 else None,
                "billing_period": draw.choice((None, "week", "month", "year", "age")),
                "amount": Decimal(draw.randrange(0, 40_000)) / 100,
            }
            at += timedelta(days=draw.randint(1, 60))


def _books() -> Iterator[dict[str, Any]]:
    yield {"name": "billed", "customer": "account"}
    yield {"name": "of_persons"}
    yield {
        "name": "told",
        "events": {
            "changed": ["a", "b"],
            "ended": "c",
            "where": "platform is not null",
            "amount": "revenue",
            "subscription": "property('course')",
        },
    }


def _attributions() -> Iterator[dict[str, Any]]:
    yield {
        "name": "by_source",
        "conversion": {"event": "b"},
        "channel": "utm_source",
        "lookback_days": 3,
        "half_life_days": 1.5,
    }
    yield {
        "name": "by_channel",
        "conversion": {"event": "c", "where": "platform is not null"},
        "value": "1",
        "position_weights": {"first": 30, "middle": 10, "last": 60},
        "models": ["position", "last_non_direct"],
        "include_bots": True,
    }


def _funnels() -> Iterator[dict[str, Any]]:
    steps = [{"name": name, "any_of": [{"event": name}]} for name in "abc"]
    first = {"name": "First", "any_of": [{"event": "a"}], "first_time": "first_match"}
    twice = {"name": "Twice", "any_of": [{"event": ["a", "b"]}]}
    last = {"name": "last", "by": "property('course')", "attribution": "last_touch"}
    of_step = {"name": "second", "by": "platform", "attribution": "step", "step": 2}
    of_all = {
        "name": "both",
        "by": ["platform", "property('course')"],
        "attribution": "all_events",
    }
    variants: dict[str, dict[str, Any]] = {
        "plain": {"breakdowns": ["platform", last]},
        "told_apart": {"breakdowns": [of_step, of_all], "order": "unordered"},
        "held": {"hold_constant": "property('course')", "window": "90 minutes"},
        "repeated": {"steps": [steps[0], twice, steps[0]]},
        "in_total_order": {"steps": [steps[0], twice], "ties": "total_order"},
        "later": {"ties": "strict_increase", "where": "platform = 'web'"},
        "consecutive": {"order": "strict", "steps": steps[:2]},
        "in_any_order": {"order": "unordered"},
        "excluded": {"exclusions": [{"any_of": [{"event": "x"}], "to_step": 2}]},
        "first_time": {"steps": [first, *steps[1:]]},
        "entered_first": {"entry_mode": "first"},
        "totals": {"counting": "totals"},
        "in_session": {"counting": "sessions"},
        "with_robots": {"include_bots": True},
        "of_account": {
            **{"counting": "accounts", "account": "property('team')"},
            "breakdowns": ["platform", last],
        },
        "in_range": {
            "range": {"from": "2026-03-20T00:00:00", "to": "2026-04-02T12:00:00"},
            "range_applies_to": "all_events",
        },
    }
    for name, declared in variants.items():
        shared = {"window": "1 day", "steps": steps, "value": "revenue"}
        yield {"name": name, **shared, **declared}
