"""Every night's second opinion: figures of a sample of persons, from both engines.

Here belongs which figures of the warehouse meet which of the second engine; how those
are reckoned belongs to `analysis.reconciliation`, whose persons and events
`sample` reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd

from dagster_project.analysis.reconciliation.comparing import (
    Comparison,
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
from dagster_project.analysis.reconciliation.sessions import (
    KnownSessions,
    session_figures,
    sessions_of,
)
from dagster_project.reconciling.accounts import read_accounts
from dagster_project.reconciling.cohorts import compare_cohorts
from dagster_project.reconciling.credits import compare_attribution
from dagster_project.reconciling.declared import Declared, read_declared
from dagster_project.reconciling.funnels import compare_funnel
from dagster_project.reconciling.recurring import compare_mrr
from dagster_project.reconciling.sample import (
    NEW_ONLY,
    PERSON,
    Sample,
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
            events,
            declared.sessions,
            declared.zone,
            read_from=sample.read_from,
            is_whole=person in sample.whole,
        )
        for person, events in by_person(sample.events).items()
    }
    yield _sessions(connection, declared, sample, told)
    accounts = {
        unit: read_accounts(connection, declared, sample, unit)
        for unit in declared.account_units
    }
    for funnel in declared.funnels:
        its = accounts.get(funnel.unit)
        yield from compare_funnel(connection, declared, sample, funnel, told, its)
    for attribution in declared.attributions:
        yield compare_attribution(connection, declared, sample, attribution, told)
    for book in declared.books:
        yield compare_mrr(connection, declared, sample, book)
    sighted = {PERSON: sample.sighted}
    sighted |= {unit: its.sighted for unit, its in accounts.items()}
    yield from compare_cohorts(connection, declared, sighted)
    for segmentation in declared.cohorts.segmentations:
        yield compare_segments(connection, sighted, segmentation)


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
    are_of_client = declared.sessions.are_of_client
    return compare(
        *("sessions", ALL, recomputed, found),
        persons=sample.whole if are_of_client else sample.everybody,
        reason=NEW_ONLY if are_of_client else None,
    )


def _is_known(known: KnownSessions | None, ended_at: datetime) -> bool:
    """Whether a session of the warehouse can be told from what was read."""
    if known is None:
        return True
    return known.known_from is not None and ended_at >= known.known_from
