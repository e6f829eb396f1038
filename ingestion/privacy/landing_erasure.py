"""Erasing persons from the files of the landing folder.

Belongs here: how each format is rewritten without the lines that name a person. Not
here: the lake (`erasure`), what counts as naming (`mentions`).

Landing files are copies of what the lake holds, in the words of clients: a line that
names a person goes as a whole, also where it is another person's. Lines of JSON and of
CSV are cut out of the bytes as they stand, whatever the encoding; elements of a JSON
array and rows of Parquet are written anew; compressed files are compressed again. A
file that cannot be read is left and reported.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import duckdb
import pyarrow as pa

from ingestion.lake import Lake
from ingestion.privacy.erasure_books import add_rewritten
from ingestion.privacy.mentions import Mentions, end_of_lines
from ingestion.sources.files import (
    UnusableFileError,
    compression_of,
    json_layout,
    opened,
    suffix_of,
)
from ingestion.sql_text import text

_CHUNK: Final = 1 << 25
_SUFFIX: Final = ".erasing"


@dataclass(frozen=True, slots=True)
class LandingErasure:
    """What a rewriting did: lines by path below the landing folder, and the unread."""

    lines: dict[str, int]
    unreadable: tuple[str, ...] = ()


def erase_from_landing(
    lake: Lake, landing_dir: Path, mentions: Mentions, *, dry_run: bool = False
) -> LandingErasure:
    """Rewrite every file that names a person; `dry_run` only counts.

    A file that has landed is known to the lake in its new shape before it takes the old
    one's place. May be repeated.
    """
    lines: dict[str, int] = {}
    unreadable = []
    for path in landing_files(landing_dir):
        relative = path.relative_to(landing_dir).as_posix()
        aside = path.with_name(f".{path.name}{_SUFFIX}")
        try:
            count = _rewritten(path, aside, mentions)
        except (UnusableFileError, OSError, duckdb.Error, UnicodeError):
            aside.unlink(missing_ok=True)
            unreadable.append(relative)
            continue
        if count:
            lines[relative] = count
        if count and not dry_run:
            _put_in_place(lake, path, aside, relative)
        aside.unlink(missing_ok=True)
    return LandingErasure(lines, tuple(unreadable))


def landing_files(landing_dir: Path) -> Iterator[Path]:
    """Give all landing files, after what a killed erasure left is gone."""
    if not landing_dir.is_dir():
        return
    for path in sorted(landing_dir.rglob("*")):
        if path.is_file() and path.name.startswith(".") and path.suffix == _SUFFIX:
            path.unlink()
        elif path.is_file():
            yield path


def _rewritten(path: Path, aside: Path, mentions: Mentions) -> int:
    """Write the file without the lines that name a person; give how many those are."""
    suffix = suffix_of(path).lower()
    if suffix in (".parquet", ".pq"):
        return _rewrite_parquet(path, aside, mentions)
    is_csv = suffix in (".csv", ".tsv")
    if not _is_named(path, mentions, fields=is_csv):
        return 0
    if suffix == ".json" and json_layout(path) == "array":
        return _rewrite_array(path, aside, mentions)
    return _rewrite_lines(path, aside, mentions, fields=is_csv)


def _is_named(path: Path, mentions: Mentions, *, fields: bool) -> bool:
    return any(
        mentions.stand_in(part, fields=fields)
        for part in whole_lines(path, fields=fields)
    )


def _rewrite_lines(path: Path, aside: Path, mentions: Mentions, *, fields: bool) -> int:
    count = 0
    with _written(path, aside) as out:
        for part in whole_lines(path, fields=fields):
            kept, cut = mentions.without_lines(part, fields=fields)
            out.write(kept)
            count += cut
    return count


def whole_lines(path: Path, *, fields: bool) -> Iterator[bytes]:
    """Give a file's content, unpacked, in parts of whole lines.

    With `fields` a line of CSV may go on after a line break in quotes. Raises
    UnusableFileError or OSError.
    """
    rest = b""
    with opened(path) as stream:
        while chunk := stream.read(_CHUNK):
            rest += chunk
            end = end_of_lines(rest, fields=fields)
            if end:
                yield rest[:end]
                rest = rest[end:]
    if rest:
        yield rest


def _written(path: Path, aside: Path) -> IO[bytes] | pa.CompressedOutputStream:
    compression = compression_of(path)
    if compression:
        return pa.CompressedOutputStream(pa.OSFile(str(aside), "wb"), compression)
    return aside.open("wb")


def _rewrite_array(path: Path, aside: Path, mentions: Mentions) -> int:
    """Write a JSON array without the elements that name a person."""
    with opened(path) as stream:
        content = stream.read()
    with duckdb.connect() as connection:
        connection.execute(
            "create temp table elements as select unnest(?::json[]) as element",
            [bytes(content).decode("utf-8-sig")],
        )
        cut, kept = connection.execute(
            f"select count(*) filter (is_named), string_agg(element::varchar, "
            "e',\\n' order by position) filter (not is_named) from (select *, "
            f"rowid as position, {_named_in('element::varchar', mentions)} as is_named "
            "from elements)"
        ).fetchall()[0]
    with _written(path, aside) as out:
        out.write(f"[{kept or ''}]\n".encode())
    return int(cut)


def _rewrite_parquet(path: Path, aside: Path, mentions: Mentions) -> int:
    rows = f"read_parquet({text(path)}, hive_partitioning = false) as one"
    named = _named_in("to_json(one)::varchar", mentions)
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        found = connection.execute(
            f"select count(*) from {rows} where {named}"
        ).fetchone()
        if not found or not found[0]:
            return 0
        connection.execute(
            f"copy (select * from {rows} where not {named}) to {text(aside)} "
            "(format parquet)"
        )
    return int(found[0])


def _named_in(value: str, mentions: Mentions) -> str:
    found = [
        f"regexp_matches({value}, {text(pattern)})"
        for pattern, _ in mentions.sql_patterns
    ]
    return f"coalesce({' or '.join(found) or 'false'}, false)"


def _put_in_place(lake: Lake, path: Path, aside: Path, relative: str) -> None:
    """Let the lake know the new file, then replace the old one."""
    old = path.stat()
    aside.chmod(old.st_mode & 0o777)
    # The time stays: the file did not change for those who wait for it to settle.
    os.utime(aside, ns=(old.st_atime_ns, old.st_mtime_ns))
    with aside.open("rb") as stream:
        os.fsync(stream.fileno())
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    now = aside.stat()
    add_rewritten(lake, relative, sha256, now.st_size, now.st_mtime_ns)
    aside.replace(path)
