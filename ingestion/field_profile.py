"""Which fields the events of a load carry, and which of them are new.

Belongs here: looking into the properties and the footers of the files just written.
Not here: what a change means for the night (the gate on landed data) or when it began
(the table `trust.schema_changes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import duckdb

from ingestion.events import EVENT_COLUMNS
from ingestion.sql_text import text

# Clients that put an id into a key would fill the manifest with it.
_MAX_FIELDS: Final = 5_000
_MAX_KEYS: Final = 2_000
# An integer and a number with a fraction are one type: 1.0 is written as 1 by many.
_TYPES: Final = (
    "case kind when 'VARCHAR' then 'string' when 'BOOLEAN' then 'boolean' "
    "when 'OBJECT' then 'object' when 'ARRAY' then 'list' else 'number' end"
)


@dataclass(frozen=True, slots=True, order=True)
class FieldSeen:
    """A property of an event in one JSON type: string, number, boolean, object, list.

    A null has no type and is not listed.
    """

    event_name: str
    property_name: str
    json_type: str


def sample_texts(
    connection: duckdb.DuckDBPyConnection, files: str, *, column: str, kind: str
) -> None:
    """Make the table `sampled_texts`: texts of a JSON column in Parquet files (a glob).

    One text is taken for each kind of row (SQL, such as `event_name`) and length of
    text: objects with other keys or types have another length sooner or later, and
    the whole costs a tenth of looking into all. Of these, one for each structure: a
    key's type is looked up by reading the text once more (11,000 texts of 1.3 KB:
    0.55 s for 0.15 s).
    """
    connection.execute(
        "create or replace temp table sampled_texts as "
        "select kind, any_value(one) as one from ("
        f"select {kind} as kind, any_value({column}) as one "
        f"from read_parquet({text(files)}, hive_partitioning = false) "
        f"group by 1, strlen({column})) group by 1, try(json_structure(one))"
    )


def keys_in_sample(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Give the keys of the texts in `sampled_texts`, in order."""
    rows = connection.execute(
        "select distinct unnest(try(json_keys(one))) as key from sampled_texts "
        f"order by 1 limit {_MAX_KEYS}"
    ).fetchall()
    return tuple(str(row[0]) for row in rows)


def fields_in_sample(connection: duckdb.DuckDBPyConnection) -> set[FieldSeen]:
    """Give the fields in `sampled_texts`, whose kinds are names of events."""
    rows = connection.execute(
        f"select distinct event_name, key, {_TYPES} from ("
        "select event_name, key, json_type(one, '/' || "
        "replace(replace(key, '~', '~0'), '/', '~1')) as kind from ("
        "select kind as event_name, one, unnest(try(json_keys(one))) as key "
        "from sampled_texts)) "
        f"where kind is not null and kind <> 'NULL' order by all limit {_MAX_FIELDS}"
    ).fetchall()
    return {FieldSeen(*row) for row in rows}


def filled_columns(connection: duckdb.DuckDBPyConnection, files: str) -> dict[str, int]:
    """Count for each event column the rows that have a value, from the footers."""
    rows = connection.execute(
        "select path_in_schema, sum(num_values - coalesce(stats_null_count, 0)) "
        f"from parquet_metadata({text(files)}) group by 1"
    ).fetchall()
    found = {str(column): int(count) for column, count in rows}
    return {column.name: found.get(column.name, 0) for column in EVENT_COLUMNS}


def new_fields(
    found: Iterable[FieldSeen], known: Iterable[FieldSeen]
) -> tuple[FieldSeen, ...]:
    """Give the fields that no earlier load of the source has had, in order."""
    return tuple(sorted(set(found) - set(known)))


def fields_of(listed: Iterable[Mapping[str, str]]) -> tuple[FieldSeen, ...]:
    """Read fields as a manifest lists them."""
    return tuple(FieldSeen(**one) for one in listed)
