"""Events of some persons or accounts, and what each of them is to every definition.

Here belong the queries and the shapes; who is drawn, and how many, belongs to `sample`
and `accounts`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from dagster_project.analysis.reconciliation.events import SampleEvent
from dagster_project.analysis.reconciliation.funnel_steps import FunnelEvent
from dagster_project.analysis.reconciliation.retention import Sighting
from dagster_project.reconciling.declared import (
    Declared,
    DeclaredAttribution,
    DeclaredBook,
    DeclaredFunnel,
)
from dagster_project.reconciling.declared_cohorts import DeclaredSeries

# Who has more is left out.
MOST_EVENTS_OF_A_UNIT = 500

Definition = DeclaredFunnel | DeclaredAttribution | DeclaredBook | DeclaredSeries
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Sighted:
    """Persons, or others that ``unit`` (SQL) counts, and their events since an instant.

    ``whole``: of whom every event was read. ``noun``: what they are called.
    """

    unit: str
    noun: str
    read_from: datetime
    watermark: datetime
    units: Sequence[str]
    whole: Set[str]
    series: Mapping[str, Mapping[str, Sequence[Sighting]]]

    @property
    def new_only(self) -> str:
        """What is said of figures that take somebody's whole life."""
        since = "" if self.noun == "persons" else f", since {self.read_from.date()}"
        return f"of {self.noun} who are new only{since}"

    def sightings_of(self, series: DeclaredSeries, unit: str) -> Sequence[Sighting]:
        """Give someone's events of a series, in no order."""
        return self.series[series.key].get(unit, ())


def told_of(
    rows: Sequence[Row], definitions: Sequence[Definition]
) -> Iterator[tuple[Definition, list[tuple[Row, Row]]]]:
    """Give, by definition, the events it may count and what each of them is to it."""
    start = PLAIN
    for one in definitions:
        end = start + len(one.columns)
        yield (
            one,
            [
                (row, row[start:end])
                for row in rows
                if one.includes_excluded or not row[4]
            ],
        )
        start = end


# Columns of an event before those of its definitions.
PLAIN = 14


def events_of(
    connection: duckdb.DuckDBPyConnection,
    definitions: Sequence[Definition],
    first_day: date,
    unit: str,
    ids: Sequence[str],
) -> list[Row]:
    """Read events of the ids that the SQL ``unit`` gives, and one more than is allowed.

    A row has `PLAIN` columns, then those of every definition.
    """
    columns = "".join(f", {sql}" for one in definitions for sql in one.columns)
    return connection.execute(
        f"""
        select
            event_id, person_id, occurred_at, event_name, is_bot or is_internal,
            platform, anonymous_id is not null or device_type is not null,
            json_extract_string(properties, '$."$page_view_id"'), revenue, event_date,
            utm_campaign, vendor_session_id, {unit}, person_key
            {columns}
        from (
            select *
            from intermediate.int_events
            left join intermediate.int_person_properties using (person_id)
            where event_date >= ? and list_contains(?, {unit})
            qualify row_number() over (partition by {unit} order by occurred_at)
            <= {MOST_EVENTS_OF_A_UNIT + 1}
        ) as events
        """,
        [first_day, list(ids)],
    ).fetchall()


def with_foreign_sessions(
    connection: duckdb.DuckDBPyConnection, rows: Sequence[Row], first_day: date
) -> set[str]:
    """Give who has a session of the client that not all is read of.

    Another person bears its id too, or it began before the first day.
    """
    persons = {row[11]: row[1] for row in rows if row[11] is not None}
    foreign = connection.execute(
        """
        select vendor_session_id
        from intermediate.int_events
        where event_date >= ? and list_contains(?, vendor_session_id)
        group by vendor_session_id
        having count(distinct person_id) > 1
        union
        select session_id
        from intermediate.int_sessions
        where session_start_date < ? and list_contains(?, session_id)
        """,
        [first_day, list(persons), first_day, list(persons)],
    ).fetchall()
    shared = {session for (session,) in foreign}
    return {row[1] for row in rows if row[11] in shared}


def sample_event(row: Row, declared: Declared) -> SampleEvent:
    """Give what an event is to sessions and days."""
    event_id, person, at, name, is_excluded, platform, has_device, view = row[:8]
    return SampleEvent(
        event_id=event_id,
        person_id=person,
        at=at,
        name=name,
        is_excluded=is_excluded,
        is_activity=declared.activities.get(name, True),
        is_page_view=name in declared.page_views,
        is_of_server=(platform or "") in declared.server_platforms and not has_device,
        page_view_id=view,
        campaign=row[10],
        client_session=row[11],
        revenue=row[8],
        person_key=row[13],
    )


def funnel_event(row: Row, parts: Row) -> FunnelEvent:
    """Give what an event is to a funnel."""
    steps, firsts, exclusions, held, is_taken, groups, worth = parts
    return FunnelEvent(
        event_id=row[0],
        unit=row[12],
        at=row[2],
        steps=_places(steps, 1),
        first_of=_places(firsts, 1),
        exclusions=_places(exclusions, 0),
        held=tuple(held),
        is_taken=is_taken,
        groups=tuple(map(_group_of, groups)),
        worth=worth,
    )


def _group_of(values: Sequence[str | None]) -> str | None:
    """Give the value of a breakdown; of several values a list, unless none is known."""
    if len(values) == 1:
        return values[0]
    if all(value is None for value in values):
        return None
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


def sightings_of(
    series: DeclaredSeries, told: Sequence[tuple[Row, Row]]
) -> dict[str, list[Sighting]]:
    """Give the events of a series by whom they count for."""
    found: dict[str, list[Sighting]] = defaultdict(list)
    for row, (is_taken, *parts) in told:
        if is_taken:
            is_match = parts[0] if series.match else True
            value = parts[-1] if series.group else "all"
            found[row[12]].append(Sighting(row[2], row[0], is_match, value))
    return found


def _places(flags: Sequence[bool], first: int) -> frozenset[int]:
    return frozenset(place for place, flag in enumerate(flags, first) if flag)
