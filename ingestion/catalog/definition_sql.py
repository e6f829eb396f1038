"""What the SQL of definitions over events has in common.

Belongs here: one compiler of filters and expressions, and the columns that every table
of definitions has. Not here: what one kind of definition
consists of (`path_sql`, `orders_sql`), nor series of days (`cohort_series`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from ingestion.catalog.columns import EVENT_COLUMNS
from ingestion.catalog.definition_models import Definition
from ingestion.catalog.expressions import (
    NUMBER_TYPE,
    ExpressionKind,
    compile_expression,
)
from ingestion.catalog.metric_sql import activity_filter, content_hash, named_events
from ingestion.catalog.models import Catalog, EventFilter
from ingestion.catalog.retention_models import ActivityFilter

Row = dict[str, Any]
Table = tuple[list[Row], pa.Schema]

TEXT: Final = pa.string()
DEFINITION_FIELDS: Final = (
    *(pa.field("label", TEXT), pa.field("description", TEXT), pa.field("owner", TEXT)),
    pa.field("uses_person_properties", pa.bool_()),
    pa.field("include_excluded_traffic", pa.bool_()),
    pa.field("definition_hash", TEXT),
    pa.field("definition", TEXT),
)
"""The last columns of every table of definitions; see `definition_row`."""


@dataclass(slots=True)
class DefinitionCompiler:
    """Compiles the expressions of one definition to one dialect."""

    catalog: Catalog
    dialect: str
    uses_person_properties: bool = field(default=False, init=False)

    def events(self, events: EventFilter | ActivityFilter) -> str:
        """Give the SQL that picks the events of a filter; without names, activity."""
        if events.event is None:
            names_sql = activity_filter(self.catalog, self.dialect)
        else:
            names_sql = named_events(events.event, self.dialect)
        if events.where is None:
            return names_sql
        return f"{names_sql} AND ({self._compiled(events.where, 'condition')})"

    def condition(self, text: str | None) -> str | None:
        """Give the SQL of a condition; none for none."""
        return None if text is None else f"({self._compiled(text, 'condition')})"

    def scalar(self, text: str) -> str:
        """Give the SQL of an expression, of whatever type it is."""
        return self._compiled(text, "scalar")

    def text(self, text: str | None) -> str | None:
        """Give the SQL of an expression as text; none for none."""
        if text is None:
            return None
        return f"CAST({self._compiled(text, 'scalar')} AS TEXT)"

    def number(self, text: str | None) -> str | None:
        """Give the SQL of an expression as an exact number; none for none."""
        # Decimals, because a sum of doubles depends on the order of the rows.
        if text is None:
            return None
        return f"TRY_CAST({self._compiled(text, 'scalar')} AS {NUMBER_TYPE})"

    def _compiled(self, text: str, kind: ExpressionKind) -> str:
        compiled = compile_expression(
            text, columns=EVENT_COLUMNS, kind=kind, dialect=self.dialect
        )
        self.uses_person_properties |= compiled.uses_person_properties
        return compiled.sql


def definition_row(
    spec: Definition, compiler: DefinitionCompiler, meaning: Row, version: int
) -> Row:
    """Give the row of a definition: its meaning, and the columns that all have.

    `meaning` holds what changes figures; its hash, with the `version` of how it is
    understood, names the rows that were computed from it.
    """
    meaning = {**meaning, "uses_person_properties": compiler.uses_person_properties}
    meaning["include_excluded_traffic"] = spec.include_bots
    return {
        "label": spec.label or spec.name.replace("_", " ").capitalize(),
        "description": spec.description,
        "owner": spec.owner,
        **meaning,
        "definition_hash": content_hash(
            {**meaning, "name": spec.name, "version": version}
        ),
        "definition": compact_json(spec.model_dump(mode="json")),
    }


def definition_schema(fields: Sequence[tuple[str, pa.DataType]]) -> pa.Schema:
    """Give the columns of a table of definitions, those that all have at the end."""
    return pa.schema(
        [*(pa.field(name, type_) for name, type_ in fields), *DEFINITION_FIELDS]
    )


def compact_json(value: object) -> str:
    """Give compact JSON, as tables of the compiled catalog hold it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
