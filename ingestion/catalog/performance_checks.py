"""What only the whole catalog can tell of performance: events, expressions that fit.

Not here: shapes (`performance_models`), and the checks of metrics (`checks`).
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
from ingestion.catalog.performance_models import PerformanceSpec


def check_performance(
    spec: PerformanceSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events, expressions and dimensions of one measure."""
    for name in ("events", "outcome"):
        events = getattr(spec, name)
        yield from check_event_filter((name,), events, part, known, binder)
    yield from check_expression(part, ("value",), spec.value, "number", binder)
    yield from check_expression(part, ("failed",), spec.failed, "condition", binder)
    if spec.outcome:
        key = spec.outcome.key
        yield from check_expression(part, ("outcome", "key"), key, "anything", binder)
    for index, dimension in enumerate(spec.dimensions):
        yield from check_dimension(("dimensions", index), dimension, part, binder)
