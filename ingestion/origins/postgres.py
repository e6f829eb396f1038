"""Rows of a table or query of PostgreSQL, as Parquet files in the landing folder.

Belongs here: the connection, the query of one read, and where the next read goes on.
Not here: how rows become files (`row_files`), where those are remembered (`ledger`).

The driver: https://arrow.apache.org/adbc/current/driver/postgresql.html. It reads
through COPY in batches, so that a table of any size takes the memory of a row group.

Without a cursor the whole table is one file, kept when its rows are not those of the
file kept last. With a cursor rows come in its order, and after each `rows_per_file` a
file is kept, with the newest cursor value in it: a read that dies loses no more than
the file it was at. The next read begins `overlap` before that value, because a
transaction may commit after one with a later value; rows read twice are copies that
fall out by their key, as all copies do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pyarrow as pa
from adbc_driver_postgresql import dbapi

from ingestion.catalog.fields import window_seconds
from ingestion.catalog.models import CursorSpec, PostgresOrigin
from ingestion.origins.ledger import FetchedFile, OriginLedger
from ingestion.origins.models import FetchOptions, OriginError
from ingestion.origins.row_files import Cursor, cursor_type, parts, storable, write
from ingestion.sql_text import name, text

_DEFAULT_TIME_OVERLAP: Final = "1 hour"
_DEFAULT_NUMBER_OVERLAP: Final = 1_000
_TIME_TYPES: Final = ("timestamptz", "timestamp", "date")
_NUMBER_TYPES: Final = ("bigint", "numeric")


def read(
    origin: PostgresOrigin, ledger: OriginLedger, options: FetchOptions
) -> Iterator[FetchedFile]:
    """Read what is new and keep it; gives each kept file, none if nothing is new.

    Raises OriginError when the database is away, or the declaration does not fit it;
    what was kept stays.
    """
    ledger.clear_staging()
    url = options.secret(origin.url)
    kept = ledger.files[-1] if ledger.files else None
    with _connected(url, options) as connection, connection.cursor() as cursor:
        # Big tables would begin where another scan is, and equal rows be another file.
        cursor.execute("set synchronize_seqscans = off")
        cursor.execute("set timezone = 'UTC'")
        cursor.execute(_query(origin, kept))
        reader = cursor.fetch_record_batch()
        schema = storable(reader.schema)
        column = _cursor_field(origin.cursor, reader.schema)
        size = origin.rows_per_file if origin.cursor else None
        for part in parts(_batches(reader, url), size):
            file = write(part, schema, ledger, options.now, column)
            if file is not None:
                ledger.keep(file)
                yield file


@contextmanager
def _connected(url: str, options: FetchOptions) -> Iterator[dbapi.Connection]:
    """Give a connection; errors of the driver become OriginError without secrets."""
    try:
        with dbapi.connect(_with_timeouts(url, options)) as connection:
            yield connection
    except dbapi.Error as error:
        raise _problem(error, url) from None


def _batches(reader: Iterable[pa.RecordBatch], url: str) -> Iterator[pa.RecordBatch]:
    """Give the batches of a reader; its errors become OriginError without secrets."""
    try:
        yield from reader
    except (dbapi.Error, pa.ArrowException, OSError) as error:
        raise _problem(error, url) from None


def _problem(error: Exception, url: str) -> OriginError:
    told = _without_secrets(str(error), url)
    is_wrong = isinstance(error, dbapi.ProgrammingError)
    cure = (
        "correct `query`, `table` or `cursor`"
        if is_wrong
        else "see whether the database is up and lets this user in from here"
    )
    return OriginError(
        f"the database cannot be read ({told}): {cure}", is_passing=not is_wrong
    )


def _with_timeouts(url: str, options: FetchOptions) -> str:
    """Let a server that is away or silent be noticed."""
    wanted = {
        "connect_timeout": str(options.connect_seconds),
        "keepalives_idle": str(options.read_seconds),
        "tcp_user_timeout": str(options.read_seconds * 1000),
    }
    if "://" not in url:
        return " ".join([url, *(f"{key}={value}" for key, value in wanted.items())])
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    return urlunsplit(parts._replace(query=urlencode({**wanted, **given})))


def _without_secrets(message: str, url: str) -> str:
    password = urlsplit(url).password if "://" in url else None
    for secret in (url, password):
        if secret:
            message = message.replace(secret, "***")
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines)[:400]


def _query(origin: PostgresOrigin, kept: FetchedFile | None) -> str:
    base = f"select * from ({origin.query or f'select * from {origin.table}'}) as found"
    if origin.cursor is None:
        return base
    column = name(origin.cursor.column)
    if kept is None or kept.cursor is None or kept.cursor_type is None:
        return f"{base} order by {column}"
    since = _since(origin.cursor, Cursor(kept.cursor, kept.cursor_type))
    # A row without a value is never behind the cursor: it is read every time.
    return f"{base} where {column} >= {since} or {column} is null order by {column}"


def _since(declared: CursorSpec, cursor: Cursor) -> str:
    """Give the value from which to read: the newest known one, less the overlap."""
    value = f"cast({text(cursor.value)} as {cursor.type})"
    overlap = declared.overlap
    if cursor.type in _TIME_TYPES:
        if isinstance(overlap, int) and overlap:
            raise OriginError(
                f"`overlap` of the cursor {declared.column}, a time, is a number: "
                "write a window such as '1 hour'"
            )
        seconds = window_seconds(str(overlap or _DEFAULT_TIME_OVERLAP))
        return value if overlap == 0 else f"{value} - interval '{seconds} seconds'"
    if isinstance(overlap, str):
        raise OriginError(
            f"`overlap` of the cursor {declared.column}, a {cursor.type}, is a window: "
            "write a number of its own unit"
        )
    if cursor.type in _NUMBER_TYPES:
        return f"{value} - {_DEFAULT_NUMBER_OVERLAP if overlap is None else overlap}"
    return value


def _cursor_field(declared: CursorSpec | None, schema: pa.Schema) -> pa.Field | None:
    """Give the cursor's column; OriginError when its type has no order to go by."""
    if declared is None:
        return None
    field = schema.field(declared.column)
    if cursor_type(field.type) is None:
        raise OriginError(
            f"the cursor {declared.column} is no time, date, number or text: choose "
            "another column"
        )
    return field
