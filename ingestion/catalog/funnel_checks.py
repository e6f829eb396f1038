"""What only the whole catalog can tell of a funnel: events that exist, SQL that fits.

Not here: shapes (`funnel_models`), and the checks of metrics (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.checks import (
    KnownNames,
    Need,
    Part,
    check_event_filter,
    check_expression,
)
from ingestion.catalog.columns import NEVER_DIMENSIONS
from ingestion.catalog.documents import PathInFile, Problem
from ingestion.catalog.funnel_models import FunnelExclusion, FunnelSpec, FunnelStep
from ingestion.catalog.funnel_ties import MAX_CLASSES, overlapping_steps

_TEXTS: tuple[tuple[str, Need], ...] = (
    ("where", "condition"),
    ("account", "anything"),
    ("value", "number"),
)


def check_funnel(
    funnel: FunnelSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events and expressions of one funnel."""
    for index, step in enumerate(funnel.steps):
        yield from _check_events(("steps", index), step, part, known, binder)
    for index, exclusion in enumerate(funnel.exclusions):
        yield from _check_events(("exclusions", index), exclusion, part, known, binder)
    for name, need in _TEXTS:
        yield from check_expression(part, (name,), getattr(funnel, name), need, binder)
    for index, text in enumerate(funnel.hold_constant):
        path: PathInFile = ("hold_constant", index)
        yield from _check_group(path, text, part, binder)
    for index, breakdown in enumerate(funnel.breakdowns):
        for number, text in enumerate(breakdown.by):
            path = ("breakdowns", index, "by", number)
            yield from _check_group(path, text, part, binder)
    yield from _check_overlap(funnel, part)


def _check_events(
    path: PathInFile,
    holder: FunnelStep | FunnelExclusion,
    part: Part,
    known: KnownNames,
    binder: ExpressionBinder,
) -> Iterator[Problem]:
    for index, events in enumerate(holder.any_of):
        place = (*path, "any_of", index)
        yield from check_event_filter(place, events, part, known, binder)
    yield from check_expression(
        part, (*path, "where"), holder.where, "condition", binder
    )


def _check_group(
    path: PathInFile, text: str, part: Part, binder: ExpressionBinder
) -> Iterator[Problem]:
    if text.strip().lower() in NEVER_DIMENSIONS:
        yield part.problem(path, f"`{text}` differs in every event: group it first")
        return
    yield from check_expression(part, path, text, "anything", binder)


def _check_overlap(funnel: FunnelSpec, part: Part) -> Iterator[Problem]:
    """Refuse what would need more cases than SQL can spell out."""
    if funnel.order == "strict":
        return
    for steps in overlapping_steps(funnel):
        filters = {
            funnel.steps[step].model_dump_json(exclude={"name"}) for step in steps
        }
        if len(filters) > MAX_CLASSES:
            yield part.problem(
                ("steps",),
                f"{len(filters)} steps with different filters share an event name; "
                f"at most {MAX_CLASSES} may (`ties: total_order` admits more in an "
                "ordered funnel)",
            )
