"""A cohort LTV as rows: the series it reads, its settings.

Belongs here: which series a definition needs. Not here: the SQL of a series
(`cohort_series`), and the adding up (dbt, macros/cohorts).
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from ingestion.catalog.cohort_series import Row, SeriesCompiler, canonical_json
from ingestion.catalog.metric_models import TOTAL_DIMENSION, DimensionSpec
from ingestion.catalog.retention_models import CohortValueSpec
from ingestion.catalog.retention_sql import CompiledBreakdown, breakdown_keys

_TEXT: Final = pa.string()
LTV_COLUMNS: Final = pa.schema(
    [
        pa.field("ltv_name", _TEXT),
        pa.field("label", _TEXT),
        pa.field("description", _TEXT),
        pa.field("owner", _TEXT),
        pa.field("unit", _TEXT),
        pa.field("entry_mode", _TEXT),
        pa.field("period", _TEXT),
        pa.field("clock", _TEXT),
        pa.field("last_period_number", pa.int32()),
        pa.field("timezone", _TEXT),
        pa.field("week_start", _TEXT),
        pa.field("breakdowns", _TEXT),
        pa.field("definition", _TEXT),
    ]
)


def valued_breakdowns(
    spec: CohortValueSpec, compiler: SeriesCompiler
) -> tuple[CompiledBreakdown, ...]:
    """Give the total of a definition, then its breakdowns, with their series."""
    parts: tuple[DimensionSpec | None, ...] = (None, *spec.breakdowns)
    valued = compiler.series(spec.valued, grain="day", value=spec.value)
    return tuple(
        CompiledBreakdown(
            dimension=TOTAL_DIMENSION if part is None else part.name,
            entries=compiler.series(
                spec.target,
                grain="day",
                keeps_first=part is not None or spec.entry == "first_ever",
                group=None if part is None else part.sql,
                match_apart=spec.entry == "first_ever",
            ),
            returns=valued,
            matches_value=False,
        )
        for part in parts
    )


def ltv_row(spec: CohortValueSpec, compiler: SeriesCompiler) -> Row:
    """Give the row of one definition; see `LTV_COLUMNS`."""
    breakdowns = valued_breakdowns(spec, compiler)
    return {
        "ltv_name": spec.name,
        "label": spec.label or spec.name.replace("_", " ").capitalize(),
        "description": spec.description,
        "owner": spec.owner,
        "unit": spec.unit,
        "entry_mode": spec.entry,
        "period": spec.period,
        "clock": "calendar",
        "last_period_number": spec.last_period,
        "timezone": compiler.timezone,
        "week_start": compiler.week_start,
        "breakdowns": canonical_json([breakdown_keys(part) for part in breakdowns]),
        "definition": canonical_json(spec.model_dump(mode="json")),
    }
