"""The SQL of one attribution: which events are credited, to which channels.

Belongs here: the rows of `raw.catalog_attribution`. Not here: how touches are found and
credits split (dbt, macros/attribution).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa

from ingestion.catalog.attribution_models import AttributionSpec
from ingestion.catalog.columns import EVENT_COLUMNS, SESSION_COLUMNS
from ingestion.catalog.expressions import (
    NUMBER_TYPE,
    ExpressionKind,
    compile_expression,
)
from ingestion.catalog.metric_sql import content_hash, named_events

Row = dict[str, Any]

# Raise it when the same declaration begins to mean other figures.
_MEANING_VERSION: Final = 1
_TEXT: Final = pa.string()
ATTRIBUTION_COLUMNS: Final = pa.schema(
    [
        pa.field("attribution_name", _TEXT),
        pa.field("label", _TEXT),
        pa.field("description", _TEXT),
        pa.field("owner", _TEXT),
        pa.field("unit", _TEXT),
        pa.field("conversion_filter_sql", _TEXT),
        pa.field("value_sql", _TEXT),
        pa.field("uses_person_properties", pa.bool_()),
        pa.field("lookback_days", pa.int32()),
        pa.field("channel_sql", _TEXT),
        pa.field("reads_channel_group", pa.bool_()),
        pa.field("direct_channels", _TEXT),
        pa.field("models", _TEXT),
        pa.field("position_weights", _TEXT),
        pa.field("half_life_days", pa.float64()),
        pa.field("collapses_repeats", pa.bool_()),
        pa.field("include_excluded_traffic", pa.bool_()),
        pa.field("definition_hash", _TEXT),
        pa.field("definition", _TEXT),
    ]
)


def attribution_tables(
    specs: Iterable[AttributionSpec], dialect: str
) -> dict[str, tuple[list[Row], pa.Schema]]:
    """Give rows and columns of the table of the declared attributions, by its name."""
    rows = [_row(spec, dialect) for spec in specs]
    return {"catalog_attribution": (rows, ATTRIBUTION_COLUMNS)}


def _row(spec: AttributionSpec, dialect: str) -> Row:
    parts = _parts(spec, dialect)
    return {
        "attribution_name": spec.name,
        "label": spec.label or spec.name.replace("_", " ").capitalize(),
        "description": spec.description,
        "owner": spec.owner,
        "unit": spec.unit,
        **parts,
        "definition_hash": content_hash({**parts, "version": _MEANING_VERSION}),
        "definition": json.dumps(spec.model_dump(mode="json"), ensure_ascii=False),
    }


def _parts(spec: AttributionSpec, dialect: str) -> Row:
    """Give what changes figures, and nothing else."""
    needs_persons = False

    def compiled(text: str, kind: ExpressionKind) -> str:
        nonlocal needs_persons
        found = compile_expression(
            text, columns=EVENT_COLUMNS, kind=kind, dialect=dialect
        )
        needs_persons |= found.uses_person_properties
        return found.sql

    names = named_events(spec.conversion.event, dialect)
    where = spec.conversion.where
    only = "" if where is None else f" AND ({compiled(where, 'condition')})"
    channel = compile_expression(
        spec.channel, columns=SESSION_COLUMNS, kind="scalar", dialect=dialect
    )
    row: Row = {
        "conversion_filter_sql": names + only,
        "value_sql": f"TRY_CAST({compiled(spec.value, 'scalar')} AS {NUMBER_TYPE})",
        "lookback_days": spec.lookback_days,
        "channel_sql": channel.sql,
        "reads_channel_group": "channel" in channel.columns,
        "direct_channels": json.dumps([one.lower() for one in spec.direct_channels]),
        "models": json.dumps(spec.models),
        "position_weights": spec.position_weights.model_dump_json(),
        "half_life_days": float(spec.half_life_days),
        "collapses_repeats": spec.collapse_repeats,
        "include_excluded_traffic": spec.include_bots,
    }
    return {**row, "uses_person_properties": needs_persons}
