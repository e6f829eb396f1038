"""Table sources: any CSV, JSON or Parquet becomes events by a declared mapping.

Belongs here: turning a `SourceSpec` of format `table` into SQL over the file's columns,
and the error for a column that the file does not have. Not here: what an expression
may be (`ingestion.catalog.expressions`).

Every column is text, whatever the format, so that the same mapping reads the same data
from CSV, JSON and Parquet; expressions cast what they compute with. `file_name` (path
below the source's folder) and `line_number` come with every row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from ingestion.catalog.expressions import (
    CompiledExpression,
    ExpressionError,
    ExpressionKind,
    compile_expression,
)
from ingestion.catalog.models import SourceSpec, TimestampSpec
from ingestion.catalog.suggestions import nearest_name
from ingestion.events import ID_COLUMNS, TEXT_COLUMNS
from ingestion.sources.event_sql import (
    EventSql,
    entry,
    epoch,
    exact_timestamp,
    identity,
    loose_timestamp,
    merged,
    overflow_entries,
    struct_field,
    trimmed,
)
from ingestion.sources.shapes import Shapes
from ingestion.sql_text import name, text, text_list

PSEUDO_COLUMNS: Final = ("file_name", "line_number")
_NULL: Final = "null::varchar"
# A text that says its own offset or zone, against one that needs the declared zone.
_HAS_ZONE: Final = r"(\d\s*[Zz]|:\d\d(\.\d+)?\s*[+-]\d\d(:?\d\d)?|\d\s+[A-Za-z_/]+)$"


class MappingError(ValueError):
    """A mapping that does not fit the files: names source, column and cure."""


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


def needs_place(spec: SourceSpec) -> bool:
    """Say whether the mapping reads `file_name` or `line_number`."""
    return bool(_compiled(spec).columns_used() & set(PSEUDO_COLUMNS))


def check_columns(spec: SourceSpec, columns: Collection[str]) -> None:
    """Raise MappingError for the first column of the mapping that is not there."""
    present = {column.lower() for column in columns}
    for column in sorted(columns_used(spec) - present):
        near = nearest_name(column, tuple(columns))
        hint = f"; did you mean '{near}'?" if near else ""
        raise MappingError(
            f"source '{spec.name}': the file has no column '{column}'{hint} It has: "
            f"{', '.join(sorted(columns)[:20])}. Correct the mapping in sources.yml or "
            "the file, and run again"
        )


def event_sql(spec: SourceSpec, shapes: Shapes) -> EventSql:
    """Say how rows with these columns become events of this source."""
    mapping = _compiled(spec)
    if spec.occurred_at is None:
        raise MappingError(f"source '{spec.name}': a table needs `occurred_at`")
    fields = _fields(spec, mapping, shapes)
    received = _NULL
    if spec.received_at is not None and mapping.received_at is not None:
        received = _time(spec.received_at, _as_text(mapping.received_at))
    occurred = _as_text(mapping.occurred_at)
    event_id = _as_text(mapping.event_id) if mapping.event_id else _NULL
    return EventSql(
        structure=dict.fromkeys(shapes.keys, "JSON"),
        fields=fields,
        event_name=trimmed(_as_text(mapping.event_name)),
        event_id=identity(event_id),
        occurred_text=f"nullif({occurred}, '')",
        occurred_at=_time(spec.occurred_at, occurred),
        received_at=f"({received})::timestamp",
        ids={column: identity(_column(mapping, column)) for column in ID_COLUMNS},
        texts={column: _column(mapping, column) for column in TEXT_COLUMNS},
        revenue_text=f"nullif({_column(mapping, 'revenue')}, '')",
        value_text=f"nullif({_column(mapping, 'value')}, '')",
        properties=_properties(spec, mapping, shapes),
        keep=f"coalesce({mapping.where.sql}, false)" if mapping.where else None,
        columns_read=shapes.keys,
    )


def _compiled(spec: SourceSpec) -> _Mapping:
    if spec.occurred_at is None or spec.event_name is None:
        raise MappingError(
            f"source '{spec.name}': a table needs `event_name` and `occurred_at`"
        )
    properties = {} if isinstance(spec.properties, str) else spec.properties
    return _Mapping(
        event_name=_compile(spec, "event_name", spec.event_name),
        event_id=_optional(spec, "event_id", spec.event_id),
        occurred_at=_compile_time(spec, "occurred_at", spec.occurred_at),
        received_at=(
            _compile_time(spec, "received_at", spec.received_at)
            if spec.received_at
            else None
        ),
        columns={
            column: _compile(spec, column, expression)
            for column, expression in spec.columns.items()
        },
        properties={
            key: _compile(spec, key, expression)
            for key, expression in properties.items()
        },
        where=_optional(spec, "where", spec.where, kind="condition"),
    )


def _compile(
    spec: SourceSpec, key: str, expression: str, kind: ExpressionKind = "scalar"
) -> CompiledExpression:
    try:
        return compile_expression(expression, columns=None, kind=kind)
    except ExpressionError as error:
        raise MappingError(f"source '{spec.name}', `{key}`: {error}") from None


def _optional(
    spec: SourceSpec, key: str, expression: str | None, kind: ExpressionKind = "scalar"
) -> CompiledExpression | None:
    return _compile(spec, key, expression, kind) if expression else None


def _compile_time(
    spec: SourceSpec, key: str, time: TimestampSpec
) -> CompiledExpression:
    if time.column is not None:
        column = frozenset({time.column.lower()})
        return CompiledExpression(name(time.column), column, False)
    return _compile(spec, key, time.expression or "null")


def _as_text(expression: CompiledExpression) -> str:
    return f"({expression.sql})::varchar"


def _column(mapping: _Mapping, column: str) -> str:
    found = mapping.columns.get(column)
    return _as_text(found) if found else _NULL


def _fields(spec: SourceSpec, mapping: _Mapping, shapes: Shapes) -> dict[str, str]:
    """Give the file's columns as text, under their names, and the pseudo columns."""
    nulls = text_list(spec.reader.null_values) if spec.reader else ""
    by_lower = {key.lower(): key for key in shapes.keys}
    fields = {}
    for column in sorted(mapping.columns_used() - set(PSEUDO_COLUMNS)):
        key = by_lower.get(column)
        value = _NULL
        if key is not None:
            value = f"json_extract_string({struct_field(key)}, '$')"
            if nulls:
                value = f"case when {value} in ({nulls}) then null else {value} end"
        fields[key or column] = value
    folder = len(spec.name) + 2
    fields["file_name"] = f"substr(__file, {folder})"
    fields["line_number"] = "__line"
    return fields


