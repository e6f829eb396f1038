"""What only the whole catalog can tell of roles: events and expressions that fit.

Not here: shapes (`role_models`), and the checks of metrics (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.checks import (
    KnownNames,
    Need,
    Part,
    check_event_filter,
    check_expression,
)
from ingestion.catalog.documents import Problem
from ingestion.catalog.role_models import RoleMigrationSpec

_EXPRESSIONS: Final[tuple[tuple[str, Need], ...]] = (
    ("from_role", "anything"),
    ("to_role", "anything"),
    ("succeeded", "condition"),
    ("adaptation_days", "number"),
)


def check_role_migration(
    spec: RoleMigrationSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events and expressions of one definition of moves between roles."""
    for name in ("events", "satisfaction"):
        events = getattr(spec, name)
        yield from check_event_filter((name,), events, part, known, binder)
    for name, need in _EXPRESSIONS:
        text = getattr(spec, name)
        yield from check_expression(part, (name,), text, need, binder)
