"""Retention counted event by event in plain Python: slow, and written from the meaning.

It shares nothing with the SQL: no rollup, no period numbers, no window functions. An
event is a mapping with `event_id`, `event_name`, `occurred_at` (UTC, without zone),
`user_id` and whatever the predicates of a definition look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

Event = Mapping[str, Any]
Predicate = Callable[[Event], bool]
Cell = tuple[str, str, datetime, int]

WEEKDAYS = (
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
)
ROLLING = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}


def everything(_: Event) -> bool:
    return True


@cache
def local_time(moment: datetime, zone: str) -> datetime:
    """Give the wall-clock time of a zone at a UTC moment."""
    aware = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    return aware.replace(tzinfo=None)


def utc_time(wall_clock: datetime, zone: str) -> datetime:
    """Give the UTC moment at which a zone's clock shows a time."""
    aware = wall_clock.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return aware.replace(tzinfo=None)


def start_of(period: str, moment: datetime, week_start: str = "monday") -> datetime:
    """Give the start of the period around a wall-clock time."""
    if period == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "week":
        return day - timedelta(days=(day.weekday() - WEEKDAYS.index(week_start)) % 7)
    return day.replace(day=1) if period == "month" else day


def next_start(period: str, start: datetime) -> datetime:
    """Give the start of the period after the one that starts here."""
    if period == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start + ROLLING[period]


def periods_later(period: str, start: datetime, count: int) -> datetime:
    """Give the start of the period so many after the one that starts here."""
    for _ in range(count):
        start = next_start(period, start)
    return start


@dataclass(frozen=True)
class Retention:
    """A retention definition with predicates in place of expressions."""

    target_names: frozenset[str]
    target_where: Predicate = everything
    returning: Predicate = everything
    where: Predicate = everything
    unit: Callable[[Event], str | None] = lambda event: event["user_id"]
    entry: str = "first_time"
    type: str = "classic"
    period: str = "week"
    buckets: tuple[tuple[int, int], ...] = ()
    min_occurrences: int = 1
    clock: str = "calendar"
    timezone: str = "UTC"
    week_start: str = "monday"
    dimensions: Mapping[str, tuple[Callable[[Event], Any], str]] = field(
        default_factory=dict
    )


@dataclass(frozen=True)
class Entry:
    """One member of one cohort."""

    unit: str
    value: str
    cohort_start: datetime
    entered_at: datetime


def retention_cells(
    definition: Retention, events: Sequence[Event], watermark: datetime
) -> dict[Cell, tuple[int, int | None]]:
    """Give (cohort size, returned or None while open) by cell.

    A cell is (dimension, value, start of the cohort, first period of the bucket).
    """
    log = sorted(
        (event for event in events if definition.where(event)),
        key=lambda event: (event["occurred_at"], event["event_id"]),
    )
    parts: dict[str, tuple[Callable[[Event], Any], str]]
    parts = {"all": (lambda event: "all", "start"), **definition.dimensions}
    cells: dict[Cell, tuple[int, int | None]] = {}
    for dimension, (value_of, on) in parts.items():
        entries = list(_entries(definition, log, value_of, on == "both"))
        cohorts = Counter((entry.value, entry.cohort_start) for entry in entries)
        if dimension == "all":
            cohorts.update(dict.fromkeys(_quiet(definition, entries, watermark), 0))
        for (value, start), size in cohorts.items():
            if start >= local_time(watermark, definition.timezone):
                continue
            members = [
                e for e in entries if (e.value, e.cohort_start) == (value, start)
            ]
            for first, last in ((0, 0), *definition.buckets):
                back = sum(
                    first == 0
                    or _is_back(
                        definition,
                        log,
                        member,
                        first,
                        last,
                        watermark,
                        parts[dimension],
                    )
                    for member in members
                )
                mature = _closes(definition, start, last) <= watermark
                cells[dimension, value, start, first] = (size, back if mature else None)
    return cells


def cohort_values(
    definition: Retention, events: Sequence[Event], watermark: datetime, last: int
) -> dict[Cell, tuple[int, Decimal | None, int | None]]:
    """Give (cohort size, revenue so far, payers so far) by cell, None while open."""
    log = sorted(
        (event for event in events if definition.where(event)),
        key=lambda event: (event["occurred_at"], event["event_id"]),
    )
    parts: dict[str, tuple[Callable[[Event], Any], str]]
    parts = {"all": (lambda event: "all", "start"), **definition.dimensions}
    cells: dict[Cell, tuple[int, Decimal | None, int | None]] = {}
    for dimension, (value_of, _) in parts.items():
        entries = list(_entries(definition, log, value_of, per_value=False))
        for value, start in {(entry.value, entry.cohort_start) for entry in entries}:
            if start >= local_time(watermark, definition.timezone):
                continue
            members = [
                e for e in entries if (e.value, e.cohort_start) == (value, start)
            ]
            for number in range(last + 1):
                days = [
                    _days_of_value(definition, log, member, number)
                    for member in members
                ]
                worth = sum((sum(by_day.values()) for by_day in days), Decimal(0))
                payers = sum(any(paid > 0 for paid in one.values()) for one in days)
                mature = _closes(definition, start, number) <= watermark
                cells[dimension, value, start, number] = (
                    len(members),
                    worth if mature else None,
                    payers if mature else None,
                )
    return cells


