"""Table sources: any CSV, JSON or Parquet becomes events by a declared mapping.

Belongs here: turning a `SourceSpec` of format `table` whose rows are events into SQL
over the file's columns. Not here: mappings in general (`mapping`), rows of other
tables (`table_rows`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ingestion.catalog.expressions import CompiledExpression
from ingestion.catalog.models import SourceSpec
from ingestion.events import ID_COLUMNS, TEXT_COLUMNS
from ingestion.sources.event_sql import EventSql, identity, trimmed
from ingestion.sources.mapping import (
    NULL,
    PSEUDO_COLUMNS,
    MappingError,
    as_text,
    compiled,
    compiled_if_any,
    compiled_properties,
    compiled_time,
    file_fields,
    kept_properties,
    kept_rows,
    read_time,
    refuse_absent,
)
from ingestion.sources.shapes import Shapes


@dataclass(frozen=True, slots=True)
class _Mapping:
    """The compiled expressions of one source."""

    event_name: CompiledExpression
    event_id: CompiledExpression | None
    occurred_at: CompiledExpression
    received_at: CompiledExpression | None
    columns: Mapping[str, CompiledExpression]
    properties: Mapping[str, CompiledExpression]
    where: CompiledExpression | None

    def all(self) -> list[CompiledExpression]:
        """Give every expression of the mapping."""
        optional = (self.event_id, self.received_at, self.where)
        return [
            self.event_name,
            self.occurred_at,
            *(found for found in optional if found is not None),
            *self.columns.values(),
            *self.properties.values(),
        ]

    def columns_used(self) -> frozenset[str]:
        """Give the columns read by any expression, in lower case."""
        return frozenset().union(*(found.columns for found in self.all()))


def columns_used(spec: SourceSpec) -> frozenset[str]:
    """Give the file columns that a mapping reads, in lower case."""
    return _compiled(spec).columns_used() - set(PSEUDO_COLUMNS)


def check_columns(spec: SourceSpec, columns: Collection[str]) -> None:
    """Raise MappingError for the first column of the mapping that is not there."""
    refuse_absent(spec, columns_used(spec), columns)


def event_sql(spec: SourceSpec, shapes: Shapes) -> EventSql:
    """Say how rows with these columns become events of this source."""
    mapping = _compiled(spec)
    if spec.occurred_at is None:
        raise MappingError(f"source '{spec.name}': a table needs `occurred_at`")
    fields = file_fields(spec, mapping.columns_used(), shapes)
    received = NULL
    if spec.received_at is not None and mapping.received_at is not None:
        received = read_time(spec.received_at, as_text(mapping.received_at))
    occurred = as_text(mapping.occurred_at)
    event_id = as_text(mapping.event_id) if mapping.event_id else NULL
    return EventSql(
        structure=dict.fromkeys(shapes.keys, "JSON"),
        fields=fields,
        event_name=trimmed(as_text(mapping.event_name)),
        event_id=identity(event_id),
        occurred_text=f"nullif({occurred}, '')",
        occurred_at=read_time(spec.occurred_at, occurred),
        received_at=f"({received})::timestamp",
        ids={column: identity(_column(mapping, column)) for column in ID_COLUMNS},
        texts={column: _column(mapping, column) for column in TEXT_COLUMNS},
        revenue_text=f"nullif({_column(mapping, 'revenue')}, '')",
        value_text=f"nullif({_column(mapping, 'value')}, '')",
        properties=kept_properties(
            spec, mapping.properties, mapping.columns_used(), shapes
        ),
        keep=kept_rows(mapping.where),
    )


def _compiled(spec: SourceSpec) -> _Mapping:
    if spec.occurred_at is None or spec.event_name is None:
        raise MappingError(
            f"source '{spec.name}': a table needs `event_name` and `occurred_at`"
        )
    return _Mapping(
        event_name=compiled(spec, "event_name", spec.event_name),
        event_id=compiled_if_any(spec, "event_id", spec.event_id),
        occurred_at=compiled_time(spec, "occurred_at", spec.occurred_at),
        received_at=(
            compiled_time(spec, "received_at", spec.received_at)
            if spec.received_at
            else None
        ),
        columns={
            column: compiled(spec, column, expression)
            for column, expression in spec.columns.items()
        },
        properties=compiled_properties(spec),
        where=compiled_if_any(spec, "where", spec.where, kind="condition"),
    )


def _column(mapping: _Mapping, column: str) -> str:
    found = mapping.columns.get(column)
    return as_text(found) if found else NULL
