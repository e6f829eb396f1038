"""The events that the second engine reckons with, and what is known of a person.

Only the shapes belong here, and the order of events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class SampleEvent:
    """One event of a person, without copies; ``at`` is UTC without a zone mark.

    ``is_excluded``: of a robot or of one's own people. ``is_of_server``: reported by a
    server, without a device. ``client_session``: what the client calls its session.
    ``person_key``: the warehouse's number for the person.
    """

    event_id: str
    person_id: str
    at: datetime
    name: str
    is_excluded: bool = False
    is_activity: bool = True
    is_page_view: bool = False
    is_of_server: bool = False
    page_view_id: str | None = None
    campaign: str | None = None
    client_session: str | None = None
    revenue: Decimal | None = None
    person_key: int | None = None


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """A person of the sample, whose events are known from an instant on.

    ``is_whole``: no event of the person lies before it.
    """

    person_id: str
    is_whole: bool


def by_person(events: Iterable[SampleEvent]) -> dict[str, list[SampleEvent]]:
    """Give each person's events in the total order: by instant, then by id."""
    found: dict[str, list[SampleEvent]] = defaultdict(list)
    for event in sorted(events, key=lambda one: (one.at, one.event_id)):
        found[event.person_id].append(event)
    return dict(found)


def local_time(at: datetime, zone: ZoneInfo) -> datetime:
    """Give the wall clock of a zone, without a zone mark, for an instant of UTC."""
    return at.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)


def local_date(at: datetime, zone: ZoneInfo) -> date:
    """Give the day of a zone in which an instant of UTC lies."""
    return local_time(at, zone).date()
