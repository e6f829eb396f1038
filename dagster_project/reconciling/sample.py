"""The persons whose figures are recomputed each night, and their events: read only.

Here belong the draw, its bounds and the query; what is made of the events belongs to
`analysis.reconciliation`, and which figures of the warehouse they meet to `areas`,
`credits` and `recurring`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any

import duckdb

from dagster_project.analysis.reconciliation.attribution import Conversion
from dagster_project.analysis.reconciliation.comparing import Comparison
from dagster_project.analysis.reconciliation.events import SampleEvent, SamplePerson
from dagster_project.analysis.reconciliation.funnels import FunnelEvent
from dagster_project.analysis.reconciliation.mrr import Change
from dagster_project.analysis.reconciliation.retention import Sighting
from dagster_project.reconciling.declared import (
    Declared,
    DeclaredAttribution,
    DeclaredBook,
    DeclaredFunnel,
)
from dagster_project.reconciling.declared_cohorts import DeclaredSeries

# What is said of figures that take somebody's whole life.
NEW_ONLY = "of persons who are new only"
# What a night recomputes: it must not grow with history, nor with a robot's diligence.
PERSONS = 200
READ_DAYS = 35
MOST_EVENTS_OF_A_PERSON = 500
MOST_EVENTS = 20_000


@dataclass(frozen=True)
class Sample:
    """Persons, all their events since ``read_from`` (UTC), and what these are to each
    funnel, attribution, book of subscriptions and series.
    """

    read_from: datetime
    last_day: date
    watermark: datetime
    persons: tuple[SamplePerson, ...]
    events: tuple[SampleEvent, ...]
    funnel_events: Mapping[str, tuple[FunnelEvent, ...]]
    conversions: Mapping[str, tuple[Conversion, ...]]
    changes: Mapping[str, tuple[tuple[str, str | None, Change], ...]]
    sightings: Mapping[str, Mapping[str, Sequence[Sighting]]]

    @property
    def everybody(self) -> list[str]:
        """The ids of all persons."""
        return [person.person_id for person in self.persons]

    @cached_property
    def whole(self) -> set[str]:
        """The ids of persons of whom every event was read."""
        return {person.person_id for person in self.persons if person.is_whole}

    def sightings_of(self, series: DeclaredSeries, person: str) -> Sequence[Sighting]:
        """Give a person's events of a series, in no order."""
        return self.sightings[series.key].get(person, ())


