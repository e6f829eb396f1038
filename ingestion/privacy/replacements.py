"""Whole columns of values hashed and encrypted: a table of distinct values.

Belongs here: the HMAC as SQL, the table `replaced`, the pseudonyms earlier loads have.
Not here: which values these are (`fields`, `door`), one value in Python (`keys`).

No secret and no value ever stands in the text of a statement: keys are bound as
variables of the connection, values stay in tables. Only ciphertexts are made outside
SQL, a batch of distinct values at a time, because DuckDB has no cipher.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from ingestion.privacy.keys import (
    PSEUDONYM_DIGITS,
    KeyRing,
    PersonalKey,
    encrypted,
)
from ingestion.privacy.plan import PrivacyPlan
from ingestion.sql_text import text, text_list

PSEUDONYMS_FILE: Final = "pseudonyms.parquet"
_BATCH: Final = 100_000


def bind_keys(connection: duckdb.DuckDBPyConnection, ring: KeyRing) -> None:
    """Make the keys known to `pseudonym_sql` on this connection."""
    for key in ring.keys:
        inner, outer = key.pads()
        connection.execute(f"set variable hmac_inner_{key.id} = ?", [inner])
        connection.execute(f"set variable hmac_outer_{key.id} = ?", [outer])


def hmac_sql(value: str, key: PersonalKey) -> str:
    """Give HMAC-SHA256 (RFC 2104) of a text as 64 hex digits; needs `bind_keys`."""
    inner = f"sha256(getvariable('hmac_inner_{key.id}') || encode({value}))"
    return f"sha256(getvariable('hmac_outer_{key.id}') || unhex({inner}))"


def pseudonym_sql(value: str, key: PersonalKey) -> str:
    """Give the pseudonym of a text; needs `bind_keys`."""
    form = (
        f"case when contains({value}, '@') then lower(trim({value})) else {value} end"
    )
    digits = f"left({hmac_sql(form, key)}, {PSEUDONYM_DIGITS})"
    return f"{text(key.id + ':')} || {digits}"


def replace_values(
    connection: duckdb.DuckDBPyConnection, plan: PrivacyPlan, lake: Path
) -> None:
    """Make the table `replaced` (action, value, replacement) of the table `values`.

    `values_found` has distinct (action, value), action being hash or encrypt. `lake` is
    the root of the lake, whose loads have listed their pseudonyms: a value that has one
    under an older key keeps it. Texts that are nobody's id stay as they are, because
    identity has to know them again.
    """
    connection.execute(
        "create or replace temp table replaced "
        "(action varchar, value varchar, replacement varchar)"
    )
    ring = plan.the_ring()
    bind_keys(connection, ring)
    current = pseudonym_sql("value", ring.current)
    junk = f"lower(trim(value)) in ({text_list(sorted(plan.junk_ids)) or text('')})"
    earlier = _known_earlier(connection, ring, lake)
    joins = "".join(
        f" left join known_pseudonyms as {key.id} "
        f"on {key.id}.pseudonym = {pseudonym_sql('value', key)}"
        for key in earlier
    )
    kept = "".join(f"{key.id}.pseudonym, " for key in earlier)
    connection.execute(
        f"insert into replaced select 'hash', value, case when {junk} or value = '' "
        f"then value else coalesce({kept}{current}) end "
        f"from values_found{joins} where action = 'hash'"
    )
    _encrypt(connection, ring.current)


def write_pseudonyms(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    """List the pseudonyms of a load, for the day when their key is an older one."""
    connection.execute(
        "copy (select distinct replacement as pseudonym from replaced "
        "where action = 'hash' and replacement <> value order by 1) "
        f"to {text(target)} (format parquet, compression zstd)"
    )


def forget_pseudonyms(lake: Path, ids: Sequence[str]) -> int:
    """Take ids out of the lists of pseudonyms of all loads; give how many were there.

    May be repeated after a kill: a list is replaced whole or not at all.
    """
    forgotten = 0
    with duckdb.connect() as connection:
        connection.execute("create temp table gone as select unnest(?) as id", [[*ids]])
        for path in sorted(lake.glob(f"*/load=*/{PSEUDONYMS_FILE}")):
            listed = f"read_parquet({text(path)}, hive_partitioning = false)"
            found = connection.execute(
                f"select count(*) from {listed} semi join gone on pseudonym = id"
            ).fetchone()
            if not found or not found[0]:
                continue
            aside = path.with_suffix(".tmp")
            connection.execute(
                f"copy (select * from {listed} anti join gone on pseudonym = id) "
                f"to {text(aside)} (format parquet, compression zstd)"
            )
            aside.replace(path)
            forgotten += int(found[0])
    return forgotten


def _known_earlier(
    connection: duckdb.DuckDBPyConnection, ring: KeyRing, lake: Path
) -> tuple[PersonalKey, ...]:
    """Make the table of pseudonyms under older keys; give the keys that have any."""
    if not ring.older or not any(lake.glob(f"*/load=*/{PSEUDONYMS_FILE}")):
        return ()
    starts = text_list(f"{key.id}:" for key in ring.older)
    connection.execute(
        "create or replace temp table known_pseudonyms as select distinct pseudonym "
        f"from read_parquet({text(lake / '*' / 'load=*' / PSEUDONYMS_FILE)}, "
        "hive_partitioning = false) "
        f"where regexp_extract(pseudonym, '^[^:]*:') in ({starts})"
    )
    return ring.older


def _encrypt(connection: duckdb.DuckDBPyConnection, key: PersonalKey) -> None:
    connection.execute(
        "create or replace temp table plain as select row_number() over () as n, value "
        "from values_found where action = 'encrypt'"
    )
    found = connection.execute("select count(*) from plain").fetchone()
    for start in range(0, int(found[0]) if found else 0, _BATCH):
        rows = connection.execute(
            "select value from plain where n > ? and n <= ?", [start, start + _BATCH]
        ).fetchall()
        values = [str(row[0]) for row in rows]
        batch = pa.table({"value": values, "replacement": encrypted(values, key)})
        connection.register("batch_of_ciphertexts", batch)
        connection.execute(
            "insert into replaced select 'encrypt', value, replacement "
            "from batch_of_ciphertexts"
        )
        connection.unregister("batch_of_ciphertexts")
    connection.execute("drop table plain")
