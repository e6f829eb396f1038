"""Ids as clients sent them, of persons whom the lake knows by pseudonyms only.

Belongs here: finding those ids in landing files and in quarantined lines, which hold
what was sent. Not here: who is linked to whom (`linked_ids`), removing (`erasure`).

A pseudonym cannot be turned back. Every text that might be an id, in everything that is
kept as it was sent, is given its pseudonym and compared: 10 MB of JSON lines a second
on two cores (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import duckdb

from ingestion.lake import Lake
from ingestion.privacy.keys import KeyRing
from ingestion.privacy.landing_erasure import landing_files, whole_lines
from ingestion.privacy.replacements import bind_keys, pseudonym_sql
from ingestion.sources.files import UnusableFileError, suffix_of
from ingestion.sql_text import text

# A string of JSON or a quoted field; a number, or a field without quotes.
_TOKEN: Final = r'"(?:[^"\\\n]|\\.|"")+"|[^",;\t|\r\n{}\[\]:]+'
# No id is longer; a bound inside the pattern makes it 100 times slower.
_LONGEST: Final = 300


def sent_ids(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    landing_dir: Path,
    ids: Sequence[str],
    ring: KeyRing,
) -> tuple[str, ...]:
    """Give what was sent where one of the ids, a pseudonym, stands for it now.

    `connection` has the function `opened_text` for encrypted lines. Files that cannot
    be read are left out: who rewrites them says so.
    """
    marks = tuple(f"{key.id}:" for key in ring.keys)
    pseudonyms = [one for one in ids if one.startswith(marks)]
    if not pseudonyms:
        return ()
    bind_keys(connection, ring)
    connection.execute(
        "create or replace temp table wanted_pseudonyms as select unnest(?) as id",
        [pseudonyms],
    )
    refused = text(lake.quarantine / "load=*" / "*.parquet")
    found = _found(
        connection,
        "select opened_text(raw_text) as content "
        f"from read_parquet({refused}, hive_partitioning = false)",
        ring,
    )
    for path in landing_files(landing_dir):
        found |= _found_in_file(connection, path, ring)
    return tuple(sorted(found))


def _found_in_file(
    connection: duckdb.DuckDBPyConnection, path: Path, ring: KeyRing
) -> set[str]:
    if suffix_of(path).lower() in (".parquet", ".pq"):
        rows = f"read_parquet({text(path)}, hive_partitioning = false) as one"
        try:
            return _found(
                connection, f"select to_json(one)::varchar as content from {rows}", ring
            )
        except duckdb.Error:
            return set()
    found: set[str] = set()
    for content in _contents(path):
        found |= _found(connection, "select ?::varchar as content", ring, [content])
    return found


def _contents(path: Path) -> Iterator[str]:
    try:
        for part in whole_lines(path, fields=False):
            yield bytes(part).decode("utf-8", "replace")
    except (UnusableFileError, OSError):
        return


def _found(
    connection: duckdb.DuckDBPyConnection,
    contents: str,
    ring: KeyRing,
    parameters: Sequence[str] = (),
) -> set[str]:
    """Give the texts, of a relation of contents, that have a wanted pseudonym."""
    wanted = " or ".join(
        f"{pseudonym_sql('value', key)} in (select id from wanted_pseudonyms)"
        for key in ring.keys
    )
    rows = connection.execute(
        "with lines as (select unnest(string_split(content, chr(10))) as line "
        f"from ({contents})), found as (select unnest(regexp_extract_all(line, "
        f"{text(_TOKEN)})) as token from lines), "
        "tokens as (select distinct trim(token) as token from found "
        f"where strlen(token) <= {_LONGEST}), "
        "unquoted as (select case when token[1] = '\"' then token[2:-2] else token end "
        "as value from tokens), "
        # Escapes of JSON, and quotes doubled in CSV.
        "spelled as (select value from unquoted union select try("
        "json_extract_string('\"' || value || '\"', '$')) from unquoted "
        "where contains(value, '\\') union select replace(value, '\"\"', '\"') "
        "from unquoted where contains(value, '\"\"')) "
        f"select distinct value from spelled where value <> '' and ({wanted})",
        list(parameters),
    ).fetchall()
    return {str(value) for (value,) in rows}
