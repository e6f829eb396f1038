"""What only the whole catalog can tell of recurring revenue: events and SQL that fit.

Not here: shapes (`mrr_models`), and the checks of metrics (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.checks import (
    KnownNames,
    Need,
    Part,
    check_event_name,
    check_expression,
)
from ingestion.catalog.documents import Problem
from ingestion.catalog.mrr_models import MrrSpec

_EXPRESSIONS: tuple[tuple[str, Need], ...] = (
    ("where", "condition"),
    ("amount", "number"),
    ("months", "number"),
    ("subscription", "anything"),
    ("account", "anything"),
)


def check_mrr(
    spec: MrrSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events and expressions of one book of subscriptions."""
    if spec.events is None:
        return
    for name in ("changed", "ended"):
        for index, event in enumerate(getattr(spec.events, name)):
            yield from check_event_name(part, ("events", name, index), event, known)
    for name, need in _EXPRESSIONS:
        text = getattr(spec.events, name)
        yield from check_expression(part, ("events", name), text, need, binder)
