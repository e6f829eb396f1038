"""What only the whole catalog can tell of groups: events and expressions that fit.

Not here: shapes (`group_models`), and the checks of metrics (`checks`).
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
from ingestion.catalog.group_models import FeatureSpec, GroupSpec, ShareSpec
from ingestion.catalog.retention_checks import check_cohort_definition


def check_group(
    spec: GroupSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events and expressions of one definition that counts groups."""
    yield from check_cohort_definition(spec, part, binder)
    yield from check_event_filter(("events",), spec.events, part, known, binder)
    yield from check_expression(part, ("by",), spec.by, "anything", binder)
    yield from check_expression(part, ("value",), spec.value, "number", binder)
    if isinstance(spec, ShareSpec) and spec.returns:
        yield from check_event_filter(("returns",), spec.returns, part, known, binder)
        by = spec.returns.by
        yield from check_expression(part, ("returns", "by"), by, "anything", binder)
    if isinstance(spec, FeatureSpec):
        yield from check_event_filter(("eligible",), spec.eligible, part, known, binder)