def read_sample(
    connection: duckdb.DuckDBPyConnection, declared: Declared
) -> Sample | None:
    """Draw persons seen in the newest `READ_DAYS` days, and read their events of these.

    The draw is by a hash of the person's id: the same persons every night as long as
    they stay active; half of them are new, because whole lives are told of those alone.
    Somebody with more events than `MOST_EVENTS_OF_A_PERSON` is left out, and so is who
    comes after the first `MOST_EVENTS` in the order of the draw. None while there is no
    event.
    """
    bounds = connection.execute(
        "select (select max(event_date) from intermediate.int_event_days), "
        "(select watermark_at from intermediate.int_watermark)"
    ).fetchone()
    if bounds is None or None in bounds:
        return None
    last_day, watermark = bounds
    first_day = last_day - timedelta(days=READ_DAYS)
    drawn = connection.execute(
        # A day more, because a local day may begin on the UTC day before.
        "select person_id, coalesce(first_seen_on > ? + 1, false) as is_new "
        "from marts.dim_persons where last_seen_on > ? "
        "qualify row_number() over (partition by is_new order by hash(person_id), "
        "person_id) <= ? order by hash(person_id), person_id",
        [first_day, first_day, PERSONS // 2],
    ).fetchall()
    definitions: list[Definition] = [
        *(funnel for funnel in declared.funnels if not funnel.not_recomputed),
        *declared.attributions,
        *declared.books,
        *declared.cohorts.series,
    ]
    ids = [person for person, _ in drawn]
    rows = _events(connection, definitions, first_day, ids)
    kept = _within_bounds(ids, Counter(row[1] for row in rows))
    rows = [row for row in rows if row[1] in kept]
    told = list(_told(rows, definitions))
    return Sample(
        read_from=datetime.combine(first_day, time()),
        last_day=last_day,
        watermark=watermark,
        persons=tuple(SamplePerson(p, whole) for p, whole in drawn if p in kept),
        events=tuple(_event(row, declared) for row in rows),
        funnel_events={
            one.name: tuple(_funnel_event(row, parts) for row, parts in its)
            for one, its in told
            if isinstance(one, DeclaredFunnel)
        },
        conversions={
            one.name: tuple(
                Conversion(row[1], row[2], Fraction(amount), row[0])
                for row, (is_conversion, amount) in its
                if is_conversion
            )
            for one, its in told
            if isinstance(one, DeclaredAttribution)
        },
        changes={
            one.name: tuple(
                (row[1], parts[2], Change(row[2], row[0], parts[1], *parts[3:]))
                for row, parts in its
                if parts and parts[0]
            )
            for one, its in told
            if isinstance(one, DeclaredBook)
        },
        sightings={
            one.key: _sightings(one, its)
            for one, its in told
            if isinstance(one, DeclaredSeries)
        },
    )


def _within_bounds(drawn: Sequence[str], counts: Mapping[str, int]) -> set[str]:
    kept: set[str] = set()
    events = 0
    for person in drawn:
        count = counts.get(person, 0)
        if count <= MOST_EVENTS_OF_A_PERSON and events + count <= MOST_EVENTS:
            kept.add(person)
            events += count
    return kept


Definition = DeclaredFunnel | DeclaredAttribution | DeclaredBook | DeclaredSeries
Row = tuple[Any, ...]


def _told(
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


# Columns of an event before those of its funnels.
PLAIN = 10


def _events(
    connection: duckdb.DuckDBPyConnection,
    definitions: Sequence[Definition],
    first_day: date,
    persons: Sequence[str],
) -> list[tuple[Any, ...]]:
    columns = "".join(f", {sql}" for one in definitions for sql in one.columns)
    return connection.execute(
        f"""
        select
            event_id, person_id, occurred_at, event_name, is_bot or is_internal,
            platform, anonymous_id is not null or device_type is not null,
            json_extract_string(properties, '$."$page_view_id"'), revenue, event_date
            {columns}
        from (
            select * from intermediate.int_events
            where event_date >= ? and list_contains(?, person_id)
            qualify row_number() over (partition by person_id order by occurred_at)
            <= {MOST_EVENTS_OF_A_PERSON + 1}
        ) as events
        left join intermediate.int_person_properties using (person_id)
        """,
        [first_day, list(persons)],
    ).fetchall()


def _event(row: tuple[Any, ...], declared: Declared) -> SampleEvent:
    event_id, person, at, name, is_excluded, platform, has_device, view, revenue = row[
        :9
    ]
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
        revenue=revenue,
    )


def _funnel_event(row: tuple[Any, ...], parts: tuple[Any, ...]) -> FunnelEvent:
    steps, firsts, exclusions, held, is_taken = parts
    return FunnelEvent(
        event_id=row[0],
        unit=row[1],
        at=row[2],
        steps=_places(steps, 1),
        first_of=_places(firsts, 1),
        exclusions=_places(exclusions, 0),
        held=tuple(held),
        is_taken=is_taken,
    )


def _sightings(
    series: DeclaredSeries, told: Sequence[tuple[Row, Row]]
) -> dict[str, list[Sighting]]:
    """Give the events of a series by person."""
    found: dict[str, list[Sighting]] = defaultdict(list)
    for row, (is_taken, *parts) in told:
        if is_taken:
            is_match = parts[0] if series.match else True
            value = parts[-1] if series.group else "all"
            found[row[1]].append(Sighting(row[2], row[0], is_match, value))
    return found


def _places(flags: Sequence[bool], first: int) -> frozenset[int]:
    return frozenset(place for place, flag in enumerate(flags, first) if flag)


def rows_of_persons(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    persons: Sequence[str],
    *parameters: object,
) -> list[tuple[Any, ...]]:
    """Read rows of the persons; `sql` ends where the condition on persons begins."""
    return connection.execute(
        f"{sql} list_contains(?, person_id)", [*parameters, list(persons)]
    ).fetchall()


def left_out(area: str, definition: str, reason: str) -> Comparison:
    """Give the row of a definition that is not recomputed."""
    return Comparison(area, definition, 0, 0, 0, reason=f"not recomputed: {reason}")
