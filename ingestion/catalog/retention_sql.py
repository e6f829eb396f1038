"""A retention definition as rows: the series it reads, its cells, its settings.

Belongs here: which series a definition needs and how they are combined. Not here: the
SQL of a series (`cohort_series`), and the counting (dbt, macros/cohorts).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from ingestion.catalog.cohort_series import (
    Grain,
    Row,
    Series,
    SeriesCompiler,
    canonical_json,
)
from ingestion.catalog.metric_models import TOTAL_DIMENSION
from ingestion.catalog.retention_models import BreakdownSpec, RetentionSpec

_TEXT: Final = pa.string()
RETENTION_COLUMNS: Final = pa.schema(
    [
        pa.field("retention_name", _TEXT),
        pa.field("label", _TEXT),
        pa.field("description", _TEXT),
        pa.field("owner", _TEXT),
        pa.field("entry_mode", _TEXT),
        pa.field("retention_type", _TEXT),
        pa.field("period", _TEXT),
        pa.field("clock", _TEXT),
        pa.field("min_occurrences", pa.int32()),
        pa.field("timezone", _TEXT),
        pa.field("week_start", _TEXT),
        pa.field("periods", _TEXT),
        pa.field("breakdowns", _TEXT),
        pa.field("definition", _TEXT),
    ]
)
PERIOD_COLUMNS: Final = pa.schema(
    [
        pa.field("retention_name", _TEXT),
        pa.field("period_number", pa.int32()),
        pa.field("last_period_number", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class CompiledBreakdown:
    """One breakdown of a definition, or its total, and the two series behind it.

    With `matches_value` a return counts where it has the value of the entry.
    """

    dimension: str
    entries: Series
    returns: Series
    matches_value: bool


def compiled_breakdowns(
    spec: RetentionSpec, compiler: SeriesCompiler
) -> tuple[CompiledBreakdown, ...]:
    """Give the total of a definition, then its breakdowns, with their series."""
    parts: tuple[BreakdownSpec | None, ...] = (None, *spec.breakdowns)
    return tuple(_compiled(compiler, spec, part) for part in parts)


def retention_row(spec: RetentionSpec, compiler: SeriesCompiler) -> Row:
    """Give the row of one definition; see `RETENTION_COLUMNS`."""
    breakdowns = compiled_breakdowns(spec, compiler)
    return {
        "retention_name": spec.name,
        "label": spec.label or spec.name.replace("_", " ").capitalize(),
        "description": spec.description,
        "owner": spec.owner,
        "entry_mode": spec.entry,
        "retention_type": spec.type,
        "period": spec.period,
        "clock": spec.clock,
        "min_occurrences": spec.min_occurrences,
        "timezone": compiler.timezone,
        "week_start": compiler.week_start,
        "periods": canonical_json(list(period_rows(spec))),
        "breakdowns": canonical_json([breakdown_keys(part) for part in breakdowns]),
        "definition": canonical_json(spec.model_dump(mode="json")),
    }


def period_rows(spec: RetentionSpec) -> Iterator[Row]:
    """Give one row per cell that a cohort has, the start included."""
    for first, last in ((0, 0), *spec.buckets):
        yield {
            "retention_name": spec.name,
            "period_number": first,
            "last_period_number": last,
        }


def _compiled(
    compiler: SeriesCompiler, spec: RetentionSpec, breakdown: BreakdownSpec | None
) -> CompiledBreakdown:
    matches = breakdown is not None and breakdown.on == "both"
    group = None if breakdown is None else breakdown.sql
    local: Grain = "hour" if spec.period == "hour" else "day"
    is_plain = breakdown is None and spec.clock == "calendar"
    return CompiledBreakdown(
        dimension=TOTAL_DIMENSION if breakdown is None else breakdown.name,
        # A total by the calendar needs no first event: it may share the series of
        # another definition's returns.
        entries=compiler.series(
            spec.target,
            grain=local,
            keeps_first=not is_plain or spec.entry == "first_ever",
            group=group,
            is_grouped=matches and spec.entry == "recurring",
            match_apart=spec.entry == "first_ever",
        ),
        returns=compiler.series(
            spec.returning,
            grain=local if spec.clock == "calendar" else "instant",
            group=group if matches else None,
            is_grouped=matches,
        ),
        matches_value=matches,
    )


def breakdown_keys(breakdown: CompiledBreakdown) -> dict[str, Any]:
    """Give a breakdown as the compiled table holds it: its series by their keys."""
    return {
        "dimension": breakdown.dimension,
        "entries": breakdown.entries.key,
        "entries_keep_first": breakdown.entries.keeps_first,
        "returns": breakdown.returns.key,
        "matches_value": breakdown.matches_value,
    }
