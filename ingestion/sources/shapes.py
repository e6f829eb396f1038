"""Which top-level keys the lines of a group of files have.

Belongs here: finding the keys, so that one `json_transform` can read them all and none
is overlooked. Not here: what they mean.

Reading every line twice to learn its keys costs 0.5 of DuckDB's own load; a sample and
a check that each line has no other key costs half of that. Lines with other keys are
set aside and read in a second round, whose keys are found out in full.

The check: where clients leave out what they do not know, a line has as many keys as
there are known fields that are not null. Where they send nulls, the hash of its keys is
among those of the sample, which costs a third more.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

import duckdb

# More keys than this are read one by one from the line's text: slower, but a struct
# of thousands of fields is slower still.
MAX_DECLARED_KEYS: Final = 200
_MAX_SHAPES: Final = 500
MAX_NULL_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Shapes:
    """Keys of lines.

    `overflow` says that there are keys which `keys` does not list. `is_sample`: other
    lines may have further keys, to be checked by `hashes` (of the lists of keys seen,
    most frequent first) or, when these are None, by counting. `has_malformed`: some
    lines are no JSON. `delimiter`: lines are no JSON at all but the values of the keys,
    between delimiters.
    """

    keys: tuple[str, ...]
    overflow: bool = False
    is_sample: bool = False
    hashes: tuple[int, ...] | None = None
    has_malformed: bool = False
    delimiter: str | None = None


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

    `wanted` are keys that matter most. With `is_sample` there may be other lines.
    """
    if is_sample:
        # Read once: opening the files of a sample costs 0.1 s each time.
        connection.execute(f"create or replace temp table sample as {relation}")
        relation = "select raw from sample"
    connection.execute(
        "create or replace temp table shapes as "
        "select hash(keys) as shape, any_value(keys) as keys, count(*) as line_count "
        "from (select try(json_keys(raw)) as keys "
        f"from ({relation}) where raw is not null) group by 1"
    )
    found = connection.execute(
        "select key from (select unnest(keys) as key, line_count from shapes) "
        "group by 1 order by sum(line_count) desc, 1 limit 20000"
    ).fetchall()
    malformed = connection.execute(
        "select count(*) from shapes where keys is null and line_count > 0"
    ).fetchone()
    shapes = replace(
        declarable(tuple(str(row[0]) for row in found), wanted),
        has_malformed=bool(malformed and malformed[0]),
    )
    if not is_sample:
        return shapes
    hashes = None
    if shapes.overflow or _share_with_nulls(connection) > MAX_NULL_SHARE:
        hashes = _frequent_hashes(connection)
    return replace(shapes, is_sample=True, hashes=hashes)


def _share_with_nulls(connection: duckdb.DuckDBPyConnection) -> float:
    """Give the share of lines that name a key without giving it a value.

    Every eighth line of the sample is enough to tell clients that send nulls.
    """
    found = connection.execute(
        # A merge patch takes out what is null.
        "select coalesce(avg((len(json_keys(json_merge_patch('{}', raw))) "
        "< len(json_keys(raw)))::double), 0) from sample "
        "where rowid % 8 = 0 and json_valid(raw) "
        "and try(json_type(raw)) = 'OBJECT'"
    ).fetchone()
    return float(found[0]) if found else 0.0


def _frequent_hashes(connection: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    rows = connection.execute(
        "select shape from (select hash(null::varchar[]) as shape, 0 as line_count "
        "union all select shape, line_count from shapes) group by 1 "
        f"order by sum(line_count) desc, 1 limit {_MAX_SHAPES}"
    ).fetchall()
    return tuple(int(row[0]) for row in rows)
