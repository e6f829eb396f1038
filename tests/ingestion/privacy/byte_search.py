"""Searches every byte below a folder, also those that are compressed."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq


def contents(path: Path) -> Iterator[bytes]:
    """Give a file's bytes, and what they hold when they are unpacked."""
    raw = path.read_bytes()
    yield raw
    if raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw)
    elif raw[:4] == b"\x28\xb5\x2f\xfd":
        with pa.CompressedInputStream(pa.BufferReader(raw), "zstd") as stream:
            yield stream.read()
    elif raw[:4] == b"PAR1":
        yield str(pq.read_table(path, partitioning=None).to_pylist()).encode()
        yield str(pq.read_metadata(path).to_dict()).encode()
    elif path.suffix == ".duckdb":
        yield from rows_of(path)


def rows_of(path: Path) -> Iterator[bytes]:
    with duckdb.connect(str(path), read_only=True) as connection:
        for schema, table in connection.execute(
            "select schema_name, table_name from duckdb_tables()"
        ).fetchall():
            rows = connection.execute(f'from {schema}."{table}"').fetchall()
            yield str(rows).encode()


def files_naming(folder: Path, ids: Iterable[str]) -> list[str]:
    """Give the files, below a folder, in which one of the ids stands."""
    wanted = [one.encode() for one in ids]
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and any(one in content for content in contents(path) for one in wanted)
    ]
