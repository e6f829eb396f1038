"""What the second engine says of a few events each, checked by eye."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
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
    SessionRules,
    session_figures,
    sessions_of,
)

NEW_YORK = ZoneInfo("America/New_York")
READ_FROM = datetime(2026, 3, 1)
START = datetime(2026, 3, 7, 4)


def event(minutes: float, name: str = "page", **told: bool) -> SampleEvent:
    at = START + timedelta(minutes=minutes)
    is_view = name == "page"
    return SampleEvent(str(at), "p", at, name, is_page_view=is_view, **told)


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
    told = sessions_of(list(map(event, minutes)), rules, NEW_YORK, read_from=READ_FROM)
    assert [len(session.events) for session in told.sessions] == sizes


def test_a_session_that_may_have_begun_earlier_is_left_out() -> None:
    events = [event(0), event(20), event(60)]
    read_from = START - timedelta(minutes=10)
    told = sessions_of(events, SessionRules(), NEW_YORK, read_from=read_from)
    assert told.known_from == events[2].at
    assert [session.events for session in told.sessions] == [(events[2],)]


def test_servers_open_no_session_and_a_lone_page_bounces() -> None:
    events = [event(0), event(1, "billed", is_of_server=True)]
    [session] = sessions_of(
        events, SessionRules(), NEW_YORK, read_from=READ_FROM
    ).sessions
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
