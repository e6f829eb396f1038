"""Consent at the door: per purpose, in time, over loads, for every id of an event."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ingestion.landing import LandingResult
from tests.ingestion.landing_home import Home, event, new_home, report_of
from tests.ingestion.privacy.conftest import files_with, plan_of, with_plan

MakeHome = Callable[..., Home]

RULES = """
consent:
  purposes:
    - {name: analytics, default: granted}
    - {name: marketing, default: denied}
  signals:
    - {event: consent_given, grants: [analytics, marketing]}
    - {event: consent_withdrawn, withdraws: [analytics]}
    - {event: consent_changed, properties: {choices.ads: marketing}}
  needs: analytics
  category_needs: {messaging: marketing}
  event_needs: {payment_failed: null, banner_seen: marketing}
events:
  - {name: email_opened, category: messaging}
"""
KEPT = RULES.replace("  needs:", "  without_consent: keep_without_identity\n  needs:")


def at(minute: int, name: str = "page_viewed", **fields: Any) -> dict[str, Any]:
    moment = datetime(2024, 5, 1, 10) + timedelta(minutes=minute)
    fields.setdefault("event_id", f"{name}-{minute}-{fields.get('user_id', 'u1')}")
    return event(event_name=name, occurred_at=f"{moment:%Y-%m-%dT%H:%M:%SZ}", **fields)


def landed_minutes(home: Home, name: str = "page_viewed") -> list[int]:
    return [
        int(row[0])
        for row in home.query(
            "select minute(occurred_at) + 60 * (hour(occurred_at) - 10) from events "
            f"where event_name = '{name}' order by 1"
        )
    ]


def manifests(home: Home) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text("utf-8"))
        for path in sorted(home.lake.glob("events/load=2*/manifest.json"))
    ]


def land(
    home: Home, rows: Sequence[object], name: str = "native/a.jsonl"
) -> LandingResult:
    home.write(name, rows)
    return home.land()


def test_nothing_known_is_the_default_of_the_purpose(private_home: MakeHome) -> None:
    home = private_home(RULES)
    result = land(
        home,
        [at(1), at(2, "email_opened"), at(3, "banner_seen"), at(4, "payment_failed")],
    )
    assert landed_minutes(home) == [1]
    assert landed_minutes(home, "email_opened") == []
    assert landed_minutes(home, "payment_failed") == [4]
    report = report_of(result, "native/a.jsonl")
    assert (report.lines_read, report.landed, report.skipped) == (4, 2, 2)
    assert manifests(home)[0]["skipped_by_reason"] == {"no_consent:marketing": 2}


def test_the_category_as_sent_counts_too(private_home: MakeHome) -> None:
    home = private_home(RULES)
    land(home, [at(1, "sms_sent", category="messaging"), at(2, "sms_sent")])
    assert landed_minutes(home, "sms_sent") == [2]


def test_a_withdrawal_holds_from_its_time_on(private_home: MakeHome) -> None:
    home = private_home(RULES)
    land(home, [at(9), at(4), at(5), at(5, "consent_withdrawn")])
    assert landed_minutes(home) == [4]
    assert landed_minutes(home, "consent_withdrawn") == [5]


def test_a_new_consent_does_not_heal_the_time_of_the_withdrawal(
    private_home: MakeHome,
) -> None:
    home = private_home(RULES)
    rows = [at(i) for i in (1, 6, 11)]
    land(home, [*rows, at(5, "consent_withdrawn"), at(10, "consent_given")])
    assert landed_minutes(home) == [1, 11]


def test_consent_given_later_in_the_same_load_counts(private_home: MakeHome) -> None:
    home = private_home(RULES)
    land(home, [at(1, "banner_seen"), at(9, "banner_seen"), at(3, "consent_given")])
    assert landed_minutes(home, "banner_seen") == [1, 9]


def test_a_property_decides(private_home: MakeHome) -> None:
    home = private_home(RULES)
    yes = (True, "granted", " YES ", 1, "opt_in")
    no = (False, "denied", "maybe", 0, None, "", [True])
    rows = []
    for i, said in enumerate((*yes, *no)):
        user = f"user-{i}"
        properties = {"choices": {"ads": said}}
        rows.append(at(1, "consent_changed", user_id=user, properties=properties))
        rows.append(at(2, "banner_seen", user_id=user))
    land(home, rows)
    kept = home.query("select user_id from events where event_name = 'banner_seen'")
    assert {row[0] for row in kept} == {f"user-{i}" for i in range(len(yes))}


def test_decisions_of_earlier_loads_are_known(private_home: MakeHome) -> None:
    home = private_home(RULES)
    land(home, [at(1), at(5, "consent_withdrawn")])
    land(home, [at(3), at(7), at(8, user_id="u2")], "native/b.jsonl")
    assert landed_minutes(home) == [1, 3, 8]


def test_what_landed_before_the_withdrawal_was_known_stays(
    private_home: MakeHome,
) -> None:
    home = private_home(RULES)
    land(home, [at(1), at(7)])
    land(home, [at(5, "consent_withdrawn"), at(8)], "native/b.jsonl")
    assert landed_minutes(home) == [1, 7]


def test_every_id_of_an_event_can_refuse(private_home: MakeHome) -> None:
    home = private_home(RULES)
    no_user = {"user_id": None, "anonymous_id": "d1"}
    land(
        home,
        [
            at(1, "consent_withdrawn", **no_user),
            at(2, **no_user),
            at(3, anonymous_id="d1"),
            at(4, anonymous_id="d2"),
            at(5, "consent_given", user_id="u2", anonymous_id="d1"),
            at(6, user_id="u2", anonymous_id="d1"),
            at(7, user_id="u3", properties={"$ids": ["d1"]}),
        ],
    )
    # The last one's own ids have not refused; `$ids` link, they do not act.
    assert landed_minutes(home) == [4, 6, 7]


def test_at_one_instant_a_no_counts(private_home: MakeHome) -> None:
    home = private_home(RULES)
    land(home, [at(5, "consent_given"), at(5, "consent_withdrawn"), at(6)])
    assert landed_minutes(home) == []


def test_hashed_ids_are_the_same_persons_in_earlier_loads(
    private_home: MakeHome,
) -> None:
    home = private_home("personal: {user_id: hash, anonymous_id: hash}" + RULES)
    land(home, [at(5, "consent_withdrawn", user_id="Ann@x.com")])
    land(
        home, [at(7, user_id="ann@x.com"), at(8, user_id="bob@x.com")], "native/b.jsonl"
    )
    assert landed_minutes(home) == [8]


def test_kept_without_identity(private_home: MakeHome) -> None:
    home = private_home(KEPT + "personal: {nickname: keep, phone: encrypt}\n")
    fields = {
        "event_id": None,
        "user_id": "ann-the-user",
        "anonymous_id": "the-device",
        "session_id": "the-session",
        "platform": "web",
        "traits": {"email": "ann@x.com"},
        "properties": {
            "$ids": ["older-device"],
            "distinct_id": "alias-of-ann",
            "copy": "ann-the-user",
            "list": [{"who": "the-device"}],
            "ip": "203.0.113.77",
            "phone": "+4712345678",
            "plan": "pro",
            "nickname": "Annie",
        },
    }
    land(home, [at(5, "consent_withdrawn", user_id="ann-the-user"), at(7, **fields)])
    rows = home.query(
        "select user_id, anonymous_id, vendor_session_id, platform, properties "
        "from events where event_name = 'page_viewed'"
    )
    assert rows[0][:4] == (None, None, None, "web")
    assert json.loads(rows[0][4]) == {"plan": "pro", "nickname": "Annie"}
    gone = ["the-device", "the-session", "ann@x.com", "older-device", "alias-of-ann"]
    gone += ["203.0.113", "+47123", "enc:"]
    assert files_with(home.lake, gone) == []
    assert manifests(home)[0]["totals"]["skipped"] == 0


def test_two_events_of_nobody_stay_two(private_home: MakeHome) -> None:
    home = private_home(KEPT)
    rows = [at(3, "banner_seen", user_id=user, event_id=None) for user in ("u1", "u2")]
    land(home, rows)
    assert home.query("select count(*), count(distinct event_id) from events") == [
        (2, 2)
    ]


def test_a_copy_that_lands_again_has_the_same_id(private_home: MakeHome) -> None:
    home = private_home(KEPT)
    row = at(3, "banner_seen", event_id=None)
    land(home, [row])
    land(home, [row, at(4)], "native/b.jsonl")
    assert home.query(
        "select count(*), count(distinct event_id) from events "
        "where event_name = 'banner_seen'"
    ) == [(2, 1)]


def test_dropping_needs_no_key_and_keeping_without_identity_does() -> None:
    assert plan_of(RULES, None).ring is None
    with pytest.raises(ValueError, match="DAYBREAK_PERSONAL_KEYS"):
        plan_of(KEPT, None)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("purposes: [{name: a, default: granted}]\n  needs: b", "'b' is not declared"),
        (
            "purposes: [{name: a, default: granted}]\n  signals: [{event: x}]",
            "decides nothing",
        ),
        (
            "purposes: [{name: a, default: granted}]\n"
            "  signals: [{event: x, grants: [a], withdraws: [a]}]",
            "decides a purpose twice",
        ),
        ("purposes: []", "at least 1"),
    ],
)
def test_rules_that_cannot_hold_are_refused(declared: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        plan_of(f"consent:\n  {declared}\n")


STEPS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["page_viewed", "banner_seen", "consent_given"])
        | st.sampled_from(["consent_withdrawn", "page_viewed"]),
        st.sampled_from(["u1", "u2", None]),
        st.sampled_from(["d1", None]),
    ),
    min_size=1,
    max_size=12,
    unique=True,
)


def has_consent(step: tuple[Any, ...], steps: Sequence[tuple[Any, ...]]) -> bool:
    """Judge one event by the rules, the slow and plain way."""
    minute, name, user, device = step
    if name.startswith("consent"):
        return True
    purpose = "analytics" if name == "page_viewed" else "marketing"
    states = []
    for one, column in ((user, 2), (device, 3)):
        said: dict[int, bool] = {}
        for other in steps:
            decides = other[1] == "consent_given" or (
                other[1] == "consent_withdrawn" and purpose == "analytics"
            )
            if decides and one is not None and one in other[2:4]:
                granted = other[1] == "consent_given"
                said[other[0]] = said.get(other[0], True) and granted
        before = [
            granted for moment, granted in sorted(said.items()) if moment <= minute
        ]
        if before:
            states.append(before[-1])
        elif said and sorted(said.items())[0][1]:
            states.append(True)
        assert column in (2, 3)
    return all(states) if states else purpose == "analytics"


IN_A_HOME = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(steps=STEPS)
@settings(IN_A_HOME, max_examples=6)
def test_consent_is_what_the_plain_rules_say(
    steps: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_consent(steps, tmp_path_factory)


@pytest.mark.campaign
@given(steps=STEPS)
@settings(IN_A_HOME, max_examples=500)
def test_consent_is_what_the_plain_rules_say_many_times(
    steps: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_consent(steps, tmp_path_factory)


def check_consent(
    steps: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Land steps and hold what is kept against the plain rules."""
    home = with_plan(new_home(tmp_path_factory.mktemp("consent")), RULES)
    rows = [
        at(minute, name, user_id=user, anonymous_id=device, event_id=f"e{i}")
        for i, (minute, name, user, device) in enumerate(steps)
    ]
    land(home, rows)
    kept = {row[0] for row in home.query("select event_id from events")}
    expected = {f"e{i}" for i, step in enumerate(steps) if has_consent(step, steps)}
    assert kept == expected
