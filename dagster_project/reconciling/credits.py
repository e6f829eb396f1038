"""What a person's conversions are credited to: both engines' word on attribution.

Only conversions whose whole look-back was read are compared. Which sessions have which
channel is an expression of the catalog about one session, and taken as given.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any

import duckdb

from dagster_project.analysis.reconciliation.attribution import (
    Conversion,
    Visit,
    shares,
    touches_of,
)
from dagster_project.analysis.reconciliation.comparing import (
    Comparison,
    Thing,
    compare,
)
from dagster_project.analysis.reconciliation.sessions import (
    KnownSessions,
    session_figures,
)
from dagster_project.reconciling.declared import Declared, DeclaredAttribution
from dagster_project.reconciling.sample import NEW_ONLY, Sample, rows_of_persons

AREA = "attribution"
# Amounts and credits are kept in whole units of 10^-9.
UNITS = 10**9
Found = dict[Thing, dict[str, object]]


def compare_attribution(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    sample: Sample,
    attribution: DeclaredAttribution,
    told: dict[str, KnownSessions],
) -> Comparison:
    """Compare touches, the share of each by every model, and what they add up to."""
    name = attribution.name
    visits = _visits(connection, declared, sample, attribution, told)
    known = [
        one
        for one in sample.conversions[name]
        if _is_known(one, sample, attribution, told)
    ]
    recomputed: Found = {
        (str(one.person), one.conversion_id): _credits(one, visits, attribution)
        for one in known
    }
    sums = ", ".join(
        f"{model}_amount_units, {model}_credit_units" for model in attribution.models
    )
    rows = rows_of_persons(
        connection,
        "select person_id, conversion_id, converted_at, amount, session_id, "
        f"{sums} from intermediate.int_attribution_touches "
        "where attribution_name = ? and converted_at >= ? and",
        sample.everybody,
        name,
        sample.read_from,
    )
    by_conversion: dict[Thing, list[tuple[Any, ...]]] = {}
    for row in sorted(rows, key=lambda one: (one[2], str(one[4]))):
        if _is_known(
            Conversion(row[0], row[2], Fraction(0)), sample, attribution, told
        ):
            by_conversion.setdefault((row[0], row[1]), []).append(row)
    found = {thing: _found(its, attribution) for thing, its in by_conversion.items()}
    # Of sessions as the client cuts them, only new persons' are told.
    reason = NEW_ONLY if declared.sessions.are_of_client else None
    return compare(
        *(AREA, name, recomputed, found), persons=sample.everybody, reason=reason
    )


def _is_known(
    conversion: Conversion,
    sample: Sample,
    attribution: DeclaredAttribution,
    told: dict[str, KnownSessions],
) -> bool:
    """Whether every session in the look-back of a conversion was read."""
    person = str(conversion.person)
    # A robot's sessions, where they count, may lie before the first day of a person.
    if person in sample.whole and not attribution.includes_excluded:
        return True
    known_from = told[person].known_from if person in told else None
    back = timedelta(days=attribution.rules.lookback_days)
    return known_from is not None and conversion.converted_at - back >= known_from


def _visits(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    sample: Sample,
    attribution: DeclaredAttribution,
    told: dict[str, KnownSessions],
) -> list[Visit]:
    channels = dict(
        rows_of_persons(
            connection,
            f"select session_id, nullif(trim(cast({attribution.channel} as varchar)), "
            "'') from marts.fct_sessions where ended_at >= ? and",
            sample.everybody,
            sample.read_from,
        )
    )
    visits = []
    for person, known in told.items():
        for session in known.sessions:
            figures = session_figures(session, declared.sessions)
            is_excluded = any(event.is_excluded for event in session.events)
            if figures and (attribution.includes_excluded or not is_excluded):
                channel = channels.get(session.session_id)
                start = session.started_at(declared.sessions)
                visits.append(Visit(session.session_id, person, start, channel))
    return visits


def _credits(
    conversion: Conversion, visits: Sequence[Visit], attribution: DeclaredAttribution
) -> dict[str, object]:
    touches = touches_of(conversion, visits, attribution.rules)
    figures: dict[str, object] = {
        "amount": conversion.amount,
        "touches": sorted(one.session_id for one in touches),
    }
    for model in attribution.models:
        figures[f"{model} amount"] = conversion.amount
        figures[f"{model} credit"] = Fraction(1)
        if touches:
            parts = shares(model, touches, attribution.rules)
            for one, part in zip(touches, parts, strict=True):
                figures[f"{model} credit of {one.session_id}"] = float(part)
    return figures


def _found(
    rows: Sequence[tuple[Any, ...]], attribution: DeclaredAttribution
) -> dict[str, object]:
    figures: dict[str, object] = {
        "amount": Fraction(rows[0][3]),
        "touches": sorted(row[4] for row in rows if row[4]),
    }
    for place, model in enumerate(attribution.models):
        units = [(row[4], *row[5 + 2 * place : 7 + 2 * place]) for row in rows]
        figures[f"{model} amount"] = Fraction(sum(int(a) for _, a, _ in units), UNITS)
        figures[f"{model} credit"] = Fraction(sum(c for _, _, c in units), UNITS)
        for session, _, part in units:
            if session:
                figures[f"{model} credit of {session}"] = part / UNITS
    return figures
