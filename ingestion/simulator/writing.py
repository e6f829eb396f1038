"""Files of a day's arrivals, whole or not at all.

A file is written under a hidden temporary name beside its place and renamed.
Rendering and writing run in a thread of their own, so that the next days are
generated meanwhile; small days are rendered together, because planning the query
costs 30 ms, and large days in slices, because memory is bounded.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any, Protocol

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.simulator.rendering import Renderer
from ingestion.simulator.rows import Rows
from ingestion.simulator.specification import Format

SLICE_ROWS = 200_000
GZIP_LEVEL = 4


@dataclass(frozen=True)
class WrittenFile:
    """One file of arrivals: where, how many rows (header not counted), its size."""

    path: Path
    row_count: int
    byte_count: int


class Sink(Protocol):
    """An open file that takes rendered rows."""

    def write(self, rendered: pa.Table) -> None:
        """Append rows."""


class TextSink:
    """Takes a single column of lines that bear their line ends."""

    def __init__(self, stream: IO[bytes] | Any, header: str | None) -> None:
        self._stream = stream
        if header is not None:
            stream.write(f"{header}\n".encode())

    def write(self, rendered: pa.Table) -> None:
        """Append lines, straight from Arrow's buffer."""
        for chunk in rendered.column(0).chunks:
            _, offsets, content = chunk.buffers()
            bounds = np.frombuffer(offsets, dtype=np.int32)
            begin, end = bounds[chunk.offset], bounds[chunk.offset + len(chunk)]
            self._stream.write(memoryview(content)[begin:end])


class ParquetSink:
    """Takes fields as columns."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer

    def write(self, rendered: pa.Table) -> None:
        """Append a row group."""
        self._writer.write_table(rendered)


@contextmanager
def open_sink(path: Path, formats: Format, renderer: Renderer) -> Iterator[Sink]:
    """Open a file for rendered rows; when all went well it appears under `path`."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with ExitStack() as stack:
            yield _sink(stack, partial, formats, renderer)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _sink(stack: ExitStack, path: Path, formats: Format, renderer: Renderer) -> Sink:
    if formats == "parquet":
        writer = pq.ParquetWriter(path, renderer.schema, compression="zstd")
        return ParquetSink(stack.enter_context(writer))
    file = stack.enter_context(path.open("wb"))
    stream: IO[bytes] | Any = file
    if formats == "jsonl.gz":
        # No file name and no time in the header: equal rows give equal bytes.
        stream = stack.enter_context(
            gzip.GzipFile("", "wb", GZIP_LEVEL, fileobj=file, mtime=0)
        )
    elif formats == "jsonl.zst":
        stream = stack.enter_context(pa.CompressedOutputStream(file, "zstd"))
    return TextSink(stream, renderer.header)


class DayWriter:
    """Writes one file per UTC day of arrival, days given in any sizes."""

    def __init__(self, directory: Path, formats: Format, renderer: Renderer) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._format: Format = formats
        self._renderer = renderer
        # With several threads DuckDB returns Arrow rows in any order.
        self._connection = duckdb.connect(config={"threads": 1})
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._waiting: list[tuple[date, Rows]] = []
        self._running: Future[None] | None = None
        self._files: list[WrittenFile] = []

    def __enter__(self) -> DayWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._connection.close()

    def add(self, day: date, rows: Rows) -> None:
        """Take the rows of a day in file order; they are written by and by."""
        if len(rows):
            self._waiting.append((day, rows))
        if sum(len(waiting) for _, waiting in self._waiting) >= SLICE_ROWS:
            self._start()

    def finish(self) -> tuple[WrittenFile, ...]:
        """Write what is left and return all files in order of day."""
        self._start()
        self._settle()
        return tuple(self._files)

    def _start(self) -> None:
        """Hand what waits to the thread, once its last task has succeeded."""
        self._settle()
        self._running = self._thread.submit(self._write, self._waiting)
        self._waiting = []

    def _settle(self) -> None:
        if self._running is not None:
            self._running.result()

    def _write(self, days: list[tuple[date, Rows]]) -> None:
        small: list[tuple[date, Rows]] = []
        for day, rows in days:
            if len(rows) < SLICE_ROWS:
                small.append((day, rows))
            else:
                self._write_file(day, self._slices(rows))
        if small:
            together = self._render(np.concatenate([rows for _, rows in small]))
            ends = np.cumsum([len(rows) for _, rows in small])
            for (day, rows), end in zip(small, ends, strict=True):
                self._write_file(day, [together.slice(end - len(rows), len(rows))])

    def _slices(self, rows: Rows) -> Iterator[pa.Table]:
        for begin in range(0, len(rows), SLICE_ROWS):
            yield self._render(rows[begin : begin + SLICE_ROWS])

    def _render(self, rows: Rows) -> pa.Table:
        self._connection.register("arrivals", self._renderer.table(rows))
        try:
            query = self._renderer.query("arrivals")
            return self._connection.sql(query).to_arrow_table()
        finally:
            self._connection.unregister("arrivals")

    def _write_file(self, day: date, rendered: Iterable[pa.Table]) -> None:
        path = self._directory / f"events-{day}.{self._renderer.suffix}"
        row_count = 0
        with open_sink(path, self._format, self._renderer) as sink:
            for table in rendered:
                sink.write(table)
                row_count += table.num_rows
        self._files.append(WrittenFile(path, row_count, path.stat().st_size))
