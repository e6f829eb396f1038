"""Which top-level keys the lines of a group of files have.

Belongs here: finding the keys, so that one `json_transform` can read them all and none
is overlooked. Not here: what they mean.

Reading every line twice to learn its keys costs 0.5 of DuckDB's own load; a sample and
a check of each line against the shapes seen in it costs 0.25. Lines of other shapes are
set aside and read in a second round, whose keys are found out in full.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import duckdb

# More keys than this are read one by one from the line's text: slower, but a struct
# of thousands of fields is slower still.
MAX_DECLARED_KEYS: Final = 200
_MAX_SHAPES: Final = 500


@dataclass(frozen=True, slots=True)
class Shapes:
    """Keys of lines. `hashes` None says that no line can have a key not listed.

    `overflow` says that there are keys which `keys` does not list.
    """

    keys: tuple[str, ...]
    hashes: tuple[int, ...] | None = None
    overflow: bool = False


def shapes_of_columns(columns: Collection[str]) -> Shapes:
    """Give the shape of rows whose columns are known."""
    return declarable(tuple(columns), ())


def declarable(keys: tuple[str, ...], wanted: Collection[str]) -> Shapes:
    """Choose the keys a struct can hold: unique without case, not empty, not many.

    Keys in `wanted` are chosen before the others.
    """
    chosen: dict[str, str] = {}
    for key in sorted(keys, key=lambda key: key not in wanted):
        full = len(chosen) >= MAX_DECLARED_KEYS and key not in wanted
        if key and not full and key.lower() not in chosen:
            chosen[key.lower()] = key
    names = tuple(chosen.values())
    return Shapes(names, overflow=len(names) < len(keys))


def discover(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    *,
    wanted: Collection[str],
    is_sample: bool,
) -> Shapes:
    """Find the keys of the JSON objects in `raw` of a relation.

    `wanted` are keys that matter most. With `is_sample` the shapes come along, to
    recognise in the rest the lines that bring no other key.
    """
    connection.execute(
        "create or replace temp table shapes as "
        "select hash(keys) as shape, any_value(keys) as keys, count(*) as line_count "
        f"from (select try(json_keys(raw)) as keys from ({relation})) group by 1"
    )
    found = connection.execute(
        "select key from (select unnest(keys) as key, line_count from shapes) "
        "group by 1 order by sum(line_count) desc, 1 limit 20000"
    ).fetchall()
    shapes = declarable(tuple(str(row[0]) for row in found), wanted)
    if not is_sample:
        return shapes
    hashes = connection.execute(
        "select shape from (select shape, line_count from shapes "
        f"order by line_count desc limit {_MAX_SHAPES}) "
        "union select hash(null::varchar[])"
    ).fetchall()
    return Shapes(
        shapes.keys, tuple(sorted(int(row[0]) for row in hashes)), shapes.overflow
    )
