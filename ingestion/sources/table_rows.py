"""Rows of the landed tables beside events: from a file's columns to typed columns.

Belongs here: how a declared mapping fills the columns of a `LandedTable`, which rows
are refused, and the statement that writes both. Not here: the tables themselves
(`ingestion.landed_tables`), mappings in general (`mapping`), events (`verdicts`).

A column is filled by its mapping, else by the file's column of the same name. A column
of the file that fills none goes to `extra`. Landed and refused rows leave in one pass,
as events do: a refused row travels with its reason in `source`, what exactly in
`load_id` and its text in `extra` to the partition of the null date.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final

from ingestion.catalog.expressions import CompiledExpression
from ingestion.catalog.models import SourceSpec
from ingestion.day_files import write_by_date
from ingestion.landed_tables import LANDED_TABLES, LandedTable, TableColumn
from ingestion.privacy.remembered import is_erased_id
from ingestion.sources.event_sql import exact_timestamp, identity, loose_timestamp
from ingestion.sources.mapping import (
    PSEUDO_COLUMNS,
    as_text,
    compiled,
    compiled_if_any,
    compiled_properties,
    compiled_time,
    file_fields,
    kept_properties,
    kept_rows,
    plain_column,
    read_time,
    refuse_absent,
)
from ingestion.sources.shapes import Shapes
from ingestion.sources.verdicts import (
    ERASED,
    SKIPPED,
    Rules,
    parsed_lines,
    unusable_line,
)
from ingestion.sql_text import text, text_list

_TRUE: Final = ("true", "t", "yes", "y", "1", "granted", "opt_in", "opted_in")
_FALSE: Final = ("false", "f", "no", "n", "0", "denied", "opt_out", "opted_out")
_SHOWN_CHARACTERS: Final = 60

# What the columns of a refused row hold.
REFUSED_ROW: Final = {
    "reason_code": "source",
    "detail": "load_id",
    "file": "file",
    "line_number": "line_number",
    "raw_text": "extra",
}


@dataclass(frozen=True, slots=True)
class RowSql:
    """Expressions for one row of a table.

    `sent` is the text of each column, null where there is none; `values` is the typed
    value, null too where the text cannot be read as one.
    """

    table: LandedTable
    structure: Mapping[str, str]
    fields: Mapping[str, str]
    sent: Mapping[str, str]
    values: Mapping[str, str]
    extra: str
    keep: str | None

    def structure_json(self) -> str:
        """Give the structure of json_transform; one field at least."""
        return json.dumps(dict(self.structure) or {"-": "JSON"}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class TableQuery:
    """All that makes the rows of one group of files."""

    relation: str
    rows: RowSql
    shapes: Shapes
    source: str
    load_id: str
    has_marked_bytes: bool


@dataclass(frozen=True, slots=True)
class _Mapping:
    """The compiled expressions of one source; `implied` columns are not declared."""

    columns: Mapping[str, CompiledExpression]
    implied: Mapping[str, CompiledExpression]
    properties: Mapping[str, CompiledExpression]
    where: CompiledExpression | None

    def columns_named(self) -> frozenset[str]:
        """Give the file's columns that a declared expression reads."""
        found = [*self.columns.values(), *self.properties.values()]
        found += [self.where] if self.where else []
        return frozenset().union(*(one.columns for one in found))

    def columns_used(self) -> frozenset[str]:
        """Give the file's columns that any expression reads, in lower case."""
        return self.columns_named() | set(self.implied)


def columns_used(spec: SourceSpec) -> frozenset[str]:
    """Give the file columns that fill a column of the table, in lower case."""
    return _mapping(spec).columns_used() - set(PSEUDO_COLUMNS)


def check_columns(spec: SourceSpec, columns: Collection[str]) -> None:
    """Raise MappingError for a column that is named or needed and not there."""
    mapping = _mapping(spec)
    needed = {name for name in mapping.implied if _table(spec).column(name).required}
    named = mapping.columns_named() - set(PSEUDO_COLUMNS)
    refuse_absent(spec, named | needed, columns)


def row_sql(spec: SourceSpec, shapes: Shapes) -> RowSql:
    """Say how rows with these columns become rows of the source's table."""
    table, mapping = _table(spec), _mapping(spec)
    used = mapping.columns_used()
    expressions = {**mapping.implied, **mapping.columns}
    sent = {
        column.name: _sent(column, as_text(expressions[column.name]))
        for column in table.columns
    }
    return RowSql(
        table=table,
        structure=dict.fromkeys(shapes.keys, "JSON"),
        fields=file_fields(spec, used, shapes),
        sent=sent,
        values={
            column.name: _value(spec, column, f"__sent_{column.name}")
            for column in table.columns
        },
        extra=kept_properties(spec, mapping.properties, used, shapes),
        keep=kept_rows(mapping.where),
    )


def copy_statement(query: TableQuery, rules: Rules, target: str) -> str:
    """Give the COPY that writes rows by date, refused ones under the null date."""
    rows = query.rows
    sent = "".join(f", {sql} as __sent_{name}" for name, sql in rows.sent.items())
    values = "".join(f", {sql} as __value_{name}" for name, sql in rows.values.items())
    keep = f", {rows.keep} as __keep" if rows.keep else ""
    select = f"""
with {parsed_lines(query.relation, query.shapes, rows)},
sent as (
    select *{keep}{sent} from fields
),
facts as (
    select *{values} from sent
),
judged as (
    select *, {_reason(query, rules)} as __reason from facts
)
select {_output(query)} from judged"""
    return write_by_date(select, target)


