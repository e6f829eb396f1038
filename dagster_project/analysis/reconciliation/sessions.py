"""Sessions of one person, by walking along the events.

A session ends where no event comes for longer than the timeout; where it would be
longer than allowed, the next event begins another. Here belongs that walk. Sessions
whose ids the client gives, and the cut at a change of campaign, are not recomputed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dagster_project.analysis.reconciliation.events import SampleEvent, local_date


@dataclass(frozen=True)
class SessionRules:
    """The declared rules of sessions, by the names of the catalog."""

    timeout: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=24)
    cuts_at_midnight: bool = False
    requires_page_view: bool = False
    heartbeats: frozenset[str] = frozenset()
    minimum_visit: timedelta = timedelta(seconds=5)


@dataclass(frozen=True)
class Session:
    """The events of one session, in order; it bears the id of the first."""

    events: tuple[SampleEvent, ...]

    @property
    def session_id(self) -> str:
        """The id of the session's first event."""
        return self.events[0].event_id

    def started_at(self, rules: SessionRules) -> datetime:
        """When it began: a first heartbeat tells of a page opened a while before."""
        first = self.events[0]
        is_late = first.name in rules.heartbeats
        return first.at - (rules.minimum_visit if is_late else timedelta(0))


@dataclass(frozen=True)
class KnownSessions:
    """Sessions that can be told from a part of a person's events.

    ``known_from``: what ended before it may have begun with events that are not known;
    None where no session can be told.
    """

    sessions: tuple[Session, ...]
    known_from: datetime | None


def sessions_of(
    events: Sequence[SampleEvent],
    rules: SessionRules,
    zone: ZoneInfo,
    *,
    read_from: datetime,
) -> KnownSessions:
    """Walk along a person's events (in order), all that are there since ``read_from``.

    Whatever came before, an event opens a session when nothing lies within the timeout
    before it: all before the first such event is left out.
    """
    placed = [event for event in events if not event.is_of_server]
    sessions: list[Session] = []
    current: list[SampleEvent] = []
    known_from: datetime | None = None
    last = read_from
    for event in placed:
        opens = event.at - last > rules.timeout
        last = event.at
        if known_from is None and not opens:
            continue
        known_from = known_from or event.at
        if current and (opens or _is_cut(current, event, rules, zone)):
            sessions.append(Session(tuple(current)))
            current = []
        current.append(event)
    if current:
        sessions.append(Session(tuple(current)))
    return KnownSessions(tuple(sessions), known_from)


def _is_cut(
    current: Sequence[SampleEvent],
    event: SampleEvent,
    rules: SessionRules,
    zone: ZoneInfo,
) -> bool:
    if event.at - current[0].at > rules.longest:
        return True
    same_day = local_date(current[-1].at, zone) == local_date(event.at, zone)
    return rules.cuts_at_midnight and not same_day


def session_figures(session: Session, rules: SessionRules) -> dict[str, object] | None:
    """Give what is told of a session; None where it takes a page view and has none."""
    first, last = session.events[0], session.events[-1]
    beats = sum(event.name in rules.heartbeats for event in session.events)
    views = _page_views(session, rules)
    if rules.requires_page_view and not views:
        return None
    seconds = (last.at - first.at).total_seconds()
    return {
        "started_at": session.started_at(rules),
        "ended_at": last.at,
        "event_count": len(session.events),
        "page_view_count": views,
        "is_bounce": views == 1 and seconds < 10 and len(session.events) - beats <= 1,
    }


def _page_views(session: Session, rules: SessionRules) -> int:
    """Count page views: by their own ids where heartbeats carry them too."""
    if not rules.heartbeats:
        return sum(event.is_page_view for event in session.events)
    seen = {
        event.page_view_id
        for event in session.events
        if event.is_page_view or event.name in rules.heartbeats
    }
    return len(seen - {None})
