"""Attempts at funnels and their groups: both engines' word on who came how far.

Persons and sessions are those of the sample, accounts are drawn by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from dagster_project.analysis.reconciliation.comparing import (
    Comparison,
    Figures,
    Thing,
    compare,
)
from dagster_project.analysis.reconciliation.funnel_steps import FunnelEvent
from dagster_project.analysis.reconciliation.funnels import (
    NO_VALUE,
    Attempt,
    attempts_by_group,
    attempts_of,
    touches_of,
)
from dagster_project.analysis.reconciliation.sessions import KnownSessions
from dagster_project.reconciling.accounts import Accounts
from dagster_project.reconciling.declared import Declared, DeclaredFunnel
from dagster_project.reconciling.sample import (
    NEW_ONLY,
    Sample,
    left_out,
)

ATTEMPTS, TOUCHES = "funnels", "funnel_touches"
Found = dict[Thing, dict[str, object]]


@dataclass(frozen=True)
class _Read:
    """Events since an instant; whose they are (by unit), and whom the mart is asked of.

    ``column``: of the mart, that holds one of ``ids``. ``whole``: those of them whose
    first and last touch are known.
    """

    events: Sequence[FunnelEvent]
    since: datetime
    owners: Mapping[str, str]
    column: str
    ids: Sequence[str]
    whole: Sequence[str]
    reason: str | None
    reason_of_touches: str


def compare_funnel(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    sample: Sample,
    funnel: DeclaredFunnel,
    told: dict[str, KnownSessions],
    accounts: Accounts | None,
) -> Iterator[Comparison]:
    """Compare attempts, and of breakdowns by touch whom each unit belongs to.

    ``accounts``: those whom the funnel counts; None: it counts others.
    """
    if funnel.not_recomputed:
        yield left_out(ATTEMPTS, funnel.name, funnel.not_recomputed)
        return
    if accounts is not None:
        read = _of_accounts(connection, funnel, accounts)
    else:
        read = _of_persons(sample, funnel, told)
    recomputed = _by_entry(_attempts(read, funnel, declared.zone))
    found = _by_entry(_attempts_of_mart(connection, funnel, read))
    yield compare(
        *(ATTEMPTS, funnel.name, recomputed, found),
        persons=read.ids,
        reason=read.reason,
    )
    if any(one.is_of_touch for one in funnel.rules.breakdowns):
        yield _touches(connection, declared.zone, funnel, read)


def _of_persons(
    sample: Sample, funnel: DeclaredFunnel, told: dict[str, KnownSessions]
) -> _Read:
    """Give the events of persons, or of their sessions."""
    rules = funnel.rules
    persons = [
        person.person_id
        for person in sample.persons
        if person.is_whole or not rules.needs_whole_life
    ]
    events = [e for e in sample.funnel_events[funnel.name] if e.unit in set(persons)]
    owners = {person: person for person in persons}
    if rules.counting == "sessions":
        session_of = {
            event.event_id: (session.session_id, person)
            for person, known in told.items()
            for session in known.sessions
            for event in session.events
        }
        owners |= dict(session_of.values())
        events = [
            replace(event, unit=session_of[event.event_id][0])
            for event in events
            if event.event_id in session_of
        ]
    reason = NEW_ONLY if rules.needs_whole_life else None
    return _Read(
        events=events,
        since=sample.read_from,
        owners=owners,
        column="person_id",
        ids=persons,
        whole=sorted(sample.whole),
        reason=reason,
        reason_of_touches=NEW_ONLY,
    )


def _of_accounts(
    connection: duckdb.DuckDBPyConnection, funnel: DeclaredFunnel, accounts: Accounts
) -> _Read:
    """Give the events of accounts; whoever was touched before is not whole."""
    its = accounts.sighted
    ids, since = list(its.units), its.read_from
    older = connection.execute(
        "select distinct unit_id from intermediate.int_funnel_touches "
        "where funnel_name = ? and touched_at < ? and list_contains(?, unit_id)",
        [funnel.name, since, ids],
    ).fetchall()
    whole = sorted(set(ids) - {account for (account,) in older})
    return _Read(
        events=accounts.funnel_events[funnel.name],
        since=since,
        owners={one: one for one in ids},
        column="unit_id",
        ids=ids,
        whole=whole,
        reason=f"of {len(ids)} accounts, entered since {since.date()}",
        reason_of_touches="of accounts without an older touch",
    )


# Owner, breakdown, group, unit, entry, the step reached, when it converted, its worth.
_Row = tuple[Any, ...]


def _attempts(read: _Read, funnel: DeclaredFunnel, zone: ZoneInfo) -> Iterator[_Row]:
    rules = funnel.rules
    runs: list[tuple[str, list[tuple[str, Attempt]]]] = [
        ("all", [("all", one) for one in attempts_of(read.events, rules, zone)])
    ]
    for place, breakdown in enumerate(rules.breakdowns):
        if not breakdown.is_of_touch:
            found = attempts_by_group(read.events, rules, zone, place)
            runs.append((breakdown.name, found))
    for name, attempts in runs:
        for group, one in attempts:
            is_converted = one.reached_step == rules.steps
            yield (
                *(read.owners[one.unit], name, group, one.unit, one.times[0]),
                *(one.reached_step, one.times[-1] if is_converted else None),
                one.worth,
            )


def _attempts_of_mart(
    connection: duckdb.DuckDBPyConnection, funnel: DeclaredFunnel, read: _Read
) -> list[_Row]:
    owner = "unit_id" if read.column == "unit_id" else "person_id"
    return connection.execute(
        f"select {owner}, breakdown, breakdown_value, unit_id, entered_at, "
        "reached_step, converted_at, conversion_value from marts.fct_funnel_attempts "
        "where funnel_name = ? and entry_date >= ? and entered_at >= ? "
        f"and list_contains(?, {read.column})",
        [
            funnel.name,
            read.since.date() - timedelta(days=1),
            read.since,
            list(read.ids),
        ],
    ).fetchall()


def _by_entry(rows: Iterable[_Row]) -> Figures:
    """Give the attempts of a unit at an instant; several where values are held."""
    found: dict[Thing, list[tuple[int, str, str]]] = {}
    for owner, name, group, unit, entered_at, reached_step, *converted in rows:
        at, worth = converted
        entry = f"{unit} at {entered_at}"
        thing = (owner, entry if name == "all" else f"{entry}, {name} {group}")
        told = (reached_step, str(at), "" if worth is None else f"{worth:.6f}")
        found.setdefault(thing, []).append(told)
    return {
        thing: {"reached_step, converted_at and worth": sorted(attempts)}
        for thing, attempts in found.items()
    }


def _touches(
    connection: duckdb.DuckDBPyConnection,
    zone: ZoneInfo,
    funnel: DeclaredFunnel,
    read: _Read,
) -> Comparison:
    """Compare the group of every unit that the mart counts.

    Which values are folded into `Other` depends on everybody, and is taken as given.
    """
    rules = funnel.rules
    whole = set(read.whole)
    events = [e for e in read.events if read.owners[e.unit] in whole]
    group_names = {
        (breakdown, value): name
        for breakdown, value, name in connection.execute(
            "select breakdown, breakdown_value, group_name "
            "from intermediate.int_funnel_groups where funnel_name = ?",
            [funnel.name],
        ).fetchall()
    }
    touches = {
        one.name: touches_of(events, rules, zone, place)
        for place, one in enumerate(rules.breakdowns)
        if one.is_of_touch
    }
    recomputed: Found = {}
    found: Found = {}
    owner = "counted_id" if read.column == "unit_id" else "person_id"
    rows = connection.execute(
        f"select {owner}, counted_id, breakdown, breakdown_value "
        f"from marts.fct_funnel_persons where funnel_name = ? "
        f"and list_contains(?, {owner})",
        [funnel.name, list(read.whole)],
    ).fetchall()
    for person, counted, breakdown, group in rows:
        if breakdown in touches:
            found[person, f"{counted}, {breakdown}"] = {"group": group}
        elif breakdown == "all":
            unit = person if rules.counting == "totals" else counted
            for name, values in touches.items():
                value = values.get(unit, NO_VALUE)
                recomputed[person, f"{counted}, {name}"] = {
                    "group": group_names.get((name, value), value)
                }
    return compare(
        *(TOUCHES, funnel.name, recomputed, found),
        persons=read.whole,
        reason=read.reason_of_touches,
    )
