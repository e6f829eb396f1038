"""Referrals: worked cases, and random logs against a reckoning invite by invite.

How a case of kind `viral` becomes a catalog: `cohort_from` and `cohort_to` are the
`range` (the last day belongs to it), `window_days` both windows, `credit` its own;
`invitee` is the property of that name. All cases have one night: their days are moved
so that they have one `as_of`, the watermark of the run.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from tests.dbt_project.funnel_cases import (
    funnel_name,
    moment,
    person_ids,
    read_cases,
)
from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

LOADS = ("20260105T000000000000", "20260106T000000000000")
MODELS = ("+fct_viral_coefficient",)
CHECKS = (
    *("fct_referrals", "fct_referral_members", "fct_viral_coefficient"),
    "referrals_add_up",
)
AS_OF = datetime(2026, 6, 1)


def write_catalog(folder: Path, referrals: list[Any], names: Sequence[str]) -> None:
    (folder / "metrics.yml").write_text("metrics: []\n")
    events = [{"name": name} for name in names]
    (folder / "events.yml").write_text(yaml.safe_dump({"events": events}))
    (folder / "growth.yml").write_text(yaml.safe_dump({"referrals": referrals}))


def test_worked_cases(
    warehouse: WarehouseOfTest, shared_dir: Path, tmp_path: Path
) -> None:
    cases = read_cases(shared_dir / "cases" / "product_analytics" / "viral")
    assert cases
    referrals: list[Any] = []
    rows: list[Row] = []
    for number, case in enumerate(cases):
        params = case["params"]
        shift = AS_OF - datetime.fromisoformat(params["as_of"]).replace(tzinfo=None)
        first = datetime.fromisoformat(params["cohort_from"]) + shift
        last = datetime.fromisoformat(params["cohort_to"]) + shift
        of_case = f"utm_campaign = '{funnel_name(number)}'"
        window = f"{params['window_days']} days"
        referrals.append(
            {
                "name": funnel_name(number),
                "sign_up": {"event": "sign_up", "where": of_case},
                "invite": {"event": "invite_sent", "where": of_case},
                "invitee": "property('invitee')",
                **{"invite_within": window, "accept_within": window},
                "credit": params.get("credit", "first"),
                "range": {"from": first, "to": last + timedelta(days=1)},
            }
        )
        persons = person_ids(case, number)
        for index, event in enumerate(case["events"]):
            invitee = event["properties"].get("invitee")
            if invitee is not None:
                invitee = persons.get(invitee, f"{number}/P_{invitee}")
            rows.append(
                {
                    "event_id": f"{number:04}-{index:05}",
                    "event_name": event["event"],
                    "occurred_at": moment(event["timestamp"]) + shift,
                    "user_id": persons[event["distinct_id"]],
                    "utm_campaign": funnel_name(number),
                    "properties": json.dumps({"invitee": invitee}),
                }
            )
    write_catalog(tmp_path, referrals, ["sign_up", "invite_sent"])
    warehouse.declare(tmp_path, as_of=AS_OF)
    warehouse.land(rows, load_id=LOADS[0])
    warehouse.build(select=MODELS)
    warehouse.dbt("test", "--select", *CHECKS, "--exclude", "test_type:unit")
    columns = {
        "cohort_size": "cohort_size",
        "invites": "invite_count",
        "conversions": "credited_count",
        "invites_per_user": "invites_per_person",
        "conversion_rate": "invite_conversion_rate",
        "k": "viral_coefficient",
        "median_cycle_days": "median_cycle_days",
        "mature": "is_mature",
    }
    for number, case in enumerate(cases):
        [found] = warehouse.rows(
            f"select {', '.join(columns.values())} from marts.fct_viral_coefficient "
            f"where referral_name = '{funnel_name(number)}' and period = 'range'"
        )
        told = dict(zip(columns, found, strict=True))
        expected = {key: case["expected"].get(key, told[key]) for key in columns}
        assert told == pytest.approx(expected, abs=1e-6, nan_ok=True), case["id"]


# --- a reckoning of its own --------------------------------------------------------

START = datetime(2026, 1, 5)
REFERRALS: list[dict[str, Any]] = [
    {
        "name": "named",
        "sign_up": {"event": "sign_up"},
        "invite": {"event": "invite_sent"},
        "invitee": "property('invitee')",
        "invite_within": "6 days",
        "accept_within": "4 days",
        "periods": ["day", "week", "month"],
        "rewards": {"event": "rewarded"},
    },
    {
        "name": "keyed",
        "sign_up": {"event": "sign_up"},
        "invite": {"event": "invite_sent"},
        "accepted": {"event": "accepted"},
        "key": "property('key')",
        "invite_within": "8 days",
        "accept_within": "3 days",
        "credit": "last",
        "range": {"from": START + timedelta(days=2), "to": START + timedelta(days=9)},
    },
]


@dataclass
class Invite:
    """One invite and whom it invites."""

    event_id: str
    inviter: str
    at: datetime
    invitee: str | None
    key: str | None
    outcome: str = ""


def random_log(rng: random.Random, persons: int) -> list[Row]:
    """Sign-ups on some hours of 20 days, invites before and after, shared keys."""
    log: list[Row] = []

    def add(name: str, person: int, at: datetime, **told: Any) -> None:
        log.append(
            {
                "event_id": f"e{rng.randrange(10**9):09}-{len(log)}",
                "event_name": name,
                "occurred_at": at,
                "user_id": f"u{person:03}",
                "value": told.pop("value", None),
                "properties": json.dumps(told),
            }
        )

    def some_time() -> datetime:
        return START + timedelta(hours=6 * rng.randrange(80))

    for person in range(persons):
        for _ in range(rng.choice((0, 1, 1, 1, 1, 2))):
            add("sign_up", person, some_time())
        for _ in range(rng.choice((0, 1, 2, 4, 6))):
            invitee = f"u{rng.randrange(persons):03}"
            key = f"k{rng.randrange(persons * 2)}"
            add("invite_sent", person, some_time(), invitee=invitee, key=key)
        if rng.random() < 0.5:
            add("accepted", person, some_time(), key=f"k{rng.randrange(persons * 2)}")
        if rng.random() < 0.3:
            add("rewarded", person, some_time(), value=Decimal(rng.randrange(900)) / 10)
    return log


def sign_ups(log: Sequence[Row]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for event in log:
        if event["event_name"] == "sign_up":
            at = found.get(event["user_id"], datetime.max)
            found[event["user_id"]] = min(at, event["occurred_at"])
    return found


def invites_of(log: Sequence[Row], spec: dict[str, Any]) -> list[Invite]:
    found = []
    for event in log:
        if event["event_name"] != "invite_sent":
            continue
        told = json.loads(event["properties"])
        common = (event["event_id"], event["user_id"], event["occurred_at"])
        if "invitee" in spec:
            found.append(Invite(*common, told["invitee"], None))
            continue
        accepted = {
            other["user_id"]
            for other in log
            if other["event_name"] == "accepted"
            and json.loads(other["properties"])["key"] == told["key"]
        }
        found += [Invite(*common, one, told["key"]) for one in accepted or {None}]
    return sorted(found, key=lambda one: (one.at, one.event_id))


def days(text: str) -> timedelta:
    return timedelta(days=int(text.split()[0]))


def flaw_of(invite: Invite, joined: dict[str, datetime], within: timedelta) -> str:
    own, theirs = joined.get(invite.inviter), joined.get(invite.invitee or "")
    if invite.invitee == invite.inviter:
        return "self_invite"
    if theirs and theirs < invite.at:
        return "existing_user"
    if theirs and theirs == own and (invite.invitee or "") < invite.inviter:
        return "existing_user"
    if own is None or invite.at < own:
        return "inviter_not_signed_up"
    return "late_invite" if invite.at >= own + within else ""


def reckoned(log: Sequence[Row], spec: dict[str, Any], as_of: datetime) -> list[Invite]:
    """Judge every invite by looking through all others."""
    log = [event for event in log if event["occurred_at"] < as_of]
    joined, accept = sign_ups(log), days(spec["accept_within"])
    invites = invites_of(log, spec)
    seen: set[tuple[str, str | None]] = set()
    came: dict[str, list[Invite]] = defaultdict(list)
    for invite in invites:
        invite.outcome = flaw_of(invite, joined, days(spec["invite_within"]))
        if invite.outcome:
            continue
        pair = (invite.inviter, invite.invitee or invite.key)
        theirs = joined.get(invite.invitee or "")
        if pair in seen:
            invite.outcome = "repeat"
        elif theirs and theirs < invite.at + accept:
            came[invite.invitee or ""].append(invite)
        elif theirs:
            invite.outcome = "late_sign_up"
        else:
            invite.outcome = "open" if invite.at + accept > as_of else "expired"
        seen.add(pair)
    for rivals in came.values():
        last = spec.get("credit") == "last"
        best = rivals[-1] if last else rivals[0]
        for invite in rivals:
            invite.outcome = "credited" if invite is best else "other_inviter"
    return invites


def depth(person: str, children: dict[str, list[str]]) -> int:
    below = [1 + depth(child, children) for child in children.get(person, [])]
    return max(below, default=0)


def cohorts_of(
    log: Sequence[Row], spec: dict[str, Any], as_of: datetime
) -> dict[tuple[str, datetime], tuple[Any, ...]]:
    """Give (size, referred, invites, credited, depth, rewards, K, cycle) of cohorts."""
    invites = reckoned(log, spec, as_of)
    log = [event for event in log if event["occurred_at"] < as_of]
    joined = sign_ups(log)
    credited = [one for one in invites if one.outcome == "credited"]
    brought = {one.invitee or "": one.inviter for one in credited}
    children: dict[str, list[str]] = defaultdict(list)
    for child, parent in brought.items():
        children[parent].append(child)
    counted = ("credited", "other_inviter", "open", "expired", "late_sign_up")
    members: dict[tuple[str, datetime, datetime], list[str]] = defaultdict(list)
    span = spec.get("range", {"from": datetime.min, "to": datetime.max})
    for person, at in joined.items():
        if not span["from"] <= at < span["to"]:
            continue
        day = at.replace(hour=0)
        week, month = day - timedelta(days=day.weekday()), day.replace(day=1)
        ends = {
            "day": (day, day + timedelta(days=1)),
            "week": (week, week + timedelta(days=7)),
            "month": (month, (month + timedelta(days=32)).replace(day=1)),
        }
        for period in spec.get("periods", ["week"]):
            members[period, *ends[period]].append(person)
        if "range" in spec:
            members["range", span["from"], span["to"]].append(person)
    found = {}
    windows = days(spec["invite_within"]) + days(spec["accept_within"])
    for (period, start, end), cohort in members.items():
        sent = {
            i.event_id for i in invites if i.outcome in counted and i.inviter in cohort
        }
        won = [one for one in credited if one.inviter in cohort]
        cycles = [
            (joined[one.invitee or ""] - joined[one.inviter]) / timedelta(days=1)
            for one in won
        ]
        rewards = sum(
            (
                e["value"]
                for e in log
                if e["event_name"] == "rewarded" and e["user_id"] in cohort
            ),
            Decimal(0),
        )
        mature = end + windows <= as_of
        found[period, start] = (
            *(len(cohort), sum(one in brought for one in cohort), len(sent), len(won)),
            max(depth(person, children) for person in cohort),
            rewards if "rewards" in spec else Decimal(0),
            len(won) / len(cohort) if mature else None,
            median(cycles) if cycles else None,
        )
    return found


@pytest.mark.parametrize(
    "seed",
    [1, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(2, 21))],
)
def test_random_invites_that_come_late_give_the_reckoned_cohorts(
    warehouse: WarehouseOfTest, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    log = random_log(rng, 90)
    as_of = START + timedelta(days=rng.choice((15, 18, 21)))
    write_catalog(
        tmp_path, REFERRALS, ["sign_up", "invite_sent", "accepted", "rewarded"]
    )
    warehouse.declare(tmp_path, as_of=as_of)
    late = {rng.randrange(len(log)) for _ in range(40)}
    for number, load_id in enumerate(LOADS):
        part = [e for index, e in enumerate(log) if (index in late) == bool(number)]
        warehouse.land(part, load_id=load_id)
        warehouse.build(select=MODELS)
    warehouse.dbt("test", "--select", *CHECKS, "--exclude", "test_type:unit")
    for spec in REFERRALS:
        outcomes = warehouse.rows(
            "select invite_id, invitee_id, outcome from marts.fct_referrals "
            f"where referral_name = '{spec['name']}'"
        )
        invites = reckoned(log, spec, as_of)
        assert len({one.outcome for one in invites}) >= 5
        assert sorted(outcomes, key=str) == sorted(
            ((one.event_id, one.invitee, one.outcome) for one in invites), key=str
        )
        cohorts = {
            row[:2]: row[2:]
            for row in warehouse.rows(
                "select period, period_start, cohort_size, referred_count, "
                "invite_count, credited_count, tree_depth, reward_amount, "
                "viral_coefficient, median_cycle_days "
                "from marts.fct_viral_coefficient "
                f"where referral_name = '{spec['name']}'"
            )
        }
        assert cohorts == cohorts_of(log, spec, as_of)
