"""In which cohorts somebody is, and when they were back, event by event.

Here belong entries, returns and the end of a window, as a retention grid declares them,
for one unit (a person, or what is counted in their place). Counting units, and which
event is an entry or a return, do not belong here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dagster_project.analysis.reconciliation.events import local_time
from dagster_project.analysis.reconciliation.periods import (
    LENGTHS,
    next_start,
    periods_between,
    periods_later,
    start_of,
)

ZONE = ZoneInfo("UTC")


@dataclass(frozen=True)
class RetentionRules:
    """The parameters of a grid, by the names of the catalog.

    ``buckets``: first and last period of each cell after the start. ``matches_value``:
    a return counts where its value is that of the entry.
    """

    entry: str = "first_time"
    type: str = "classic"
    period: str = "week"
    buckets: tuple[tuple[int, int], ...] = ()
    min_occurrences: int = 1
    clock: str = "calendar"
    zone: ZoneInfo = ZONE
    week_start: str = "monday"
    matches_value: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """One event that a filter takes, with the value it is grouped by.

    ``is_match``: it meets the condition that the first event of all has to meet.
    """

    at: datetime
    event_id: str
    is_match: bool = True
    value: str = "all"


@dataclass(frozen=True, slots=True)
class Entry:
    """A unit's membership in one cohort; ``cohort_start`` is local time."""

    value: str
    cohort_start: datetime
    entered_at: datetime


def members_of(
    targets: Sequence[Sighting],
    returns: Sequence[Sighting],
    rules: RetentionRules,
    watermark: datetime,
) -> dict[Entry, list[int]]:
    """Give the cohorts of one unit, and the first period of each cell it counts in.

    Number 0, the cohort itself, is always there.
    """
    found: dict[Entry, list[int]] = {}
    for entry in entries_of(targets, rules):
        counts = _returns_by_number(entry, returns, rules, watermark)
        back = [
            first
            for first, last in rules.buckets
            if _is_back(counts, first, last, rules)
        ]
        found[entry] = [0, *back]
    return found


def entries_of(targets: Sequence[Sighting], rules: RetentionRules) -> list[Entry]:
    """Give the entries of one unit: the first of all, or the first of each period."""
    seen: set[tuple[object, ...]] = set()
    found: list[Entry] = []
    for event in sorted(targets, key=lambda one: (one.at, one.event_id)):
        start = _period_of(event.at, rules)
        key: tuple[object, ...] = ()
        if rules.entry == "recurring":
            key = (start, event.value) if rules.matches_value else (start,)
        if key not in seen and event.is_match:
            found.append(Entry(event.value, start, event.at))
        seen.add(key)
    return found


def closes_at(cohort_start: datetime, last: int, rules: RetentionRules) -> datetime:
    """Give the instant (UTC) from which on a cohort cannot come back in a cell.

    On the rolling clock everyone's own window has to be over, that of who came in the
    last instant of the cohort too.
    """
    if rules.clock == "calendar" or last == 0:
        return _utc(periods_later(rules.period, cohort_start, last + 1), rules)
    last_entry = _utc(next_start(rules.period, cohort_start), rules)
    return last_entry + (last + 1) * LENGTHS[rules.period]


def distance(entry: Entry, moment: datetime, rules: RetentionRules) -> int:
    """Give how many periods after an entry an instant lies; negative before it."""
    if rules.clock == "calendar":
        there = _period_of(moment, rules)
        return periods_between(rules.period, entry.cohort_start, there)
    entered_at = entry.entered_at
    if rules.clock == "rolling_from_hour":
        wall_clock = local_time(entered_at, rules.zone)
        entered_at -= wall_clock - start_of("hour", wall_clock)
    return (moment - entered_at) // LENGTHS[rules.period]


def _returns_by_number(
    entry: Entry,
    returns: Sequence[Sighting],
    rules: RetentionRules,
    watermark: datetime,
) -> Counter[int]:
    """Count returning events by how many periods after the entry they lie."""
    return Counter(
        distance(entry, event.at, rules)
        for event in returns
        if (not rules.matches_value or event.value == entry.value)
        and (rules.type != "unbounded" or _has_begun(event.at, rules, watermark))
    )


def _is_back(
    counts: Counter[int], first: int, last: int, rules: RetentionRules
) -> bool:
    if rules.type == "bracket":
        total = sum(counts[number] for number in range(first, last + 1))
        return total >= rules.min_occurrences
    enough = [one for one, count in counts.items() if count >= rules.min_occurrences]
    if rules.type == "unbounded":
        return any(number >= first for number in enough)
    return first in enough


def _has_begun(moment: datetime, rules: RetentionRules, watermark: datetime) -> bool:
    """Where all later returns count, those behind the watermark must not.

    By the calendar the hour or day of a return has to have begun.
    """
    if rules.clock != "calendar":
        return moment < watermark
    bucket = "hour" if rules.period == "hour" else "day"
    begin = start_of(bucket, local_time(moment, rules.zone))
    return begin < local_time(watermark, rules.zone)


def _period_of(moment: datetime, rules: RetentionRules) -> datetime:
    wall_clock = local_time(moment, rules.zone)
    return start_of(rules.period, wall_clock, rules.week_start)


def _utc(wall_clock: datetime, rules: RetentionRules) -> datetime:
    return wall_clock.replace(tzinfo=rules.zone).astimezone(UTC).replace(tzinfo=None)
