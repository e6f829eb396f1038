"""What only the whole catalog can tell of paths: events and expressions that fit.

Not here: shapes (`path_models`), and the checks of metrics (`checks`).
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
from ingestion.catalog.path_models import PathSpec


def check_path(
    spec: PathSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events, the node and the breakdown of one path definition."""
    yield from check_event_filter(("anchor",), spec.anchor, part, known, binder)
    yield from check_event_filter(("nodes",), spec.nodes, part, known, binder)
    yield from check_expression(part, ("node",), spec.node, "anything", binder)
    if spec.breakdown is not None:
        yield from check_dimension(("breakdown",), spec.breakdown, part, binder)
