"""Worked cases of identities and sessions, through landed rows, catalog and marts.

How the parameters of a case become a catalog:

| kind              | catalog                                                          |
|-------------------|------------------------------------------------------------------|
| sessionize        | sessions: timeout_seconds, max_session_seconds,                  |
|                   | cut_at_midnight, cut_on_campaign_change; settings: time zone     |
| identity_graph    | identity: junk_ids (`blocked`), max_ids_per_person; ids with a   |
|                   | prefix of `unique` are user ids, of `lower` written in small     |
| snowplow_sessions | sessions: mode vendor, requires_page_view, max_session_seconds,  |
|                   | heartbeat; identity: stitching last_user_of_device;              |
|                   | days_late_allowed                                                |
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from dagster_project.analysis.reconciliation.events import SampleEvent, by_person
from dagster_project.analysis.reconciliation.sessions import SessionRules, sessions_of
from tests.dbt_project.funnel_cases import person_ids
from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

Case = dict[str, Any]


def cases_of(folder: Path, kind: str) -> list[Case]:
    files = (folder / "cases" / "product_analytics" / "sessions_identity").glob("*")
    cases = [json.loads(path.read_text()) for path in sorted(files)]
    found = [case for case in cases if case["kind"] == kind]
    assert found
    return found


def build(
    warehouse: WarehouseOfTest,
    folder: Path,
    rows: list[Row],
    rules: dict[str, Any],
    *,
    zone: str = "UTC",
    models: tuple[str, ...] = ("+fct_sessions", "+dim_persons"),
) -> None:
    """Declare a catalog, land rows and build models with all they need."""
    (folder / "metrics.yml").write_text("metrics: []\n")
    (folder / "events.yml").write_text(yaml.safe_dump({"policy": "allow", **rules}))
    warehouse.reset()
    warehouse.declare(folder, reporting_timezone=zone)
    warehouse.land(rows, load_id="20260105T000000000000")
    warehouse.build(select=models)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def test_sessionize_cases(
    warehouse: WarehouseOfTest, shared_dir: Path, tmp_path: Path
) -> None:
    """Those given and one variation."""
    for case in [*cases_of(shared_dir, "sessionize"), varied_sessions(0)]:
        hold_sessions(warehouse, case, tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(1, 9))
def test_many_variations_of_sessions(
    warehouse: WarehouseOfTest, tmp_path: Path, seed: int
) -> None:
    hold_sessions(warehouse, varied_sessions(seed), tmp_path)


def hold_sessions(warehouse: WarehouseOfTest, case: Case, folder: Path) -> None:
    """Compare the number of each event's session among those of its person."""
    params = case["params"]
    rules = {
        "timeout_seconds": params.get("timeout_seconds") or 1_800,
        "max_session_seconds": params.get("max_session_seconds") or 604_800,
        "cut_at_midnight": params.get("cut_at_midnight") or False,
        "cut_on_campaign_change": params.get("cut_on_campaign_change") or False,
    }
    persons = person_ids(case, 0)
    build(
        warehouse,
        folder,
        [sessionize_row(event, persons) for event in case["events"]],
        {"sessions": rules},
        zone=params.get("timezone") or "UTC",
        models=("+int_sessions",),
    )
    index_of = dict(
        warehouse.rows(
            """
            select event_id, dense_rank() over (
                partition by person_id order by session_started_at
            )
            from intermediate.int_events
            inner join intermediate.int_session_days using (person_key, event_date)
            where occurred_at between first_at and last_at and not is_of_server
            """
        )
    )
    # What a server reports on its own lies in no session.
    found = [index_of.get(event["event_id"]) for event in case["events"]]
    assert found == case["expected"]["session_index"], case["id"]


