"""What only the whole catalog can tell of cohorts: events that exist, SQL that fits.

Each function looks at one declared object that already has the right shape and gives
its problems. Not here: shapes (`retention_models`) and metrics (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.checks import (
    KnownNames,
    Part,
    check_dimension,
    check_event_filter,
    check_expression,
)
from ingestion.catalog.documents import Problem
from ingestion.catalog.engagement_models import ActivityDefinition
from ingestion.catalog.retention_models import (
    CohortDefinition,
    CohortValueSpec,
    RetentionSpec,
)


def check_cohort_definition(
    spec: CohortDefinition, part: Part, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the expressions that every definition over activity has."""
    yield from check_expression(part, ("where",), spec.where, "condition", binder)
    yield from check_expression(part, ("count_by",), spec.count_by, "anything", binder)


def check_retention(
    spec: RetentionSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events, expressions and breakdowns of one retention definition."""
    yield from check_cohort_definition(spec, part, binder)
    for name in ("target", "returning"):
        events = getattr(spec, name)
        yield from check_event_filter((name,), events, part, known, binder)
    for index, breakdown in enumerate(spec.breakdowns):
        yield from check_dimension(("breakdowns", index), breakdown, part, binder)


def check_cohort_value(
    spec: CohortValueSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events, expressions and breakdowns of one cohort LTV."""
    yield from check_cohort_definition(spec, part, binder)
    yield from check_expression(part, ("value",), spec.value, "number", binder)
    for name in ("target", "valued"):
        events = getattr(spec, name)
        yield from check_event_filter((name,), events, part, known, binder)
    for index, breakdown in enumerate(spec.breakdowns):
        yield from check_dimension(("breakdowns", index), breakdown, part, binder)


def check_activity_definition(
    spec: ActivityDefinition, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events and expressions of a lifecycle, stickiness or segmentation."""
    yield from check_cohort_definition(spec, part, binder)
    yield from check_event_filter(("activity",), spec.activity, part, known, binder)
