"""The segment of one person on one day, from the set of days of activity.

Here belongs the rule, and the spans of days that follow from it; which events are
activity is told with them.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of a segmentation."""

    window_days: int
    new_days: int
    power_days: int
    engaged_days: int
    idle_days: int
    frequency_drop: Decimal
    churn_days: int


def segment_of(
    active: Set[date], first_seen: date, day: date, limits: Thresholds
) -> str:
    """Give the one segment of a person on a day."""
    if (day - first_seen).days < limits.new_days:
        return "new"
    width = timedelta(days=limits.window_days)
    recent = sum(day - width < one <= day for one in active)
    before = sum(day - 2 * width < one <= day - width for one in active)
    if before >= limits.engaged_days:
        latest = max(one for one in active if one <= day)
        is_idle = (day - latest).days >= limits.idle_days
        if is_idle or recent <= before * limits.frequency_drop:
            return "at_risk"
    if recent >= limits.power_days:
        return "power"
    if recent >= limits.engaged_days:
        return "engaged"
    return "casual" if recent else "dormant"


@dataclass(frozen=True)
class Span:
    """Days of one segment; `ended_on` is the first day of the next, None: it lasts."""

    segment: str
    started_on: date
    ended_on: date | None


def spans_of(
    active: Set[date], seen: Set[date], last_day: date, limits: Thresholds
) -> list[Span]:
    """Judge every day from the one somebody was seen first, and join equal ones."""
    begun = {day for day in active if day <= last_day}
    starts: list[tuple[date, str]] = []
    day = min(seen, default=last_day + timedelta(days=1))
    first = day
    while day <= last_day:
        segment = segment_of(begun, first, day, limits)
        if not starts or starts[-1][1] != segment:
            starts.append((day, segment))
        day += timedelta(days=1)
    ends = [started_on for started_on, _ in starts[1:]]
    return [
        Span(segment, started_on, ended_on)
        for (started_on, segment), ended_on in zip(starts, [*ends, None], strict=True)
    ]
