"""Batches of rows written as Parquet files, each with the newest cursor in it.

Belongs here: cutting a stream of batches into files, their types, what tells one
file's rows from another's, and the value of a cursor. Not here: where the batches come
from (`postgres`), where a file is remembered (`ledger`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.origins.ledger import FetchedFile, OriginLedger
from ingestion.origins.models import OriginError

_ROW_GROUP_ROWS: Final = 131_072


@dataclass(frozen=True, slots=True)
class Cursor:
    """A cursor's value as PostgreSQL writes it, and its type."""

    value: str
    type: str


class _HashedFile:
    """A file for writing that knows the checksum of what was written."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self.closed = False
        self.checksum = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write, and count in."""
        self.checksum.update(data)
        return self._handle.write(data)

    def tell(self) -> int:
        """Give the place in the file."""
        return self._handle.tell()

    def flush(self) -> None:
        """Hand on what was written."""
        self._handle.flush()

    def close(self) -> None:
        """Leave the closing to who opened the file."""
        self.closed = True


def storable(schema: pa.Schema) -> pa.Schema:
    """Give the schema as Parquet holds it; OriginError for a type it has none for."""
    fields = []
    for field in schema:
        type_ = field.type
        if isinstance(type_, pa.OpaqueType):
            # PostgreSQL's own types come as text, numeric among them.
            type_ = type_.storage_type
        if pa.types.is_interval(type_) or pa.types.is_duration(type_):
            raise OriginError(
                f"the column {field.name} is an interval, which a file cannot hold: "
                "cast it in `query`, such as extract(epoch from ...)"
            )
        fields.append(pa.field(field.name, type_))
    return pa.schema(fields)


def cursor_type(type_: pa.DataType) -> str | None:
    """Give PostgreSQL's name of a type that a cursor may have, None for others."""
    if pa.types.is_timestamp(type_):
        return "timestamptz" if type_.tz else "timestamp"
    if pa.types.is_date(type_):
        return "date"
    if pa.types.is_integer(type_):
        return "bigint"
    if isinstance(type_, pa.OpaqueType) and type_.type_name == "numeric":
        return "numeric"
    return "text" if pa.types.is_string(type_) else None


def parts(
    batches: Iterator[pa.RecordBatch], size: int | None
) -> Iterator[Iterator[pa.Table]]:
    """Cut the batches into parts of `size` rows, each in tables of a row group."""
    rest: list[pa.RecordBatch] = []

    def part() -> Iterator[pa.Table]:
        nonlocal rest
        left = size
        held: list[pa.RecordBatch] = []
        while left is None or left > 0:
            batch = rest.pop() if rest else next(batches, None)
            if batch is None:
                break
            if left is not None and batch.num_rows > left:
                rest.append(batch.slice(left))
                batch = batch.slice(0, left)
            left = None if left is None else left - batch.num_rows
            held.append(batch)
            if sum(one.num_rows for one in held) >= _ROW_GROUP_ROWS:
                yield pa.Table.from_batches(held)
                held = []
        if held:
            yield pa.Table.from_batches(held)

    while True:
        if not rest:
            batch = next(batches, None)
            if batch is None:
                return
            rest.append(batch)
        yield part()


def write(
    tables: Iterator[pa.Table],
    schema: pa.Schema,
    ledger: OriginLedger,
    now: datetime,
    column: pa.Field | None,
) -> FetchedFile | None:
    """Write one file aside; None when it has no rows, or the rows kept last."""
    moment = now.astimezone(UTC)
    path = f"{moment:%Y%m%dT%H%M%SZ}-{len(ledger.files) + 1:06d}.parquet"
    place = ledger.staged(path, "rows")
    rows, cursor = 0, None
    with place.open("wb") as handle:
        sink = _HashedFile(handle)
        target = pa.PythonFile(sink, mode="w")
        with pq.ParquetWriter(
            target, schema, compression="zstd", compression_level=1
        ) as writer:
            for table in tables:
                writer.write_table(table.cast(schema), row_group_size=_ROW_GROUP_ROWS)
                rows += table.num_rows
                if column is not None:
                    cursor = _newest(table, column, moment) or cursor
            # Before the footer, which says when: equal rows have equal versions.
            version = sink.checksum.hexdigest()
            writer.add_key_value_metadata({"daybreak_fetched_at": moment.isoformat()})
    return _kept(
        FetchedFile(path, version, place.stat().st_size, place.name, rows),
        cursor,
        ledger,
        place,
    )


def _kept(
    file: FetchedFile, cursor: Cursor | None, ledger: OriginLedger, place: Path
) -> FetchedFile | None:
    """Give the file with its cursor, or remove it when it says nothing new.

    Compared with the last only: a table that is again as it was before is news.
    """
    last = ledger.files[-1] if ledger.files else None
    if not file.rows or (last and last.version == file.version):
        place.unlink()
        return None
    if cursor is not None:
        return replace(file, cursor=cursor.value, cursor_type=cursor.type)
    if last is not None:
        return replace(file, cursor=last.cursor, cursor_type=last.cursor_type)
    return file


def _newest(table: pa.Table, column: pa.Field, now: datetime) -> Cursor | None:
    """Give the last value of a cursor, which is the order of the rows.

    A time in the future counts as now: from a wrong clock on, nothing else would ever
    be new.
    """
    type_ = cursor_type(column.type)
    values = table.column(column.name).drop_null()
    if not len(values) or type_ is None:
        return None
    if type_ == "timestamptz":
        limit: Any = pa.scalar(now, column.type)
    elif type_ == "timestamp":
        limit = pa.scalar(now.replace(tzinfo=None), column.type)
    elif type_ == "date":
        limit = pa.scalar(now.date(), column.type)
    else:
        last = values[-1]
        return Cursor(str(getattr(last, "value", last)), type_)
    # By the number behind: infinity is no time of Python's.
    newest = min(values[-1], limit, key=lambda one: one.value)
    return Cursor(newest.cast(pa.string()).as_py(), type_)
