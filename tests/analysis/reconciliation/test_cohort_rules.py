"""What the second engine says of cohorts and lifecycles of one person, by eye."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dagster_project.analysis.reconciliation.lifecycle import statuses_of
from dagster_project.analysis.reconciliation.retention import (
    RetentionRules,
    Sighting,
    closes_at,
    members_of,
)

START = datetime(2026, 3, 2, 20, 30)
FAR = datetime(2027, 1, 1)
DAILY = RetentionRules(period="day", buckets=((1, 1), (2, 2), (3, 3)))
TOKYO = ZoneInfo("Asia/Tokyo")


def seen(*hours: float, **told: Any) -> list[Sighting]:
    """Give events so many hours after the start."""
    times = [START + timedelta(hours=hour) for hour in hours]
    return [Sighting(at, str(at), **told) for at in times]


def cells(rules: RetentionRules, *hours: float, watermark: datetime = FAR) -> list[int]:
    [(_, found)] = members_of(seen(0), seen(*hours), rules, watermark).items()
    return found


@pytest.mark.parametrize(
    ("told", "hours", "expected"),
    [
        # The day after begins at midnight, three and a half hours later.
        ({}, (1, 4), [0, 1]),
        # In Tokyo it is half past five in the morning.
        ({"zone": TOKYO}, (4, 19), [0, 1]),
        ({"clock": "rolling"}, (4, 24, 48), [0, 1, 2]),
        # 23 hours and a half after the entry, but 24 after the start of its hour.
        ({"clock": "rolling"}, (23.5,), [0]),
        ({"clock": "rolling_from_hour"}, (23.5,), [0, 1]),
        ({"type": "unbounded"}, (48,), [0, 1, 2]),
        ({"min_occurrences": 2}, (24, 48, 49), [0, 2]),
        (
            {"type": "bracket", "buckets": ((1, 3), (4, 6)), "min_occurrences": 2},
            (24, 72, 96),
            [0, 1],
        ),
    ],
)
def test_when_somebody_is_back(
    told: dict[str, Any], hours: tuple[float, ...], expected: list[int]
) -> None:
    assert cells(replace(DAILY, **told), *hours) == expected


def test_what_has_not_happened_yet_is_no_later_return() -> None:
    rules = replace(DAILY, type="unbounded")
    assert cells(rules, 48, watermark=START + timedelta(hours=27)) == [0]


def test_the_first_event_of_all_has_to_match() -> None:
    targets = [*seen(0, is_match=False), *seen(24)]
    ever = members_of(targets, [], replace(DAILY, entry="first_ever"), FAR)
    assert ever == {}
    [entry] = members_of(targets[1:], [], DAILY, FAR)
    assert entry.cohort_start == datetime(2026, 3, 3)


def test_recurring_cohorts_take_everybody_anew() -> None:
    rules = replace(DAILY, entry="recurring")
    found = members_of(seen(0, 1, 24), seen(24, 48), rules, FAR)
    assert {entry.cohort_start.day: back for entry, back in found.items()} == {
        2: [0, 1, 2],
        3: [0, 1],
    }


def test_a_return_with_another_value_is_none() -> None:
    rules = replace(DAILY, matches_value=True)
    returns = [*seen(24, value="ios"), *seen(48, value="web")]
    [(entry, back)] = members_of(seen(0, value="web"), returns, rules, FAR).items()
    assert (entry.value, back) == ("web", [0, 2])


def test_a_rolling_window_is_over_with_that_of_the_last_to_come() -> None:
    day = datetime(2026, 3, 2)
    assert closes_at(day, 1, DAILY) == datetime(2026, 3, 4)
    assert closes_at(day, 1, replace(DAILY, clock="rolling")) == datetime(2026, 3, 5)
    # Midnight of Tokyo lies nine hours earlier.
    assert closes_at(day, 1, replace(DAILY, zone=TOKYO)) == datetime(2026, 3, 3, 15)


def test_lives_fall_quiet_and_come_back() -> None:
    months = {datetime(2026, month, 1) for month in (1, 2, 4)}
    found = statuses_of(months, "month")
    assert {start.month: status for start, status in sorted(found.items())} == {
        1: "new",
        2: "returning",
        3: "dormant",
        4: "resurrecting",
        5: "dormant",
    }
    assert statuses_of(set(), "month") == {}
