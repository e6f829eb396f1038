"""What only the whole catalog can tell of growth: events and expressions that fit.

Not here: shapes (`growth_models`), and the checks of metrics (`checks`).
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
from ingestion.catalog.growth_models import ReferralSpec


def check_referral(
    spec: ReferralSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events and ids of one referral definition."""
    for name in ("sign_up", "invite", "accepted", "rewards"):
        events = getattr(spec, name)
        yield from check_event_filter((name,), events, part, known, binder)
    for name in ("invitee", "key"):
        text = getattr(spec, name)
        yield from check_expression(part, (name,), text, "anything", binder)
