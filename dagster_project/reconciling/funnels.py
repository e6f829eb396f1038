"""Attempts at funnels and their groups: both engines' word on who came how far.

Persons and sessions are those of the sample. An account has events of other persons
too: some accounts are drawn, and all their events of the newest days are read.
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
from dagster_project.reconciling.declared import Declared, DeclaredFunnel
from dagster_project.reconciling.sample import (
    NEW_ONLY,
    Sample,
    left_out,
    read_account_events,
    rows_of_persons,
)

ATTEMPTS, TOUCHES = "funnels", "funnel_touches"
Found = dict[Thing, dict[str, object]]


@dataclass(frozen=True)
class _Read:
    """Events since an instant; whose they are (by unit), and whom the mart is asked of.

    ``column``: of the mart, that holds one of ``ids``.
    """

    events: Sequence[FunnelEvent]
    since: datetime
    owners: Mapping[str, str]
    column: str
    ids: Sequence[str]
    reason: str | None


def compare_funnel(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    sample: Sample,
    funnel: DeclaredFunnel,
    told: dict[str, KnownSessions],
) -> Iterator[Comparison]:
    """Compare attempts, and of breakdowns by touch whom each unit belongs to."""
    touching = any(one.is_of_touch for one in funnel.rules.breakdowns)
    if funnel.not_recomputed:
        yield left_out(ATTEMPTS, funnel.name, funnel.not_recomputed)
        return
    of_accounts = funnel.rules.counting == "accounts"
    if of_accounts:
        read = _of_accounts(connection, sample, funnel)
    else:
        read = _of_persons(sample, funnel, told)
    recomputed = _by_entry(_attempts(read, funnel, declared.zone))
    found = _by_entry(_attempts_of_mart(connection, funnel, read))
    yield compare(
        *(ATTEMPTS, funnel.name, recomputed, found),
        persons=read.ids,
        reason=read.reason,
    )
    if touching and of_accounts:
        yield left_out(TOUCHES, funnel.name, "the touch may lie in older events")
    elif touching:
        yield _touches(connection, declared.zone, sample, funnel, read)


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
    return _Read(events, sample.read_from, owners, "person_id", persons, reason)


def _of_accounts(
    connection: duckdb.DuckDBPyConnection, sample: Sample, funnel: DeclaredFunnel
) -> _Read:
    events, since = read_account_events(connection, sample.last_day, funnel)
    accounts = sorted({event.unit for event in events})
    owners = {account: account for account in accounts}
    reason = f"of {len(accounts)} accounts, entered since {since.date()}"
    return _Read(events, since, owners, "unit_id", accounts, reason)


# Owner, breakdown, group, unit, entry, the step reached, and when it converted.
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
            )


def _attempts_of_mart(
    connection: duckdb.DuckDBPyConnection, funnel: DeclaredFunnel, read: _Read
) -> list[_Row]:
    owner = "unit_id" if read.column == "unit_id" else "person_id"
    return connection.execute(
        f"select {owner}, breakdown, breakdown_value, unit_id, entered_at, "
        "reached_step, converted_at from marts.fct_funnel_attempts "
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
    found: dict[Thing, list[tuple[int, str]]] = {}
    for owner, name, group, unit, entered_at, reached_step, converted_at in rows:
        told = f"{unit} at {entered_at}"
        thing = (owner, told if name == "all" else f"{told}, {name} {group}")
        found.setdefault(thing, []).append((reached_step, str(converted_at)))
    return {
        thing: {"reached_step and converted_at": sorted(attempts)}
        for thing, attempts in found.items()
    }


def _touches(
    connection: duckdb.DuckDBPyConnection,
    zone: ZoneInfo,
    sample: Sample,
    funnel: DeclaredFunnel,
    read: _Read,
) -> Comparison:
    """Compare the group of every unit that the mart counts.

    Which values are folded into `Other` depends on everybody, and is taken as given.
    """
    rules = funnel.rules
    events = [e for e in read.events if read.owners[e.unit] in sample.whole]
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
    rows = rows_of_persons(
        connection,
        "select person_id, counted_id, breakdown, breakdown_value "
        "from marts.fct_funnel_persons where funnel_name = ? and",
        sorted(sample.whole),
        funnel.name,
    )
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
        persons=sample.whole,
        reason=NEW_ONLY,
    )