def varied_sessions(seed: int) -> Case:
    """Give a random case; its answer comes from a walk along each person's events."""
    draw = random.Random(seed)
    params = {
        "timeout_seconds": draw.choice((600, 1_800)),
        "max_session_seconds": draw.choice((None, 3_600, 7_200)),
        "cut_at_midnight": draw.random() < 0.5,
        "cut_on_campaign_change": draw.random() < 0.7,
        "timezone": draw.choice(("UTC", "US/Pacific", "Asia/Kathmandu")),
    }
    events = []
    at = datetime(2020, 3, 7)
    for number in range(80):
        at += timedelta(
            seconds=draw.choice((0, 60, 599, 600, 601, 1_800, 1_801, 9_000))
        )
        told = {
            "utm_campaign": draw.choice((None, None, "", "spring", "summer")),
            "platform": draw.choice(("web", "web", "server")),
        }
        events.append(
            {
                "event_id": f"e{number:03}",
                "distinct_id": draw.choice(("u", "v", "w")),
                "event": "page",
                "timestamp": f"{at.isoformat()}.000000Z",
                "properties": {
                    key: one for key, one in told.items() if one is not None
                },
            }
        )
    persons = [{"person_id": "P", "distinct_ids": ["u", "v"]}]
    case: Case = {"id": f"varied_{seed}", "params": params, "persons": persons}
    case["events"] = events
    case["expected"] = {"session_index": session_index(case)}
    return case


def session_index(case: Case) -> list[int | None]:
    params, persons = case["params"], person_ids(case, 0)
    rules = SessionRules(
        timeout=timedelta(seconds=params["timeout_seconds"]),
        longest=timedelta(seconds=params["max_session_seconds"] or 604_800),
        cuts_at_midnight=params["cut_at_midnight"],
        cuts_on_campaign=params["cut_on_campaign_change"],
    )
    told = by_person(
        SampleEvent(
            event["event_id"],
            persons[event["distinct_id"]],
            moment(event["timestamp"]),
            event["event"],
            is_of_server=event["properties"]["platform"] == "server",
            campaign=event["properties"].get("utm_campaign") or None,
        )
        for event in case["events"]
    )
    index: dict[str, int] = {}
    for events in told.values():
        known = sessions_of(
            events,
            rules,
            ZoneInfo(params["timezone"]),
            read_from=datetime(2020, 1, 1),
            is_whole=True,
        )
        for number, session in enumerate(known.sessions, start=1):
            index |= {event.event_id: number for event in session.events}
    return [index.get(event["event_id"]) for event in case["events"]]


def sessionize_row(event: dict[str, Any], persons: dict[str, str]) -> Row:
    return {
        "event_id": event["event_id"],
        "event_name": event["event"],
        "occurred_at": moment(event["timestamp"]),
        "user_id": persons[event["distinct_id"]],
        **{
            key: value
            for key, value in event["properties"].items()
            if key in ("utm_campaign", "platform", "device_type")
        },
    }


def test_identity_graph_cases(
    warehouse: WarehouseOfTest, shared_dir: Path, tmp_path: Path
) -> None:
    for case in cases_of(shared_dir, "identity_graph"):
        params = case["params"]
        blocked = blocked_ids(case)
        identity = {
            "junk_ids": sorted(blocked),
            "max_ids_per_person": params.get("max_ids_per_person", 100),
        }
        unique = texts(params.get("unique", "user:"))
        build(
            warehouse,
            tmp_path,
            [identity_row(event, unique, blocked) for event in case["events"]],
            {"identity": identity},
            models=("+dim_person_identities",),
        )
        expected = {
            frozenset(written_small(one, params) for one in group if one not in blocked)
            for group in case["expected"]["groups"]
        }
        assert set(groups(warehouse)) == expected - {frozenset()}, case["id"]


def blocked_ids(case: Case) -> set[str]:
    """Give the ids of a case that never link, with their prefix or without."""
    values = texts(case["params"].get("blocked", ()))
    ids = {one for event in case["events"] for one in event["properties"]["ids"]}
    return {one for one in ids if {one, one.partition(":")[2]} & {*values}}


