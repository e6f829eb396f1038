"""Declared mappings: expressions over a file's columns, for any table of the lake.

Belongs here: compiling the expressions of a `SourceSpec` of format `table`, the file's
columns as the expressions see them, times in declared formats, the object of all that
no column took, and the error for a column that a file does not have. Not here: what
becomes of the values (`table` for events, `table_rows` for other tables), what an
expression may be (`ingestion.catalog.expressions`).

Every column is text, whatever the format, so that the same mapping reads the same data
from CSV, JSON and Parquet; expressions cast what they compute with. `file_name` (path
below the source's folder) and `line_number` come with every row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from ingestion.catalog.expressions import (
    CompiledExpression,
    ExpressionError,
    ExpressionKind,
    compile_expression,
)
from ingestion.catalog.models import SourceSpec, TimestampSpec
from ingestion.catalog.suggestions import nearest_name
from ingestion.sources.event_sql import (
    entry,
    epoch,
    exact_timestamp,
    loose_timestamp,
    merged,
    overflow_entries,
    struct_field,
)
from ingestion.sources.shapes import Shapes
from ingestion.sql_text import name, text, text_list

PSEUDO_COLUMNS: Final = ("file_name", "line_number")
NULL: Final = "null::varchar"
# A text that says its own offset or zone, against one that needs the declared zone.
_HAS_ZONE: Final = r"(\d\s*[Zz]|:\d\d(\.\d+)?\s*[+-]\d\d(:?\d\d)?|\d\s+[A-Za-z_/]+)$"


class MappingError(ValueError):
    """A mapping that does not fit the files: names source, column and cure."""


def refuse_absent(
    spec: SourceSpec, used: Collection[str], columns: Collection[str]
) -> None:
    """Raise MappingError that names all of the `used` columns that are not there."""
    present = {column.lower() for column in columns}
    absent = sorted(set(used) - present)
    if not absent:
        return
    missing = []
    for column in absent:
        near = nearest_name(column, tuple(columns))
        hint = f" (did you mean '{near}'?)" if near else ""
        missing.append(f"'{column}'{hint}")
    raise MappingError(
        f"source '{spec.name}': the file has no column {', '.join(missing)}. It has: "
        f"{', '.join(sorted(columns)[:20])}. Correct the mapping in sources.yml or the "
        "file, and run again"
    )


def compiled(
    spec: SourceSpec, key: str, expression: str, kind: ExpressionKind = "scalar"
) -> CompiledExpression:
    """Compile an expression over the columns of a source's files."""
    try:
        return compile_expression(expression, columns=None, kind=kind)
    except ExpressionError as error:
        raise MappingError(f"source '{spec.name}', `{key}`: {error}") from None


def compiled_if_any(
    spec: SourceSpec, key: str, expression: str | None, kind: ExpressionKind = "scalar"
) -> CompiledExpression | None:
    """Compile an expression that need not be declared."""
    return compiled(spec, key, expression, kind) if expression else None


def compiled_time(
    spec: SourceSpec, key: str, time: TimestampSpec
) -> CompiledExpression:
    """Compile the column or expression of a declared time."""
    if time.column is not None:
        return plain_column(time.column)
    return compiled(spec, key, time.expression or "null")


def compiled_properties(spec: SourceSpec) -> dict[str, CompiledExpression]:
    """Compile the declared properties, none where all or no columns are kept."""
    properties = {} if isinstance(spec.properties, str) else spec.properties
    return {key: compiled(spec, key, value) for key, value in properties.items()}


def plain_column(column: str) -> CompiledExpression:
    """Give the expression that is a column of the file."""
    return CompiledExpression(name(column), frozenset({column.lower()}), False)


def as_text(expression: CompiledExpression) -> str:
    """Give the value of an expression as text."""
    return f"({expression.sql})::varchar"


def kept_rows(where: CompiledExpression | None) -> str | None:
    """Give the condition of rows that are not skipped, None = all."""
    return f"coalesce({where.sql}, false)" if where else None


def file_fields(
    spec: SourceSpec, used: Collection[str], shapes: Shapes
) -> dict[str, str]:
    """Give the file's columns as text, under their names, and the pseudo columns."""
    nulls = text_list(spec.reader.null_values) if spec.reader else ""
    by_lower = {key.lower(): key for key in shapes.keys}
    fields = {}
    for column in sorted(set(used) - set(PSEUDO_COLUMNS)):
        key = by_lower.get(column)
        value = NULL
        if key is not None:
            value = f"json_extract_string({struct_field(key)}, '$')"
            if nulls:
                value = f"case when {value} in ({nulls}) then null else {value} end"
        fields[key or column] = value
    folder = len(spec.name) + 2
    fields["file_name"] = f"substr(__file, {folder})"
    fields["line_number"] = "__line"
    return fields


def read_time(spec: TimestampSpec, value: str) -> str:
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


def kept_properties(
    spec: SourceSpec,
    properties: Mapping[str, CompiledExpression],
    used: Collection[str],
    shapes: Shapes,
) -> str:
    """Give the JSON object of declared properties, or of columns that none `used`."""
    nulls = text_list(spec.reader.null_values) if spec.reader else ""
    if spec.properties == "none":
        return "'{}'"
    if spec.properties == "all":
        entries = [
            entry(key, _without_nulls(struct_field(key), nulls))
            for key in shapes.keys
            if key.lower() not in used
        ]
        overflow = overflow_entries(shapes.keys) if shapes.overflow else None
        return merged(None, entries, overflow)
    by_lower = {key.lower(): key for key in shapes.keys}
    declared = [
        entry(key, _declared_value(expression, by_lower, nulls))
        for key, expression in properties.items()
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
