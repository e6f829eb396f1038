"""What only the whole catalog can tell of scores: events that exist, SQL that fits.

Not here: shapes (`score_models`), and what all cohorts have (`retention_checks`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.checks import (
    KnownNames,
    Part,
    check_event_filter,
    check_expression,
)
from ingestion.catalog.documents import Problem
from ingestion.catalog.retention_checks import check_cohort_definition
from ingestion.catalog.score_models import ScoreSpec


def check_score(
    spec: ScoreSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events and values of each part of one score."""
    yield from check_cohort_definition(spec, part, binder)
    for index, one in enumerate(spec.parts):
        at = ("parts", index)
        yield from check_event_filter((*at, "events"), one.events, part, known, binder)
        if one.value is not None:
            yield from check_expression(
                part, (*at, "value"), one.value, "number", binder
            )
