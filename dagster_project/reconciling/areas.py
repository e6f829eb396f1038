"""Every night's second opinion: figures of a sample of persons, from both engines.

Here belongs which figures of the warehouse meet which of the second engine; how those
are reckoned belongs to `analysis.reconciliation`, whose persons and events
`sample` reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from dagster_project.analysis.reconciliation.comparing import (
    Comparison,
    Figures,
    Thing,
    compare,
)
from dagster_project.analysis.reconciliation.days import (
    day_figures,
    days_of,
    last_seen_figures,
    life_figures,
)
from dagster_project.analysis.reconciliation.events import by_person
from dagster_project.analysis.reconciliation.funnels import Attempt, attempts_of
from dagster_project.analysis.reconciliation.sessions import (
    KnownSessions,
    session_figures,
    sessions_of,
)
from dagster_project.reconciling.cohorts import compare_cohorts
from dagster_project.reconciling.credits import compare_attribution
from dagster_project.reconciling.declared import (
    Declared,
    DeclaredFunnel,
    read_declared,
)
from dagster_project.reconciling.recurring import compare_mrr
from dagster_project.reconciling.sample import (
    NEW_ONLY,
    Sample,
    left_out,
    read_sample,
    rows_of_persons,
)
from dagster_project.reconciling.segments import compare_segments
from dagster_project.tables import RECONCILIATION_SAMPLE
from dagster_project.warehouse import Warehouse

ALL = "all"
Found = dict[Thing, dict[str, object]]
_DAY_FIGURES = (
    *("event_count", "activity_event_count", "first_event_at", "last_event_at"),
    "revenue",
)
_LAST_FIGURES = ("last_seen_at", "last_seen_on")
_LIFE_FIGURES = (
    *("first_seen_at", "first_seen_on", "first_active_on", "last_active_on"),
    *("active_day_count", "event_count", "revenue"),
)
_SESSION_FIGURES = (
    *("started_at", "ended_at", "event_count", "page_view_count", "is_bounce"),
)


def reconcile_sample(warehouse: Warehouse, compiled_catalog: Path) -> pd.DataFrame:
    """Recompute the sample's figures and compare; one row per area and definition.

    Columns as `RECONCILIATION_SAMPLE` declares them; no row while there is no event.
    """
    with warehouse.connect() as connection:
        declared = read_declared(connection, compiled_catalog)
        sample = read_sample(connection, declared)
        found = [] if sample is None else list(_compared(connection, declared, sample))
    rows = [] if sample is None else [_row(one, sample) for one in found]
    return pd.DataFrame(rows, columns=list(RECONCILIATION_SAMPLE.column_names))


def _row(one: Comparison, sample: Sample) -> dict[str, object]:
    examples = [asdict(example) for example in one.examples]
    return {
        "area": one.area,
        "definition": one.definition,
        "first_date": sample.read_from.date(),
        "last_date": sample.last_day,
        "person_count": one.persons,
        "figure_count": one.figures,
        "differing_count": one.differing,
        "differing_figures": ", ".join(one.differing_figures) or None,
        "is_agreed": one.differing == 0 if one.figures else None,
        "reason": one.reason,
        "examples": json.dumps(examples) if examples else None,
    }


def _compared(
    connection: duckdb.DuckDBPyConnection, declared: Declared, sample: Sample
) -> Iterator[Comparison]:
    yield _days(connection, declared, sample)
    yield _persons(connection, declared, sample)
    told = {
        person: sessions_of(
            events, declared.sessions, declared.zone, read_from=sample.read_from
        )
        for person, events in by_person(sample.events).items()
    }
    yield _sessions(connection, declared, sample, told)
    for funnel in declared.funnels:
        yield _funnel(connection, declared, sample, funnel, told)
    for attribution in declared.attributions:
        yield compare_attribution(connection, declared, sample, attribution, told)
    for book in declared.books:
        yield compare_mrr(connection, declared, sample, book)
    yield from compare_cohorts(connection, sample, declared.cohorts)
    for segmentation in declared.cohorts.segmentations:
        yield compare_segments(connection, sample, segmentation)


def _days(
    connection: duckdb.DuckDBPyConnection, declared: Declared, sample: Sample
) -> Comparison:
    """Local days that lie whole in what was read."""
    first = sample.read_from.date() + timedelta(days=1)
    recomputed: Found = {
        (person, str(day)): day_figures(its)
        for person, events in by_person(sample.events).items()
        for day, its in days_of(events, declared.zone).items()
        if day >= first
    }
    found: Found = {
        (person, str(day)): dict(zip(_DAY_FIGURES, values, strict=True))
        for person, day, *values in rows_of_persons(
            connection,
            f"select person_id, activity_date, {', '.join(_DAY_FIGURES)} "
            "from intermediate.int_person_days where activity_date >= ? and",
            sample.everybody,
            first,
        )
    }
    return compare("active_days", ALL, recomputed, found, persons=sample.everybody)


def _persons(
    connection: duckdb.DuckDBPyConnection, declared: Declared, sample: Sample
) -> Comparison:
    """Whole lives of those who are new; of others, when they were seen last."""
    recomputed: Found = {}
    for person, events in by_person(sample.events).items():
        days = days_of(events, declared.zone)
        if days:
            told = (
                life_figures(days)
                if person in sample.whole
                else last_seen_figures(days)
            )
            recomputed[(person, "person")] = told
    names = (*_LAST_FIGURES, *_LIFE_FIGURES)
    found: Found = {
        (person, "person"): {
            name: value
            for name, value in zip(names, values, strict=True)
            if person in sample.whole or name in _LAST_FIGURES
        }
        for person, *values in rows_of_persons(
            connection,
            f"select person_id, {', '.join(names)} from marts.dim_persons where",
            sample.everybody,
        )
    }
    return compare("persons", ALL, recomputed, found, persons=sample.everybody)


def _sessions(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    sample: Sample,
    told: dict[str, KnownSessions],
) -> Comparison:
    """Sessions that begin with events that were read."""
    if declared.sessions_not_recomputed:
        return left_out("sessions", ALL, declared.sessions_not_recomputed)
    recomputed: Found = {}
    for person, known in told.items():
        for session in known.sessions:
            figures = session_figures(session, declared.sessions)
            if figures is not None:
                recomputed[(person, session.session_id)] = figures
    found: Found = {
        (person, session): dict(zip(_SESSION_FIGURES, values, strict=True))
        for person, session, *values in rows_of_persons(
            connection,
            f"select person_id, session_id, {', '.join(_SESSION_FIGURES)} "
            "from marts.fct_sessions where ended_at >= ? and",
            sample.everybody,
            sample.read_from,
        )
        if _is_known(told.get(person), values[1])
    }
    return compare("sessions", ALL, recomputed, found, persons=sample.everybody)


def _is_known(known: KnownSessions | None, ended_at: datetime) -> bool:
    """Whether a session of the warehouse can be told from what was read."""
    if known is None:
        return True
    return known.known_from is not None and ended_at >= known.known_from


def _funnel(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    sample: Sample,
    funnel: DeclaredFunnel,
    told: dict[str, KnownSessions],
) -> Comparison:
    """Attempts entered since the first instant that was read."""
    if funnel.not_recomputed:
        return left_out("funnels", funnel.name, funnel.not_recomputed)
    rules = funnel.rules
    persons = [
        person.person_id
        for person in sample.persons
        if person.is_whole or not rules.needs_whole_life
    ]
    events = [e for e in sample.funnel_events[funnel.name] if e.unit in set(persons)]
    owner = {event.event_id: event.unit for event in events}
    if rules.counting == "sessions":
        session = {
            event.event_id: one.session_id
            for known in told.values()
            for one in known.sessions
            for event in one.events
        }
        owner |= {session[e]: owner[e] for e in owner if e in session}
        events = [
            replace(event, unit=session[event.event_id])
            for event in events
            if event.event_id in session
        ]
    attempts = attempts_of(events, rules, declared.zone)
    people = {person: person for person in persons} | owner
    recomputed = _by_entry(
        (people[one.unit], one.unit, one.times[0], *_outcome(one, rules.steps))
        for one in attempts
    )
    found = _by_entry(
        rows_of_persons(
            connection,
            "select person_id, unit_id, entered_at, reached_step, converted_at "
            "from marts.fct_funnel_attempts where funnel_name = ? "
            "and breakdown = 'all' and entry_date >= ? and entered_at >= ? and",
            persons,
            funnel.name,
            sample.read_from.date() - timedelta(days=1),
            sample.read_from,
        )
    )
    reason = NEW_ONLY if rules.needs_whole_life else None
    return compare(
        "funnels", funnel.name, recomputed, found, persons=persons, reason=reason
    )


def _outcome(attempt: Attempt, steps: int) -> tuple[int, datetime | None]:
    is_converted = attempt.reached_step == steps
    return attempt.reached_step, attempt.times[-1] if is_converted else None


def _by_entry(rows: Any) -> Figures:
    """Give the attempts of a unit at an instant; several where values are held."""
    found: dict[Thing, list[tuple[int, str]]] = {}
    for person, unit, entered_at, reached_step, converted_at in rows:
        thing = (person, f"{unit} at {entered_at}")
        found.setdefault(thing, []).append((reached_step, str(converted_at)))
    return {
        thing: {"reached_step and converted_at": sorted(attempts)}
        for thing, attempts in found.items()
    }