def _time(spec: TimestampSpec, value: str) -> str:
    """Read a point in time by its declared format and zone, as UTC."""
    zone = text(spec.timezone)
    if spec.format.startswith("epoch_"):
        return epoch(value, spec.format)
    if spec.format != "iso":
        parsed = f"try_strptime({value}, {text(spec.format)})"
        if "%z" in spec.format.lower():
            return f"{parsed}::timestamp"
        return f"(({parsed})::timestamp at time zone {zone})::timestamp"
    read = f"coalesce({exact_timestamp(value)}, {loose_timestamp(value)})"
    if spec.timezone == "UTC":
        return read
    local = f"(try_cast({value} as timestamp) at time zone {zone})::timestamp"
    return (
        f"case when regexp_matches({value}, {text(_HAS_ZONE)}) "
        f"then {read} else {local} end"
    )


def _properties(spec: SourceSpec, mapping: _Mapping, shapes: Shapes) -> str:
    nulls = text_list(spec.reader.null_values) if spec.reader else ""
    if spec.properties == "none":
        return "'{}'"
    if spec.properties == "all":
        read = mapping.columns_used()
        entries = [
            entry(key, _without_nulls(struct_field(key), nulls))
            for key in shapes.keys
            if key.lower() not in read
        ]
        overflow = overflow_entries(shapes.keys) if shapes.overflow else None
        return merged(None, entries, overflow)
    by_lower = {key.lower(): key for key in shapes.keys}
    declared = [
        entry(key, _declared_value(expression, by_lower, nulls))
        for key, expression in mapping.properties.items()
    ]
    return merged(None, declared)


def _declared_value(
    expression: CompiledExpression, by_lower: Mapping[str, str], nulls: str
) -> str:
    """Give the JSON of a declared property; a plain column keeps its JSON type."""
    for column in expression.columns:
        key = by_lower.get(column)
        if key and expression.sql.lower() == name(column):
            return _without_nulls(struct_field(key), nulls)
    return f"to_json({expression.sql})::varchar"


def _without_nulls(value: str, nulls: str) -> str:
    if not nulls:
        return value
    sent = f"json_extract_string({value}, '$')"
    return f"case when {sent} in ({nulls}) then null else {value} end"
