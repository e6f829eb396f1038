"""The SQL of performance measures: events, values, failures, and what should follow.

Belongs here: the rows of `raw.catalog_performance`. Not here: percentiles and rates
(dbt, `macros/performance`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from ingestion.catalog.definition_sql import (
    TEXT,
    DefinitionCompiler,
    Row,
    Table,
    compact_json,
    definition_row,
    definition_schema,
)
from ingestion.catalog.fields import window_seconds
from ingestion.catalog.models import Catalog
from ingestion.catalog.performance_models import PerformanceSpec, Thresholds

# Raise it when the same declaration begins to mean other figures.
_MEANING_VERSION: Final = 1
_LIMIT: Final = pa.decimal128(18, 6)

PERFORMANCE_COLUMNS: Final = definition_schema(
    [
        ("measure_name", TEXT),
        ("unit", TEXT),
        ("periods", TEXT),
        ("dimensions", TEXT),
        ("event_filter_sql", TEXT),
        ("value_sql", TEXT),
        ("failed_sql", TEXT),
        ("slow_above", TEXT),
        ("uptime_seconds", pa.int64()),
        ("down_above", TEXT),
        ("outcome_filter_sql", TEXT),
        ("key_sql", TEXT),
        ("outcome_seconds", pa.int64()),
        *((f"{name}_threshold", _LIMIT) for name in Thresholds.model_fields),
    ]
)


def performance_tables(
    specs: Iterable[PerformanceSpec], catalog: Catalog, dialect: str
) -> dict[str, Table]:
    """Give rows and columns of the table of declared measures, by its name."""
    rows = [_row(spec, DefinitionCompiler(catalog, dialect)) for spec in specs]
    return {"catalog_performance": (rows, PERFORMANCE_COLUMNS)}


def _row(spec: PerformanceSpec, compiler: DefinitionCompiler) -> Row:
    uptime, outcome = spec.uptime, spec.outcome
    meaning = {
        "periods": compact_json(spec.periods),
        "dimensions": compact_json(
            [
                {"name": dimension.name, "sql": compiler.text(dimension.sql)}
                for dimension in spec.dimensions
            ]
        ),
        "event_filter_sql": compiler.events(spec.events),
        "value_sql": compiler.number(spec.value),
        "failed_sql": compiler.condition(spec.failed),
        "slow_above": None if spec.slow_above is None else str(spec.slow_above),
        "uptime_seconds": window_seconds(uptime.interval) if uptime else None,
        "down_above": str(uptime.down_above) if uptime else None,
        "outcome_filter_sql": compiler.events(outcome) if outcome else None,
        "key_sql": compiler.text(outcome.key) if outcome else None,
        "outcome_seconds": window_seconds(outcome.within) if outcome else None,
    }
    thresholds = {
        f"{name}_threshold": limit
        for name, limit in spec.thresholds.model_dump(mode="python").items()
    }
    return {
        "measure_name": spec.name,
        "unit": spec.unit,
        **definition_row(spec, compiler, meaning, _MEANING_VERSION),
        **thresholds,
    }
