"""Days of persons, and what their whole life adds up to.

Here belong counts per local day and per person; sessions and funnels have modules of
their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from dagster_project.analysis.reconciliation.events import SampleEvent, local_date

PersonDays = dict[date, list[SampleEvent]]


def days_of(events: Sequence[SampleEvent], zone: ZoneInfo) -> PersonDays:
    """Give a person's events by local day, without those of robots and own people."""
    found: PersonDays = defaultdict(list)
    for event in events:
        if not event.is_excluded:
            found[local_date(event.at, zone)].append(event)
    return dict(found)


def day_figures(events: Sequence[SampleEvent]) -> dict[str, object]:
    """Give what is told of one day of a person; the events are in order."""
    return {
        "event_count": len(events),
        "activity_event_count": sum(event.is_activity for event in events),
        "first_event_at": events[0].at,
        "last_event_at": events[-1].at,
        "revenue": _revenue(events),
    }


def last_seen_figures(days: PersonDays) -> dict[str, object]:
    """Give what the newest events alone tell of a person."""
    newest = days[max(days)]
    return {"last_seen_at": newest[-1].at, "last_seen_on": max(days)}


def life_figures(days: PersonDays) -> dict[str, object]:
    """Give what is told of a person of whom every event is known."""
    events = [event for day in sorted(days) for event in days[day]]
    active = [day for day, its in days.items() if any(one.is_activity for one in its)]
    return {
        **last_seen_figures(days),
        "first_seen_at": events[0].at,
        "first_seen_on": min(days),
        "first_active_on": min(active, default=None),
        "last_active_on": max(active, default=None),
        "active_day_count": len(active),
        "event_count": len(events),
        "revenue": _revenue(events),
    }


def _revenue(events: Sequence[SampleEvent]) -> Decimal:
    return sum((event.revenue or Decimal(0) for event in events), Decimal(0))