def _days_of_value(
    definition: Retention, log: Sequence[Event], member: Entry, last: int
) -> dict[date, Decimal]:
    """Give the value of each local day of a member, up to a period after the start."""
    days: dict[date, Decimal] = {}
    for event in log:
        if (
            definition.unit(event) == member.unit
            and definition.returning(event)
            and 0 <= _distance(definition, member, event["occurred_at"]) <= last
        ):
            day = local_time(event["occurred_at"], definition.timezone).date()
            days[day] = days.get(day, Decimal(0)) + Decimal(event["revenue"] or 0)
    return days


def _entries(
    definition: Retention,
    log: Sequence[Event],
    value_of: Callable[[Event], Any],
    per_value: bool,
) -> Iterator[Entry]:
    seen: set[Any] = set()
    for event in log:
        unit = definition.unit(event)
        if unit is None or event["event_name"] not in definition.target_names:
            continue
        matches = definition.target_where(event)
        if not matches and definition.entry != "first_ever":
            continue
        wall_clock = local_time(event["occurred_at"], definition.timezone)
        start = start_of(definition.period, wall_clock, definition.week_start)
        value = value_of(event)
        value = "(none)" if value is None else value
        key: Any = unit
        if definition.entry == "recurring":
            key = (unit, start, value) if per_value else (unit, start)
        if key in seen:
            continue
        seen.add(key)
        if matches:
            yield Entry(unit, value, start, event["occurred_at"])


def _quiet(
    definition: Retention, entries: Sequence[Entry], watermark: datetime
) -> Iterator[tuple[str, datetime]]:
    if not entries:
        return
    start = min(entry.cohort_start for entry in entries)
    taken = {entry.cohort_start for entry in entries}
    while start < local_time(watermark, definition.timezone):
        if start not in taken:
            yield "all", start
        start = next_start(definition.period, start)


def _is_back(
    definition: Retention,
    log: Sequence[Event],
    member: Entry,
    first: int,
    last: int,
    watermark: datetime,
    part: tuple[Callable[[Event], Any], str],
) -> bool:
    value_of, on = part
    counts: Counter[int] = Counter()
    for event in log:
        if definition.unit(event) != member.unit or not definition.returning(event):
            continue
        if on == "both":
            value = value_of(event)
            if ("(none)" if value is None else value) != member.value:
                continue
        if definition.type == "unbounded" and not _has_begun(
            definition, event["occurred_at"], watermark
        ):
            continue
        counts[_distance(definition, member, event["occurred_at"])] += 1
    if definition.type == "bracket":
        return (
            sum(counts[k] for k in range(first, last + 1)) >= definition.min_occurrences
        )
    enough = [k for k, n in counts.items() if n >= definition.min_occurrences]
    if definition.type == "unbounded":
        return any(k >= first for k in enough)
    return first in enough


def _has_begun(definition: Retention, moment: datetime, watermark: datetime) -> bool:
    if definition.clock != "calendar":
        return moment < watermark
    bucket = "hour" if definition.period == "hour" else "day"
    begin = start_of(bucket, local_time(moment, definition.timezone))
    return begin < local_time(watermark, definition.timezone)


def _distance(definition: Retention, member: Entry, moment: datetime) -> int:
    """Give how many periods after the entry a moment lies; negative before it."""
    if definition.clock == "calendar":
        wall_clock = local_time(moment, definition.timezone)
        there = start_of(definition.period, wall_clock, definition.week_start)
        here, distance = member.cohort_start, 0
        while here < there:
            here, distance = next_start(definition.period, here), distance + 1
        return distance if here == there else -1
    entered_at = member.entered_at
    if definition.clock == "rolling_from_hour":
        wall_clock = local_time(entered_at, definition.timezone)
        entered_at -= wall_clock - start_of("hour", wall_clock)
    return (moment - entered_at) // ROLLING[definition.period]


def _closes(definition: Retention, start: datetime, last: int) -> datetime:
    """Give the UTC moment at which a cohort can no longer come back in time."""
    zone = definition.timezone
    if definition.clock == "calendar" or last == 0:
        return utc_time(periods_later(definition.period, start, last + 1), zone)
    end_of_entry = utc_time(next_start(definition.period, start), zone)
    return end_of_entry + (last + 1) * ROLLING[definition.period]
