"""Lifecycle, stickiness, segments and usage churn, recounted person by person and day.

Plain Python from the meaning: every day is judged by itself, from the set of days
somebody was active on. What becomes of one person, the second engine tells. It shares
nothing with the SQL, which keeps spans.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from dagster_project.analysis.reconciliation.lifecycle import statuses_of
from dagster_project.analysis.reconciliation.periods import (
    next_start,
    periods_later,
    start_of,
)
from dagster_project.analysis.reconciliation.segments import Thresholds, segment_of
from tests.dbt_project.cohort_oracle import Event, Predicate, local_time

SEGMENTS = ("new", "at_risk", "power", "engaged", "casual", "dormant")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Activity:
    """Who was active when: the events that count, by whom, and in which zone."""

    counts: Predicate
    unit: Callable[[Event], str | None]
    timezone: str
    week_start: str

    def periods(self, events: Sequence[Event], period: str) -> dict[str, set[datetime]]:
        """Give the starts of the periods in which each unit was active."""
        found: dict[str, set[datetime]] = {}
        for event in events:
            unit = self.unit(event)
            if unit is not None and self.counts(event):
                wall_clock = local_time(event["occurred_at"], self.timezone)
                start = start_of(period, wall_clock, self.week_start)
                found.setdefault(unit, set()).add(start)
        return found

    def days(
        self, events: Sequence[Event], watermark: datetime
    ) -> dict[str, set[date]]:
        """Give active days that have begun at the watermark, by unit."""
        now = local_time(watermark, self.timezone)
        return {
            unit: days
            for unit, starts in self.periods(events, "day").items()
            if (days := {start.date() for start in starts if start < now})
        }


def spine(
    first: datetime, period: str, watermark: datetime, zone: str
) -> Iterator[tuple[datetime, bool]]:
    """Give each period's start up to the watermark, and whether it is over."""
    now = local_time(watermark, zone)
    while first < now:
        yield first, next_start(period, first) <= now
        first = next_start(period, first)


def lifecycle(
    activity: Activity, events: Sequence[Event], period: str, watermark: datetime
) -> dict[datetime, tuple[int, int, int, int | None]]:
    """Give (new, returning, resurrecting, dormant or None while open) by period."""
    active = activity.periods(events, period)
    if not active:
        return {}
    kinds = Counter(
        told
        for starts in active.values()
        for told in statuses_of(starts, period).items()
    )
    first = min(min(starts) for starts in active.values())
    return {
        start: (
            *(kinds[start, one] for one in ("new", "returning", "resurrecting")),
            kinds[start, "dormant"] if is_over else None,
        )
        for start, is_over in spine(first, period, watermark, activity.timezone)
    }


def stickiness(
    activity: Activity,
    events: Sequence[Event],
    interval: str,
    last: int | None,
    within: str | None,
    watermark: datetime,
) -> dict[tuple[datetime, datetime], dict[int, int]]:
    """Give persons by exact number of active intervals, by (start, end) of window."""
    active = activity.periods(events, interval)
    if not active:
        return {}
    first = start_of(
        within or interval,
        min(min(starts) for starts in active.values()),
        activity.week_start,
    )
    histograms: dict[tuple[datetime, datetime], dict[int, int]] = {}
    for start, _ in spine(first, within or interval, watermark, activity.timezone):
        end = next_start(within or interval, start)
        begin = start if within else _earlier(interval, start, (last or 1) - 1)
        counts = Counter(
            sum(begin <= one < end for one in starts) for starts in active.values()
        )
        histograms[begin, end] = {k: n for k, n in counts.items() if k and n}
    return histograms


def _earlier(period: str, start: datetime, count: int) -> datetime:
    if period != "month":
        return start - (periods_later(period, start, count) - start)
    for _ in range(count):
        start = (start - DAY).replace(day=1)
    return start


def segments_by_day(
    active: Mapping[str, Set[date]],
    seen: Mapping[str, Set[date]],
    last_day: date,
    limits: Thresholds,
) -> dict[tuple[str, date], str]:
    """Give the segment of every person and day from the one they were seen first."""
    found = {}
    for unit, days in seen.items():
        day = min(days)
        while day <= last_day:
            found[unit, day] = segment_of(
                active.get(unit, set()), min(days), day, limits
            )
            day += DAY
    return found


def churn_days(active: Set[date], churn: int, now: datetime) -> set[date]:
    """Give the days on which somebody churned, of those that are over."""
    found = set()
    for day in active:
        quiet = all(day + n * DAY not in active for n in range(1, churn + 1))
        end = datetime.combine(day + (churn + 1) * DAY, datetime.min.time())
        if quiet and end <= now:
            found.add(day + churn * DAY)
    return found


def usage_churn(
    active: Mapping[str, Set[date]],
    start: date,
    end: date,
    churn: int,
    now: datetime,
) -> tuple[int, int]:
    """Give (persons in use at the start, those of them who churned before the end)."""
    base = [
        days
        for days in active.values()
        if any(start - churn * DAY <= day < start for day in days)
    ]
    gone = [
        days
        for days in base
        if any(start <= day < end for day in churn_days(days, churn, now))
    ]
    return len(base), len(gone)


def moved(by_day: Mapping[tuple[str, date], str]) -> Counter[Any]:
    """Give movements (day, from, to) and how many made them."""
    counts: Counter[Any] = Counter()
    for (unit, day), segment in by_day.items():
        before = by_day.get((unit, day - DAY), "(none)")
        if before != segment:
            counts[day, before, segment] += 1
    return counts
