"""The SQL of one attribution: which events are credited, to which channels.

Belongs here: the rows of `raw.catalog_attribution`. Not here: how touches are found and
credits split (dbt, macros/attribution).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from ingestion.catalog.attribution_models import AttributionSpec
from ingestion.catalog.columns import SESSION_COLUMNS
from ingestion.catalog.definition_sql import (
    TEXT,
    DefinitionCompiler,
    Row,
    Table,
    definition_row,
    definition_schema,
)
from ingestion.catalog.expressions import compile_expression
from ingestion.catalog.models import Catalog

# Raise it when the same declaration begins to mean other figures.
_MEANING_VERSION: Final = 1

ATTRIBUTION_COLUMNS: Final = definition_schema(
    [
        ("attribution_name", TEXT),
        ("unit", TEXT),
        ("conversion_filter_sql", TEXT),
        ("value_sql", TEXT),
        ("lookback_days", pa.int32()),
        ("channel_sql", TEXT),
        ("reads_channel_group", pa.bool_()),
        ("direct_channels", TEXT),
        ("models", TEXT),
        ("position_weights", TEXT),
        ("half_life_days", pa.float64()),
        ("collapses_repeats", pa.bool_()),
    ]
)


def attribution_tables(
    specs: Iterable[AttributionSpec], catalog: Catalog, dialect: str
) -> dict[str, Table]:
    """Give rows and columns of the table of the declared attributions, by its name."""
    rows = [_row(spec, DefinitionCompiler(catalog, dialect)) for spec in specs]
    return {"catalog_attribution": (rows, ATTRIBUTION_COLUMNS)}


def _row(spec: AttributionSpec, compiler: DefinitionCompiler) -> Row:
    channel = compile_expression(
        spec.channel, columns=SESSION_COLUMNS, kind="scalar", dialect=compiler.dialect
    )
    meaning = {
        "conversion_filter_sql": compiler.events(spec.conversion),
        "value_sql": compiler.number(spec.value),
        "lookback_days": spec.lookback_days,
        "channel_sql": channel.sql,
        "reads_channel_group": "channel" in channel.columns,
        "direct_channels": json.dumps([one.lower() for one in spec.direct_channels]),
        "models": json.dumps(spec.models),
        "position_weights": spec.position_weights.model_dump_json(),
        "half_life_days": float(spec.half_life_days),
        "collapses_repeats": spec.collapse_repeats,
    }
    return {
        "attribution_name": spec.name,
        "unit": spec.unit,
        **definition_row(spec, compiler, meaning, _MEANING_VERSION),
    }
