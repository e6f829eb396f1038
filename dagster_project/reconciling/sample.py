"""The persons whose figures are recomputed each night, and their events: read only.

Here belong the draw and its bounds; the queries belong to `sample_events`, what is made
of the events to `analysis.reconciliation`, and which figures of the warehouse they meet
to `areas` and the modules beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any

import duckdb

from dagster_project.analysis.reconciliation.attribution import Conversion
from dagster_project.analysis.reconciliation.comparing import Comparison
from dagster_project.analysis.reconciliation.events import SampleEvent, SamplePerson
from dagster_project.analysis.reconciliation.funnel_steps import FunnelEvent
from dagster_project.analysis.reconciliation.mrr import Change
from dagster_project.analysis.reconciliation.retention import Sighting
from dagster_project.reconciling.declared import (
    Declared,
    DeclaredAttribution,
    DeclaredBook,
    DeclaredFunnel,
)
from dagster_project.reconciling.declared_cohorts import DeclaredSeries
from dagster_project.reconciling.sample_events import (
    MOST_EVENTS_OF_A_UNIT,
    Definition,
    Sighted,
    events_of,
    funnel_event,
    sample_event,
    sightings_of,
    told_of,
    with_foreign_sessions,
)

# What is said of figures that take somebody's whole life.
NEW_ONLY = "of persons who are new only"
# What a night recomputes: it must not grow with history, nor with a robot's diligence.
PERSONS = 200
READ_DAYS = 35
MOST_EVENTS = 20_000
PERSON = "person_id"


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
    def sighted(self) -> Sighted:
        """All persons, and their events of every series."""
        return Sighted(
            *(PERSON, "persons", self.read_from, self.watermark),
            *(self.everybody, self.whole, self.sightings),
        )

    @property
    def everybody(self) -> list[str]:
        """The ids of all persons."""
        return [person.person_id for person in self.persons]

    @cached_property
    def whole(self) -> set[str]:
        """The ids of persons of whom every event was read."""
        return {person.person_id for person in self.persons if person.is_whole}


def read_sample(
    connection: duckdb.DuckDBPyConnection, declared: Declared
) -> Sample | None:
    """Draw persons seen in the newest `READ_DAYS` days, and read their events of these.

    The draw is by a hash of the person's id: the same persons every night as long as
    they stay active; half of them are new, because whole lives are told of those alone.
    Somebody with more events than `MOST_EVENTS_OF_A_UNIT` is left out, and so is who
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
        *declared.definitions_of(PERSON),
        *declared.attributions,
        *declared.books,
    ]
    ids = [person for person, _ in drawn]
    rows = events_of(connection, definitions, first_day, PERSON, ids)
    kept = within_bounds(ids, Counter(row[1] for row in rows), MOST_EVENTS)
    if declared.sessions.are_of_client:
        kept -= with_foreign_sessions(connection, rows, first_day)
    rows = [row for row in rows if row[1] in kept]
    told = list(told_of(rows, definitions))
    return Sample(
        read_from=datetime.combine(first_day, time()),
        last_day=last_day,
        watermark=watermark,
        persons=tuple(SamplePerson(p, whole) for p, whole in drawn if p in kept),
        events=tuple(sample_event(row, declared) for row in rows),
        funnel_events={
            one.name: tuple(funnel_event(row, parts) for row, parts in its)
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
            one.key: sightings_of(one, its)
            for one, its in told
            if isinstance(one, DeclaredSeries)
        },
    )


def within_bounds(
    drawn: Sequence[str], counts: Mapping[str, int], most: int
) -> set[str]:
    """Give who has few events, as long as all of them together have no more."""
    kept: set[str] = set()
    events = 0
    for person in drawn:
        count = counts.get(person, 0)
        if count <= MOST_EVENTS_OF_A_UNIT and events + count <= most:
            kept.add(person)
            events += count
    return kept


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
