"""What only the whole catalog can tell of attribution: events and SQL that fit.

Not here: shapes (`attribution_models`), and the checks of metrics (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.catalog.attribution_models import AttributionSpec
from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.checks import (
    KnownNames,
    Part,
    check_event_filter,
    check_expression,
)
from ingestion.catalog.columns import SESSION_COLUMNS
from ingestion.catalog.documents import Problem
from ingestion.catalog.expressions import ExpressionError, compile_expression


def check_attribution(
    spec: AttributionSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the conversion, its value and the channel of one definition."""
    yield from check_event_filter(("conversion",), spec.conversion, part, known, binder)
    yield from check_expression(part, ("value",), spec.value, "number", binder)
    try:
        compiled = compile_expression(
            spec.channel, columns=SESSION_COLUMNS, kind="scalar"
        )
        binder.type_of(compiled.sql, relation="sessions")
    except ExpressionError as error:
        yield part.problem(("channel",), error.message, error.suggestion, error.offset)
