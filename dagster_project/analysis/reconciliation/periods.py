"""Hours, days, weeks and months of a wall clock, and how many lie between two times.

Only their arithmetic belongs here; what time a zone's clock shows, `events` tells.
"""

from __future__ import annotations

from datetime import datetime, timedelta

WEEKDAYS = (
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
)
# What a period lasts on the rolling clock; by the calendar, months differ.
LENGTHS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}


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
    return start + LENGTHS[period]


def periods_later(period: str, start: datetime, count: int) -> datetime:
    """Give the start of the period so many after the one that starts here."""
    for _ in range(count):
        start = next_start(period, start)
    return start


def periods_between(period: str, earlier: datetime, later: datetime) -> int:
    """Give how many periods one start lies after another; negative before it."""
    if period == "month":
        return (later.year - earlier.year) * 12 + later.month - earlier.month
    return (later - earlier) // LENGTHS[period]
