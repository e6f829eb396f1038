"""Some of the accounts, or others, that definitions count in the place of persons.

An account has events of persons who are not in the sample, and nothing but its events
tells which: all events of the newest days are searched, as many days as are cheap. Here
belong that search, and who of them was there before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import duckdb

from dagster_project.analysis.reconciliation.funnel_steps import FunnelEvent
from dagster_project.reconciling.declared import Declared, DeclaredFunnel
from dagster_project.reconciling.declared_cohorts import DeclaredSeries
from dagster_project.reconciling.sample import READ_DAYS, Sample, within_bounds
from dagster_project.reconciling.sample_events import (
    Sighted,
    events_of,
    funnel_event,
    sightings_of,
    told_of,
)

# Half of them new, if there are as many among the candidates.
ACCOUNTS = 40
CANDIDATES = 200
MOST_EVENTS = 5_000
# Searching so many for a property of theirs takes 0.1 s of processor time.
MOST_SEARCHED = 150_000


@dataclass(frozen=True)
class Accounts:
    """Accounts with the events of all their persons, and what these are to each funnel.

    An account that is whole has no older event that a cohort, a lifecycle or a segment
    counts.
    """

    sighted: Sighted
    funnel_events: Mapping[str, Sequence[FunnelEvent]]


def read_accounts(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    sample: Sample,
    unit: str,
) -> Accounts:
    """Draw accounts by a hash of their names, and read their events of the newest days.

    ``unit``: SQL of the account of an event.
    """
    first_day = _first_day(connection, sample.last_day)
    candidates = _seen_since(connection, first_day, unit)
    older = _seen_before(connection, declared, first_day, unit, candidates)
    half = ACCOUNTS // 2
    new = [one for one in candidates if one not in older][:half]
    drawn = [*new, *(one for one in candidates if one in older)][:ACCOUNTS]
    definitions = declared.definitions_of(unit)
    rows = events_of(connection, definitions, first_day, unit, drawn)
    kept = within_bounds(drawn, Counter(row[12] for row in rows), MOST_EVENTS)
    rows = [row for row in rows if row[12] in kept]
    told = list(told_of(rows, definitions))
    return Accounts(
        Sighted(
            unit=unit,
            noun="accounts",
            read_from=datetime.combine(first_day, time()),
            watermark=sample.watermark,
            units=[one for one in drawn if one in kept],
            whole=kept - older,
            series={
                one.key: sightings_of(one, its)
                for one, its in told
                if isinstance(one, DeclaredSeries)
            },
        ),
        funnel_events={
            one.name: [funnel_event(row, parts) for row, parts in its]
            for one, its in told
            if isinstance(one, DeclaredFunnel)
        },
    )


def _first_day(connection: duckdb.DuckDBPyConnection, last_day: date) -> date:
    """Give the day since which there are few enough events; the last one always."""
    counts = connection.execute(
        "select event_date, count(*) from intermediate.int_events "
        "where event_date > ? group by event_date order by event_date desc",
        [last_day - timedelta(days=READ_DAYS)],
    ).fetchall()
    first, events = last_day, 0
    for day, count in counts:
        events += count
        if events > MOST_SEARCHED:
            break
        first = day
    return first


def _seen_since(
    connection: duckdb.DuckDBPyConnection, first_day: date, unit: str
) -> list[str]:
    rows = connection.execute(
        f"select account from (select distinct cast({unit} as varchar) as account "
        "from intermediate.int_events "
        "left join intermediate.int_person_properties using (person_id) "
        "where event_date >= ?) as seen where account is not null "
        "order by hash(account), account limit ?",
        [first_day, CANDIDATES],
    ).fetchall()
    return [account for (account,) in rows]


def _seen_before(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    first_day: date,
    unit: str,
    accounts: Sequence[str],
) -> set[str]:
    """Give who has older events that a cohort, a lifecycle or a segment counts."""
    keys = unit_keys(connection, declared, unit, accounts)
    rows = connection.execute(
        "select distinct unit_key from intermediate.int_cohort_days "
        "where event_date < ? and list_contains(?, unit_key)",
        [first_day, list(keys)],
    ).fetchall()
    return {keys[key] for (key,) in rows}


def unit_keys(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    unit: str,
    ids: Sequence[str],
) -> dict[int, str]:
    """Give persons or accounts by the numbers that the warehouse counts them by."""
    return dict(
        connection.execute(
            "select unit_key, unit_id from intermediate.int_cohort_units "
            "where unit_source = md5(?) and list_contains(?, unit_id)",
            [f"{unit}|{declared.event_rules}", list(ids)],
        ).fetchall()
    )
