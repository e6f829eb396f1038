"""The SQL of one path definition: anchors, nodes, and the hash of its meaning.

Belongs here: the rows of `raw.catalog_paths`. Not here: how paths are found in events
(dbt, `macros/paths`).
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
from ingestion.catalog.models import Catalog
from ingestion.catalog.path_models import PathSpec

# Raise it when the same declaration begins to mean other figures.
_MEANING_VERSION: Final = 1

PATH_COLUMNS: Final = definition_schema(
    [
        ("path_name", TEXT),
        ("direction", TEXT),
        ("scope", TEXT),
        ("anchors", TEXT),
        ("step_count", pa.int32()),
        ("collapses_repeats", pa.bool_()),
        ("top_nodes", pa.int32()),
        ("top_sequences", pa.int32()),
        ("periods", TEXT),
        ("anchor_filter_sql", TEXT),
        ("node_filter_sql", TEXT),
        ("node_sql", TEXT),
        ("breakdown_name", TEXT),
        ("breakdown_sql", TEXT),
    ]
)


def path_tables(
    specs: Iterable[PathSpec], catalog: Catalog, dialect: str
) -> dict[str, Table]:
    """Give rows and columns of the table of the declared paths, by its name."""
    rows = [_row(spec, DefinitionCompiler(catalog, dialect)) for spec in specs]
    return {"catalog_paths": (rows, PATH_COLUMNS)}


def _row(spec: PathSpec, compiler: DefinitionCompiler) -> Row:
    meaning = {
        "direction": spec.direction,
        "scope": spec.scope,
        "anchors": spec.anchors,
        "step_count": spec.steps,
        "collapses_repeats": spec.collapse_repeats,
        "anchor_filter_sql": compiler.events(spec.anchor),
        "node_filter_sql": compiler.events(spec.nodes),
        "node_sql": compiler.text(spec.node),
        "breakdown_sql": compiler.text(spec.breakdown.sql if spec.breakdown else None),
    }
    return {
        "path_name": spec.name,
        **definition_row(spec, compiler, meaning, _MEANING_VERSION),
        # What is only shown differently needs no paths found anew.
        "breakdown_name": spec.breakdown.name if spec.breakdown else None,
        "top_nodes": spec.top_nodes,
        "top_sequences": spec.top_sequences,
        "periods": compact_json(spec.periods),
    }
