"""Sessions of one person, by walking along the events.

A session ends where no event comes for longer than the timeout; where it would be
longer than allowed, the next event begins another. What happens at one instant is not
divided. Where the client gives sessions their ids, what bears one id is one session.
Here belongs that walk.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from dagster_project.analysis.reconciliation.events import SampleEvent, local_date


@dataclass(frozen=True)
class SessionRules:
    """The declared rules of sessions, by the names of the catalog."""

    timeout: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=24)
    are_of_client: bool = False
    cuts_at_midnight: bool = False
    cuts_on_campaign: bool = False
    requires_page_view: bool = False
    heartbeats: frozenset[str] = frozenset()
    minimum_visit: timedelta = timedelta(seconds=5)


@dataclass(frozen=True)
class Session:
    """The events of one session, in order.

    It bears the id that the client gave it, else the number of the person and the
    microsecond of the first event.
    """

    session_id: str
    events: tuple[SampleEvent, ...]

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
    is_whole: bool,
) -> KnownSessions:
    """Give a person's sessions; ``events`` in order, all since ``read_from``.

    ``is_whole``: there are none before. Of a session of the client it matters: it may
    have begun at any time.
    """
    if not rules.are_of_client:
        return _visits_of(events, rules, zone, read_from)
    if not is_whole:
        return KnownSessions((), None)
    return KnownSessions(tuple(_sessions_of_client(events, rules)), read_from)


def _sessions_of_client(
    events: Sequence[SampleEvent], rules: SessionRules
) -> Iterator[Session]:
    """What bears one id is one session; what comes after the cap lies in none."""
    by_id: dict[str, list[SampleEvent]] = defaultdict(list)
    for event in events:
        if event.client_session is not None:
            its = by_id[event.client_session]
            if not its or event.at - its[0].at <= rules.longest:
                its.append(event)
    for session_id, its in by_id.items():
        yield Session(session_id, tuple(its))


def _visits_of(
    events: Sequence[SampleEvent],
    rules: SessionRules,
    zone: ZoneInfo,
    read_from: datetime,
) -> KnownSessions:
    """Walk along a person's events.

    Whatever came before, an event opens a session when nothing lies within the timeout
    before it: all before the first such event is left out.
    """
    sessions: list[list[SampleEvent]] = []
    known_from: datetime | None = None
    campaign: str | None = None
    last = read_from
    placed = (event for event in events if not event.is_of_server)
    for at, its in groupby(placed, key=lambda event: event.at):
        moment = list(its)
        opens = at - last > rules.timeout
        last = at
        if known_from is None and not opens:
            continue
        known_from = known_from or at
        campaign = None if opens else campaign
        if opens or _is_cut(sessions[-1], moment, campaign, rules, zone):
            sessions.append([])
        sessions[-1].extend(moment)
        campaign = _campaign_of(moment) or campaign
    return KnownSessions(
        tuple(Session(_session_id(its[0]), tuple(its)) for its in sessions), known_from
    )


def _session_id(first: SampleEvent) -> str:
    since = first.at - datetime(1970, 1, 1)
    return f"{first.person_key}-{since // timedelta(microseconds=1)}"


def _campaign_of(moment: Sequence[SampleEvent]) -> str | None:
    """Give the last campaign of what happened at one instant, which is not divided."""
    return next((one.campaign for one in reversed(moment) if one.campaign), None)


def _is_cut(
    current: Sequence[SampleEvent],
    moment: Sequence[SampleEvent],
    campaign: str | None,
    rules: SessionRules,
    zone: ZoneInfo,
) -> bool:
    """Say whether what comes within the timeout begins another session all the same.

    ``campaign``: the last one known since somebody came, whatever was cut meanwhile.
    """
    at = moment[0].at
    if at - current[0].at > rules.longest:
        return True
    its = _campaign_of(moment)
    if rules.cuts_on_campaign and campaign and its not in (None, campaign):
        return True
    same_day = local_date(current[-1].at, zone) == local_date(at, zone)
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
