"""What only the whole catalog can tell of orders: events and SQL that fit.

Not here: shapes (`orders_models`), and the checks of metrics (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.checks import (
    KnownNames,
    Need,
    Part,
    check_dimension,
    check_event_filter,
    check_expression,
)
from ingestion.catalog.documents import Problem
from ingestion.catalog.orders_models import OrdersSpec

_EXPRESSIONS: tuple[tuple[str, Need], ...] = (
    ("value", "number"),
    ("order", "anything"),
    ("customer", "anything"),
)


def check_orders(
    spec: OrdersSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events, expressions and dimensions of one definition."""
    yield from check_event_filter(("line",), spec.line, part, known, binder)
    if spec.refund is not None:
        yield from check_event_filter(("refund",), spec.refund, part, known, binder)
    for name, need in _EXPRESSIONS:
        yield from check_expression(part, (name,), getattr(spec, name), need, binder)
    for index, dimension in enumerate(spec.dimensions):
        yield from check_dimension(("dimensions", index), dimension, part, binder)