def _table(spec: SourceSpec) -> LandedTable:
    return LANDED_TABLES[spec.table]


def _mapping(spec: SourceSpec) -> _Mapping:
    declared = {
        column: compiled(spec, column, expression)
        for column, expression in spec.columns.items()
    }
    for column, time in spec.times.items():
        declared[column] = compiled_time(spec, column, time)
    return _Mapping(
        columns=declared,
        implied={
            column.name: plain_column(column.name)
            for column in _table(spec).columns
            if column.name not in declared
        },
        properties=compiled_properties(spec),
        where=compiled_if_any(spec, "where", spec.where, kind="condition"),
    )


def _sent(column: TableColumn, value: str) -> str:
    return identity(value) if column.is_identity else f"nullif({value}, '')"


def _value(spec: SourceSpec, column: TableColumn, sent: str) -> str:
    """Read a column's text as its type; null what cannot be read."""
    if column.name in spec.times:
        return f"({read_time(spec.times[column.name], sent)})::{column.type}"
    if column.type == "TIMESTAMP":
        return f"coalesce({exact_timestamp(sent)}, {loose_timestamp(sent)})"
    if column.type == "DATE":
        # A whole timestamp is a day too; its own day, not that of another zone.
        return f"try_cast({sent} as timestamp)::date"
    if column.type == "BOOLEAN":
        word = f"lower(trim({sent}))"
        yes, no = (f"{word} in ({text_list(words)})" for words in (_TRUE, _FALSE))
        return f"case when {yes} then true when {no} then false end"
    if column.type == "BIGINT":
        number = f"try_cast({sent} as decimal(38, 6))"
        whole = f"{number} = trunc({number})"
        return f"case when {whole} then try_cast({number} as bigint) end"
    return f"try_cast({sent} as {column.type})"


def _reason(query: TableQuery, rules: Rules) -> str:
    """Give the CASE of the verdicts, the first that fits wins."""
    table = query.rows.table
    now = rules.now.astimezone(UTC).replace(tzinfo=None)
    limit = now + timedelta(hours=rules.max_future_hours)
    at = f"__value_{table.time}"
    skipped = f"when not __keep then '{SKIPPED}'" if query.rows.keep else ""
    unusable = unusable_line(
        rules, query.shapes, has_marked_bytes=query.has_marked_bytes
    )
    return f"""case
            {unusable}
            {skipped}
            {_erased(table) if rules.remembered else ""}
            when {" or ".join(_missing(table).values())} then
                case
                    when try(json_type(__raw)) <> 'OBJECT' then 'not_an_object'
                    else 'missing_value'
                end
            when {" or ".join(_unreadable(table).values())} then 'unreadable_value'
            when {at} < timestamp '{rules.floor_date}' then 'before_floor'
            when {at} > timestamp '{limit}' then 'impossible_timestamp_future'
        end"""


def _erased(table: LandedTable) -> str:
    """Give the branch for rows that bear the id of a person who was erased."""
    ids = [is_erased_id(f"__value_{column}") for column in table.identity_columns()]
    return f"when {' or '.join(ids)} then '{ERASED}'" if ids else ""


def _missing(table: LandedTable) -> dict[str, str]:
    """Give what a row may lack, in words, with the condition of lacking it."""
    lacks = {
        f"`{column.name}`": f"__sent_{column.name} is null"
        for column in table.columns
        if column.required
    }
    if table.one_of:
        words = "one of " + ", ".join(f"`{name}`" for name in table.one_of)
        columns = ", ".join(f"__sent_{name}" for name in table.one_of)
        lacks[words] = f"coalesce({columns}) is null"
    return lacks


def _unreadable(table: LandedTable) -> dict[str, str]:
    """Give the columns whose text may not be read, with the condition of that."""
    typed = [column.name for column in table.columns if column.type != "VARCHAR"]
    return {
        name: f"(__value_{name} is null and __sent_{name} is not null)"
        for name in typed
    }


def _detail(table: LandedTable) -> str:
    """Say which values a refused row lacks, or which cannot be read."""
    missing = ", ".join(
        f"case when {condition} then {text(words)} end"
        for words, condition in _missing(table).items()
    )
    unreadable = ", ".join(
        f"case when {condition} then concat('`{name}` = ''', left(__sent_{name}, "
        f"{_SHOWN_CHARACTERS}), ''' is no {table.column(name).type}') end"
        for name, condition in _unreadable(table).items()
    )
    return (
        "case __reason when 'missing_value' "
        f"then concat('(It lacks ', concat_ws(', ', {missing}), '.)') "
        "when 'unreadable_value' "
        f"then concat('(', concat_ws('; ', {unreadable}), '.)') end"
    )


def _output(query: TableQuery) -> str:
    """Give the columns of the lake; refused rows in the columns the page head says."""
    table, good = query.rows.table, "__reason is null"
    columns = {
        **{column.name: f"__value_{column.name}" for column in table.columns},
        "extra": f"case when {good} then {query.rows.extra} else __raw end",
        "source": f"case when {good} then {text(query.source)} else __reason end",
        "file": "__file",
        "line_number": "__line",
        "load_id": (
            f"case when {good} then {text(query.load_id)} else {_detail(table)} end"
        ),
    }
    listed = [
        f"({columns[name]})::{type_} as {name}" for name, type_ in table.types().items()
    ]
    day = f"case when {good} then __value_{table.time}::date end as date"
    return ",\n    ".join((*listed, day))
