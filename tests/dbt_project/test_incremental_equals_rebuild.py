"""Any shuffle, duplication and batch split of the same events gives the same marts.

The models are rebuilt by what changed; these tests hold every published row against a
rebuild of the whole, and sessions and active persons against a plain recount.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.dbt_project.identity_oracle import person_of
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

Row = dict[str, Any]

# Figures that people read. Left out: trust.freshness, which tells of loads and files.
MARTS = (
    *("marts.fct_metrics", "marts.fct_sessions", "marts.fct_event_counts"),
    *("marts.dim_persons", "marts.dim_dates", "marts.fct_active_persons_daily"),
    *("marts.dim_person_identities", "trust.refused_identity_links"),
    *("marts.fct_retention", "marts.fct_lifecycle", "marts.fct_stickiness"),
    *("marts.fct_segment_members", "marts.fct_usage_churn", "marts.fct_cohort_ltv"),
    *("marts.fct_segments_daily", "marts.fct_usage_spells"),
    *("marts.fct_funnel_attempts", "marts.fct_funnel_steps", "marts.fct_funnel_times"),
    *("marts.fct_funnel_persons", "marts.fct_funnel_bottlenecks"),
    *("marts.fct_attribution", "marts.fct_attribution_paths"),
    *("marts.fct_orders_daily", "marts.fct_mrr_movements", "marts.fct_mrr_monthly"),
    *("marts.fct_paths", "marts.fct_path_sequences", "marts.fct_referrals"),
    *("marts.fct_referral_members", "marts.fct_viral_coefficient"),
    *("marts.fct_shares", "marts.fct_achievements", "marts.fct_leaderboards"),
    *("marts.fct_geography", "marts.fct_feature_adoption", "marts.fct_performance"),
    *("marts.fct_peer_benchmarks", "marts.fct_role_migrations"),
    *("marts.fct_person_scores", "marts.fct_scores"),
)
START = datetime(2026, 3, 6, 20)
TIMEOUT = timedelta(minutes=30)
LONGEST = timedelta(hours=2)

# Minutes that fall on both sides of midnight, of the timeout and of the longest
# session, over four days around a change to daylight saving and a month's first days.
minutes = st.one_of(
    st.integers(0, 600),
    st.integers(0, 4 * 24 * 4).map(lambda quarter: quarter * 15),
    st.sampled_from((0, 30, 31, 60, 239, 240, 241, 1679, 1680, 1681)),
)

# Two users and what they leave behind: alone, on devices of their own, on one device in
# turns, with an address as id, with nothing but a device, with a text that is no id.
ids = st.tuples(
    st.sampled_from((None, None, "ann", "bob", "Cy@x.org", "cy@x.org", "Guest")),
    st.sampled_from((None, "phone", "kiosk", "kiosk", "laptop")),
).filter(any)
carried_ids = st.sampled_from(((), (), (), ("phone",), ("laptop", "old"), ("bob",)))


def _properties(extra: int, further: tuple[str, ...]) -> str:
    traits = {"$set": {"role": "teacher"}} if extra == 3 else {}
    return json.dumps(traits | ({"$ids": list(further)} if further else {}))


events = st.builds(
    lambda number, minute, who, further, name, platform, campaign, amount, extra: {
        "event_id": f"e{number}",
        "event_name": name,
        "occurred_at": START + timedelta(minutes=minute),
        "received_at": None
        if extra == 0
        else START + timedelta(minutes=minute + extra),
        "user_id": who[0],
        "anonymous_id": who[1],
        "platform": platform,
        "browser": "bot" if extra == 7 and who[0] == "ann" else None,
        "utm_campaign": campaign,
        "revenue": Decimal(amount) if name == "purchase_completed" else None,
        "value": Decimal(amount),
        "properties": _properties(extra, further),
    },
    number=st.integers(0, 18),
    minute=minutes,
    who=ids,
    further=carried_ids,
    name=st.sampled_from(("page_viewed", "signed_up", "purchase_completed", "job_ran")),
    platform=st.sampled_from(("web", "ios", "server")),
    campaign=st.sampled_from((None, None, "spring", "autumn")),
    amount=st.integers(-3, 9),
    extra=st.sampled_from((0, 1, 3, 7, 4000)),
)


@st.composite
def batches(draw: st.DrawFn, *, loads: int = 4, smallest: int = 1) -> list[list[Row]]:
    """Events in up to so many loads; ids repeat, at the same or at another time.

    A single example has three events, if it may.
    """
    log = draw(st.lists(events, min_size=smallest, max_size=30))
    part = st.integers(0, loads - 1)
    parts = draw(st.lists(part, min_size=len(log), max_size=len(log)))
    split: dict[int, list[Row]] = defaultdict(list)
    for part, event in zip(parts, log, strict=True):
        split[part].append(event)
    return [split[part] for part in sorted(split)]


def _published(warehouse: WarehouseOfTest) -> dict[str, list[tuple[Any, ...]]]:
    return {name: warehouse.table(name) for name in MARTS}


def _land_and_build(
    warehouse: WarehouseOfTest, loads: Sequence[Sequence[Row]], *, each: bool
) -> None:
    for number, load in enumerate(loads, start=1):
        warehouse.land(load, load_id=f"2026010{number}T000000000000")
        if each:
            warehouse.build()
    if not each:
        warehouse.build()


def _winners(loads: Sequence[Sequence[Row]]) -> list[Row]:
    """Events by id; where the earliest receipt is ambiguous the model settles it."""
    best: dict[str, Row] = {}
    for event in (event for load in loads for event in load):
        known = best.get(event["event_id"])
        if known is None or _receipt(event) < _receipt(known):
            best[event["event_id"]] = event
    return list(best.values())


def _receipt(event: Row) -> datetime:
    return event["received_at"] or datetime.max


def _is_ambiguous(loads: Sequence[Sequence[Row]]) -> bool:
    copies: dict[str, list[Row]] = defaultdict(list)
    for event in (event for load in loads for event in load):
        copies[event["event_id"]].append(event)
    for same in copies.values():
        first = min(map(_receipt, same))
        firsts = [event for event in same if _receipt(event) == first]
        if any(event != firsts[0] for event in firsts):
            return True
    return False


def _recounted_sessions(
    winners: Sequence[Row],
    person: Callable[[Row], str | None],
    campaigns_cut: bool = False,
) -> list[tuple[str, datetime, int]]:
    """(person, start, events) of each session, one instant after the other."""
    by_person: dict[str, list[Row]] = defaultdict(list)
    for event in winners:
        who = person(event)
        if who and (event["platform"] != "server" or event["anonymous_id"]):
            by_person[who].append(event)
    sessions = []
    for who, log in by_person.items():
        current: list[Row] = []
        campaign = None
        log.sort(key=lambda e: (e["occurred_at"], e["event_id"]))
        for at, its in groupby(log, key=lambda e: e["occurred_at"]):
            instant = list(its)
            if current and at - current[-1]["occurred_at"] > TIMEOUT:
                campaign = None
                sessions.append((who, current))
                current = []
            told = [e["utm_campaign"] for e in instant if e["utm_campaign"]]
            is_cut = campaigns_cut and campaign and told and told[-1] != campaign
            if current and (is_cut or at - current[0]["occurred_at"] > LONGEST):
                sessions.append((who, current))
                current = []
            campaign = told[-1] if told else campaign
            current += instant
        sessions.append((who, current))
    return sorted((who, its[0]["occurred_at"], len(its)) for who, its in sessions)


def _recounted_actives(
    winners: Sequence[Row],
    person: Callable[[Row], str | None],
    local: Callable[[datetime], datetime],
) -> list[tuple[Any, ...]]:
    """(day, DAU, WAU, MAU) of every local day up to the latest event."""
    active = {
        (person(event), local(event["occurred_at"]).date())
        for event in winners
        if person(event)
        and event["event_name"] != "job_ran"
        and event["browser"] != "bot"
    }
    days = [local(event["occurred_at"]).date() for event in winners]
    rows = []
    for offset in range((max(days) - min(days)).days + 1):
        day = min(days) + timedelta(days=offset)
        counts = [
            len({p for p, d in active if day - timedelta(days=window) < d <= day})
            for window in (1, 7, 30)
        ]
        rows.append((day, *counts))
    return rows


def compare_split_with_rebuild(
    warehouse: WarehouseOfTest, catalog: Path, loads: list[list[Row]], zone: str
) -> None:
    """Build load by load; then at once from two loads, reversed, with rows repeated."""
    warehouse.reset()
    warehouse.declare(catalog, reporting_timezone=zone)
    _land_and_build(warehouse, loads, each=True)
    by_load = _published(warehouse)

    warehouse.reset()
    warehouse.declare(catalog, reporting_timezone=zone)
    together = [event for load in reversed(loads) for event in reversed(load)]
    _land_and_build(warehouse, [[*together, *together], together], each=False)
    rebuilt = _published(warehouse)
    for name in MARTS:
        assert by_load[name] == rebuilt[name], f"{name}: load by load / all at once"

    if not _is_ambiguous(loads):
        copies = [event for load in loads for event in load]
        recount(warehouse, _winners(loads), person_of(copies), zone)


def recount(
    warehouse: WarehouseOfTest,
    winners: Sequence[Row],
    person: Callable[[Row], str | None],
    zone: str,
) -> None:
    """Hold persons, sessions and actives against a recount event by event."""
    persons = dict(
        warehouse.rows("select event_id, person_id from intermediate.int_events")
    )
    assert persons == {event["event_id"]: person(event) for event in winners}
    sessions = warehouse.rows(
        "select person_id, started_at, event_count from marts.fct_sessions order by all"
    )
    assert sessions == _recounted_sessions(winners, person)

    def local(moment: datetime) -> datetime:
        aware = moment.replace(tzinfo=ZoneInfo("UTC"))
        return aware.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    actives = warehouse.rows(
        """
        select activity_date, daily_active_persons, weekly_active_persons,
            monthly_active_persons
        from marts.fct_active_persons_daily order by all
        """
    )
    assert actives == _recounted_actives(winners, person, local)


IN_EVERY_RUN = settings(
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def test_any_split_into_loads_gives_the_same_marts(
    warehouse: WarehouseOfTest, catalog: Path
) -> None:
    """In the zone whose clock changes; the campaign has others, and UTC."""

    @settings(IN_EVERY_RUN, max_examples=1)
    @given(loads=batches(loads=2, smallest=16))
    def holds(loads: list[list[Row]]) -> None:
        compare_split_with_rebuild(warehouse, catalog, loads, "America/New_York")

    holds()
    refuse_lost_rows(warehouse)


def _seen(
    number: int, who: str, hours: int, receipt: int = 60, role: str | None = None
) -> Row:
    moment = START + timedelta(hours=hours)
    return {
        "event_id": f"e{number}",
        "event_name": "purchase_completed",
        "occurred_at": moment,
        "received_at": moment + timedelta(minutes=receipt),
        "user_id": who,
        "anonymous_id": None,
        "platform": "web",
        "browser": None,
        "utm_campaign": "spring",
        "revenue": Decimal(9),
        "value": Decimal(9),
        "properties": json.dumps({"$set": {"role": role}} if role else {}),
    }


def test_days_after_the_newest_event_are_forgotten(
    warehouse: WarehouseOfTest, catalog: Path
) -> None:
    """The newest event turns out to be of an earlier day, and time goes on later."""
    loads = [
        [_seen(1, "bob", 0), _seen(2, "ann", 2), _seen(3, "bob", 96)],
        [_seen(3, "bob", 24)],
        [_seen(4, "ann", 30)],
        [_seen(5, "bob", 125)],
    ]
    for count in (2, 4):
        compare_split_with_rebuild(warehouse, catalog, loads[:count], "UTC")


def test_what_persons_are_changes_what_their_earlier_days_tell(
    warehouse: WarehouseOfTest, catalog: Path
) -> None:
    """A property set late, one changed, one that an earlier copy takes away again."""
    loads = [
        [
            *(_seen(1, "ann", 26), _seen(2, "bob", 52)),
            *(_seen(3, "cy@x.org", 78), _seen(4, "bob", 60, role="teacher")),
        ],
        [_seen(5, "ann", 100, role="student"), _seen(6, "ann", 30)],
        [_seen(4, "bob", 60, receipt=1), _seen(7, "ann", 101, role="teacher")],
    ]
    compare_split_with_rebuild(warehouse, catalog, loads, "UTC")


def refuse_lost_rows(warehouse: WarehouseOfTest) -> None:
    """A day that is gone from a table is found by the counts of the others."""
    check = "every_count_reconciles"
    warehouse.dbt("test", "--select", check)
    warehouse.rows(
        "delete from intermediate.int_person_days where activity_date = "
        "(select min(activity_date) from intermediate.int_person_days)"
    )
    warehouse.build(select=("reconciliation",))
    with pytest.raises(AssertionError, match=check):
        warehouse.dbt("test", "--select", check)


def test_sessions_that_campaigns_cut_are_those_of_a_rebuild(
    warehouse: WarehouseOfTest, catalog: Path, tmp_path: Path
) -> None:
    shutil.copytree(catalog, tmp_path / "catalog")
    rules = (tmp_path / "catalog" / "events.yml").read_text()
    cutting = rules.replace("campaign_change: false", "campaign_change: true")
    assert cutting != rules
    (tmp_path / "catalog" / "events.yml").write_text(cutting)

    @settings(IN_EVERY_RUN, max_examples=1)
    @given(loads=batches(loads=2, smallest=16))
    def holds(loads: list[list[Row]]) -> None:
        warehouse.reset()
        warehouse.declare(tmp_path / "catalog")
        for number, load in enumerate(loads, start=1):
            warehouse.land(load, load_id=f"2026010{number}T000000000000")
            warehouse.build(select=("+fct_sessions",))
        by_load = warehouse.table("marts.fct_sessions")
        warehouse.forget_tables()
        warehouse.build(select=("+fct_sessions",))
        assert warehouse.table("marts.fct_sessions") == by_load
        if not _is_ambiguous(loads):
            found = warehouse.rows(
                "select person_id, started_at, event_count "
                "from marts.fct_sessions order by all"
            )
            person = person_of([event for load in loads for event in load])
            assert found == _recounted_sessions(
                _winners(loads), person, campaigns_cut=True
            )

    holds()


@pytest.mark.campaign
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu"])
def test_many_splits_into_loads_give_the_same_marts(
    warehouse: WarehouseOfTest, catalog: Path, zone: str
) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(loads=batches())
    def holds(loads: list[list[Row]]) -> None:
        compare_split_with_rebuild(warehouse, catalog, loads, zone)

    holds()
