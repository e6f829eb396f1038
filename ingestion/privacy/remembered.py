"""Who has been erased: keyed hashes of ids, and SQL that knows their rows at the door.

Belongs here: the folder `lake/erased`, HMAC-SHA256 in SQL, the check of the key. Not
here: removing what has landed (`erasure`), the verdict of a row (`sources.verdicts`).

The hash is HMAC-SHA256 (RFC 2104, https://www.rfc-editor.org/rfc/rfc2104): a plain hash
of an e-mail address is reversed by trying a dictionary. The key is no part of the SQL
text, so that no error message and no log shows it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from ingestion.durable import put_in_place
from ingestion.sql_text import text, text_list

FOLDER: Final = "erased"
_KEY_CHECK: Final = "key_check"
_CHECKED_TEXT: Final = b"the key by which Daybreak remembers erased persons"
_BLOCK_BYTES: Final = 64
# What an id may look like inside a line that cannot be parsed.
_TOKEN: Final = r"[\p{L}\p{N}_@.+|:-]+"
WITHHELD: Final = "(Text withheld: it names a person who was erased.)"


class ErasureKeyError(RuntimeError):
    """The key is missing, or not the one by which ids were remembered."""


@dataclass(frozen=True, slots=True)
class RememberedIds:
    """The key and the files of hashes of one lake; there is one file at least."""

    key: bytes
    files: tuple[Path, ...]

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the tables and the variables that `is_erased` reads."""
        set_key(connection, self.key)
        rows = f"from read_parquet([{text_list(self.files)}])"
        connection.execute(
            "create or replace temp table erased_ids as "
            f"select distinct id_hash {rows} where valid_from is null"
        )
        connection.execute(
            f"create or replace temp table erased_spans as {rows} "
            "where valid_from is not null"
        )

    def withhold_text(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Empty the text of refused lines in which an erased id stands as a word."""
        words = f"regexp_extract_all(raw_text, {text(_TOKEN)})"
        connection.execute(
            f"update refused set raw_text = null, detail = concat_ws(' ', detail, "
            f"{text(WITHHELD)}) where {_any_is_erased(words)}"
        )


def remembered_ids(lake_dir: Path, key: bytes | None) -> RememberedIds | None:
    """Return what a landing must leave out; None when nobody was ever erased.

    Raises ErasureKeyError when somebody was and the key is not there, or another one:
    landing without it would bring them back.
    """
    files = tuple(sorted((lake_dir / FOLDER).glob("*.parquet")))
    if not files:
        return None
    check_key(lake_dir, key)
    assert key is not None
    return RememberedIds(key, files)


def check_key(lake_dir: Path, key: bytes | None) -> None:
    """Raise ErasureKeyError unless the key is there and the one used before."""
    if not key:
        raise ErasureKeyError(
            "erased persons are remembered by a keyed hash, and there is no key: set "
            "DAYBREAK_ERASURE_KEY to the same secret of at least 16 characters for "
            "every command of this home"
        )
    path = lake_dir / FOLDER / _KEY_CHECK
    if path.exists() and path.read_text("ascii").strip() != _check_of(key):
        raise ErasureKeyError(
            "DAYBREAK_ERASURE_KEY is not the key by which earlier erasures are "
            "remembered: set it back, or the persons erased then would come back"
        )


def remember(
    lake_dir: Path,
    key: bytes,
    name: str,
    ids: Iterable[str],
    spans: Iterable[tuple[str, str, str]] = (),
) -> None:
    """Write the hashes of ids to `erased/<name>.parquet`, whole or not at all.

    `spans` (device, from, to) say when devices of others were the persons'. Raises
    ErasureKeyError when earlier ones have another key.
    """
    check_key(lake_dir, key)
    folder = lake_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    _write_whole(folder / _KEY_CHECK, _check_of(key) + "\n")
    aside = folder / f".{name}.tmp"
    with duckdb.connect() as connection:
        set_key(connection, key)
        connection.execute(
            "create temp table ids as select unnest(?) as id, "
            "null::timestamp as valid_from, null::timestamp as valid_to",
            [[*ids]],
        )
        for span in spans:
            connection.execute("insert into ids values (?, ?, ?)", span)
        connection.execute(
            f"copy (select distinct {hash_of('id')} as id_hash, valid_from, valid_to "
            f"from ids order by all) to {text(aside)} (format parquet)"
        )
    put_in_place(aside, folder / f"{name}.parquet")


def normal_id(value: str) -> str:
    """Give SQL for an id as it is compared: e-mail addresses in lower case."""
    return f"case when contains({value}, '@') then lower({value}) else {value} end"


def hash_of(value: str) -> str:
    """Give SQL for the keyed hash of an id (hex text), after `set_key`."""
    inner = f"unhex(sha256(getvariable('erasure_inner') || encode({normal_id(value)})))"
    return f"sha256(getvariable('erasure_outer') || {inner})"


def is_erased(
    user_id: str, anonymous_id: str, properties: str, occurred_at: str
) -> str:
    """Give the condition that a row belongs to a person who was erased.

    By its user where one is known (a device may be another's by now), else by its
    device, or by when it was theirs; and by any of `$ids`.
    """
    ids = f"json_extract_string({properties}, '$.\"$ids\"[*]')"
    return (
        f"({is_erased_id(f'coalesce({user_id}, {anonymous_id})')} or "
        f"{is_in_erased_span(user_id, anonymous_id, occurred_at)} or "
        f"case when contains({properties}, '\"$ids\"') then {_any_is_erased(ids)} end)"
    )


def is_erased_id(one: str) -> str:
    """Give the condition that an id is one of a person who was erased."""
    return f"{hash_of(one)} in (select id_hash from erased_ids)"


def is_in_erased_span(user_id: str, anonymous_id: str, occurred_at: str) -> str:
    """Give the condition that a shared device was theirs, and nobody says otherwise."""
    return (
        f"({user_id} is null and exists (select 1 from erased_spans where "
        f"id_hash = {hash_of(anonymous_id)} and {occurred_at} >= valid_from "
        f"and {occurred_at} < valid_to))"
    )


def set_key(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Give a connection the two padded keys of HMAC, as variables."""
    block = hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key
    padded = block.ljust(_BLOCK_BYTES, b"\0")
    for name, pad in (("erasure_inner", 0x36), ("erasure_outer", 0x5C)):
        connection.execute(
            f"set variable {name} = ?", [bytes(byte ^ pad for byte in padded)]
        )


def _any_is_erased(values: str) -> str:
    hashes = f"list_transform({values}, lambda one: {hash_of('one')})"
    return f"list_has_any({hashes}, (select list(id_hash) from erased_ids))"


def _check_of(key: bytes) -> str:
    return hmac.new(key, _CHECKED_TEXT, hashlib.sha256).hexdigest()


def _write_whole(path: Path, content: str) -> None:
    aside = path.with_name(f".{path.name}.tmp")
    aside.write_text(content, "ascii")
    put_in_place(aside, path)
