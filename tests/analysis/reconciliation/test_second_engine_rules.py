"""What the second engine says of a few events each, checked by eye."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dagster_project.analysis.reconciliation.comparing import compare
from dagster_project.analysis.reconciliation.days import days_of, life_figures
from dagster_project.analysis.reconciliation.events import SampleEvent
from dagster_project.analysis.reconciliation.mrr import movements_of
from dagster_project.analysis.reconciliation.segments import (
    Span,
    Thresholds,
    spans_of,
)
from dagster_project.analysis.reconciliation.sessions import (
    KnownSessions,
    SessionRules,
    session_figures,
    sessions_of,
)

NEW_YORK = ZoneInfo("America/New_York")
READ_FROM = datetime(2026, 3, 1)
START = datetime(2026, 3, 7, 4)


def event(minutes: float, name: str = "page", **told: Any) -> SampleEvent:
    at = START + timedelta(minutes=minutes)
    is_view = name == "page"
    return SampleEvent(str(at), "p", at, name, is_page_view=is_view, **told)


def told_of(
    events: list[SampleEvent],
    rules: SessionRules,
    *,
    read_from: datetime = READ_FROM,
    is_whole: bool = False,
) -> KnownSessions:
    return sessions_of(events, rules, NEW_YORK, read_from=read_from, is_whole=is_whole)


@pytest.mark.parametrize(
    ("minutes", "rules", "sizes"),
    [
        # Exactly the timeout stays.
        ((0, 30, 60.001), SessionRules(), [2, 1]),
        # Longer than the cap: the next event begins another.
        ((0, 29, 58, 87), SessionRules(longest=timedelta(hours=1)), [3, 1]),
        # Midnight of New York is 5:00 UTC, and cuts only if it is told to.
        ((50, 70), SessionRules(), [2]),
        ((50, 70), SessionRules(cuts_at_midnight=True), [1, 1]),
    ],
)
def test_where_sessions_end(
    minutes: tuple[float, ...], rules: SessionRules, sizes: list[int]
) -> None:
    told = told_of(list(map(event, minutes)), rules)
    assert [len(session.events) for session in told.sessions] == sizes


@pytest.mark.parametrize(
    ("campaigns", "sizes"),
    [
        ((None, "x", None, "x"), [4]),
        # No campaign is no other campaign; another one is, whatever lies between.
        (("x", None, "y", "y", "x"), [2, 2, 1]),
    ],
)
def test_another_campaign_begins_a_session(
    campaigns: tuple[str | None, ...], sizes: list[int]
) -> None:
    events = [event(n, campaign=one) for n, one in enumerate(campaigns)]
    told = told_of(events, SessionRules(cuts_on_campaign=True))
    assert [len(session.events) for session in told.sessions] == sizes
    [whole] = told_of(events, SessionRules()).sessions
    assert len(whole.events) == len(events)


def test_a_campaign_is_forgotten_when_somebody_comes_anew() -> None:
    """Else what a session is would depend on events of long ago."""
    events = [event(0, campaign="x"), event(60), event(61, campaign="y")]
    told = told_of(events, SessionRules(cuts_on_campaign=True))
    assert [len(session.events) for session in told.sessions] == [1, 2]


def test_the_client_names_its_sessions() -> None:
    """One id is one session, up to the cap; who is not new may have begun earlier."""
    rules = SessionRules(are_of_client=True, longest=timedelta(hours=2))
    names = ((0, "s"), (5, "t"), (100, "s"), (110, None), (121, "s"))
    events = [event(at, client_session=name) for at, name in names]
    told = told_of(events, rules, is_whole=True)
    assert {one.session_id: len(one.events) for one in told.sessions} == {
        "s": 2,
        "t": 1,
    }
    assert told_of(events, rules).known_from is None


def test_a_session_that_may_have_begun_earlier_is_left_out() -> None:
    events = [event(0), event(20), event(60)]
    read_from = START - timedelta(minutes=10)
    told = told_of(events, SessionRules(), read_from=read_from)
    assert told.known_from == events[2].at
    assert [session.events for session in told.sessions] == [(events[2],)]


def test_servers_open_no_session_and_a_lone_page_bounces() -> None:
    events = [event(0), event(1, "billed", is_of_server=True)]
    [session] = told_of(events, SessionRules()).sessions
    figures = session_figures(session, SessionRules())
    assert figures is not None
    assert figures["is_bounce"] is True
    assert figures["event_count"] == 1


def test_robots_are_no_life() -> None:
    events = [event(0, is_excluded=True), event(59), event(61, is_activity=False)]
    figures = life_figures(days_of(events, NEW_YORK))
    assert figures["first_seen_at"] == events[1].at
    assert figures["first_seen_on"] == date(2026, 3, 6)
    assert figures["last_seen_on"] == date(2026, 3, 7)
    assert figures["active_day_count"] == 1


def test_a_customer_who_comes_back_is_not_new() -> None:
    months = [date(2026, month, 1) for month in (1, 2, 3, 4, 5)]
    worth = map(Decimal, (10, 10, 0, 5, 7))
    moved = movements_of(zip(months, worth, strict=True))
    assert [one.movement for one in moved.values()] == [
        *("new", "churn", "reactivation", "expansion"),
    ]


def test_segments_follow_one_another() -> None:
    limits = Thresholds(7, 2, 5, 2, 3, Decimal("0.5"), 30)
    day = date(2026, 3, 1)
    days = {day, day + timedelta(days=1)}
    spans = spans_of(days, days, day + timedelta(days=8), limits)
    assert spans == [
        Span("new", day, date(2026, 3, 3)),
        Span("engaged", date(2026, 3, 3), date(2026, 3, 8)),
        Span("casual", date(2026, 3, 8), date(2026, 3, 9)),
        Span("at_risk", date(2026, 3, 9), None),
    ]


def test_what_one_side_lacks_differs() -> None:
    ours = {("p", "a"): {"n": 1, "share": 0.5}, ("p", "b"): {"n": 2}}
    theirs = {("p", "a"): {"n": 1, "share": 0.5 + 1e-9}, ("q", "c"): {"n": None}}
    found = compare("area", "all", ours, theirs, persons=["p", "q"])
    assert (found.figures, found.differing, found.persons) == (4, 2, 2)
    assert [one.person_id for one in found.examples] == ["p", "q"]