def written_small(one: str, params: dict[str, Any]) -> str:
    return one.lower() if one.startswith(texts(params.get("lower", ()))) else one


def texts(found: Any) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else tuple(found or ())


def identity_row(
    event: dict[str, Any], unique: tuple[str, ...], blocked: set[str]
) -> Row:
    """Give an event its first user id, its first other id, and the rest as `$ids`."""
    ids = event["properties"]["ids"]
    user = next((one for one in ids if one.startswith(unique)), None)
    others = [one for one in ids if not one.startswith(unique)]
    device = min(others, key=lambda one: one in blocked, default=None)
    rest = [one for one in ids if one not in (user, device)]
    return {
        "event_id": event["event_id"],
        "event_name": event["event"],
        "occurred_at": moment(event["timestamp"]),
        "user_id": user,
        "anonymous_id": device,
        "properties": json.dumps({"$ids": rest}),
    }


def groups(warehouse: WarehouseOfTest) -> Iterator[frozenset[str]]:
    """All ids by person; an id without a link stands alone."""
    rows = warehouse.rows(
        """
        select list(identity)
        from (
            select seen.identity, coalesce(linked.person_id, seen.identity) as person
            from (
                select identity from intermediate.int_identity_sightings
                union
                select identity from intermediate.int_identities
            ) as seen
            left join intermediate.int_identities as linked
                on seen.identity = linked.identity
        )
        group by person
        """
    )
    for (members,) in rows:
        yield frozenset(members)


def test_snowplow_session_cases(
    warehouse: WarehouseOfTest, shared_dir: Path, tmp_path: Path
) -> None:
    for case in cases_of(shared_dir, "snowplow_sessions"):
        build(
            warehouse,
            tmp_path,
            [snowplow_row(event) for event in case["events"]],
            snowplow_rules(case["params"]),
        )
        found = warehouse.rows(
            """
            select sessions.session_id, sessions.started_at, sessions.ended_at,
                sessions.anonymous_id,
                -- Snowplow stitches by device only: none, no stitched user.
                case when sessions.anonymous_id is not null then persons.user_id end,
                sessions.page_view_count, sessions.event_count,
                sessions.engaged_seconds
            from marts.fct_sessions as sessions
            left join marts.dim_persons as persons using (person_id)
            """
        )
        expected = [
            (
                session["session_id"],
                moment(session["start"]),
                moment(session["end"]),
                session["device_id"],
                session["stitched_user_id"],
                session["page_views"],
                session["total_events"],
                session["engaged_seconds"],
            )
            for session in case["expected"]["sessions"]
        ]
        assert sorted(found) == sorted(expected), case["id"]


def snowplow_rules(params: dict[str, Any]) -> dict[str, Any]:
    return {
        "events": [
            {"name": "page_view", "description": "A page was opened."},
            {"name": "page_ping", "description": "It is still in use."},
        ],
        "page_view_events": ["page_view"],
        "days_late_allowed": params["days_late_allowed"],
        "identity": {"stitching": "last_user_of_device"},
        "sessions": {
            "mode": "vendor",
            "requires_page_view": True,
            "max_session_seconds": params["max_session_days"] * 86_400,
            "heartbeat": {
                "events": ["page_ping"],
                "interval_seconds": params["heartbeat_seconds"],
                "minimum_visit_seconds": params["min_visit_seconds"],
            },
        },
    }


def snowplow_row(event: dict[str, Any]) -> Row:
    properties = event["properties"]
    return {
        "event_id": event["event_id"],
        "event_name": event["event"],
        "occurred_at": moment(properties["derived_timestamp"]),
        "received_at": moment(event["timestamp"]),
        "user_id": properties["user_id"],
        "anonymous_id": properties["device_id"],
        "vendor_session_id": properties["session_id"],
        "properties": json.dumps({"$page_view_id": properties["page_view_id"]}),
    }
