"""From a found file to a readable one: format, encoding, columns, clean copies.

Belongs here: what has to be decided for each file before SQL reads it, and the rows
that are refused already then. Not here: finding files (`files`), reading (`readers`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import duckdb

from ingestion.catalog.models import SourceSpec
from ingestion.sources.adapters import columns_without_header
from ingestion.sources.files import (
    DamagedFileError,
    Format,
    Inspection,
    LandingFile,
    LongLine,
    first_bytes,
    format_of,
    inspect,
    json_layout,
    write_clean_copy,
)
from ingestion.sources.readers import (
    CsvDialect,
    ReadableFile,
    csv_columns,
    csv_dialect,
    has_header,
    parquet_columns,
)

# What is kept of a line over the limit: enough to know it again.
_LONG_LINE_TEXT_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A file as found, as inspected, and as it will be read.

    `has_one_newline`: it is read from a copy in which every line ends in LF.
    """

    found: LandingFile
    inspection: Inspection
    readable: ReadableFile
    long_lines: tuple[tuple[LongLine, str], ...] = ()
    has_one_newline: bool = False

    @property
    def path(self) -> str:
        """The path relative to the landing folder."""
        return self.found.path


def format_for(spec: SourceSpec, path: Path) -> Format:
    """Give how a file of this source is read."""
    if spec.reader is None:
        return format_of(path)
    if spec.reader.format == "json":
        return json_layout(path)
    return spec.reader.format


def prepare(
    connection: duckdb.DuckDBPyConnection,
    spec: SourceSpec,
    file: LandingFile,
    inspection: Inspection,
    *,
    scratch: Path,
    max_line_bytes: int,
) -> PreparedFile:
    """Make a file readable; DamagedFileError says why it cannot be.

    Files in another encoding and files with over-long lines are read from a copy.
    """
    kind = format_for(spec, file.absolute)
    readable = ReadableFile(file.path, file.absolute, kind)
    if kind == "parquet":
        columns = parquet_columns(connection, file.absolute)
        return PreparedFile(file, inspection, replace(readable, columns=columns))
    if kind == "csv" and _is_without_header(spec, file.absolute):
        kind, readable = "lines", _split_lines(readable, spec)
    encoding = spec.reader.encoding if spec.reader else "utf-8"
    foreign = encoding not in ("utf-8", "utf-8-sig", "ascii")
    prepared = PreparedFile(file, inspection, replace(readable, lines=inspection.lines))
    if foreign or (inspection.has_reserved and kind == "lines"):
        prepared = marked_copy(prepared, scratch, encoding, max_line_bytes)
    elif inspection.long_lines and kind != "array":
        prepared = _without_long_lines(prepared, scratch)
    if kind == "csv":
        return _with_columns(prepared, spec)
    if kind == "array":
        # DuckDB takes an array that ends after a comma for a whole one.
        if inspection.ending != b"]":
            raise DamagedFileError(
                "unreadable_file",
                "is one JSON array that never ends: copy it again as a whole",
            )
        return replace(prepared, readable=replace(prepared.readable, lines=None))
    return prepared


def with_one_newline(
    prepared: PreparedFile, spec: SourceSpec, scratch: Path, max_line_bytes: int
) -> PreparedFile:
    """Give a CSV file read from a copy in which every line ends in LF.

    DuckDB refuses a CSV file as a whole where ends of lines are mixed.
    """
    encoding = spec.reader.encoding if spec.reader else "utf-8"
    copy = marked_copy(
        replace(prepared, has_one_newline=True), scratch, encoding, max_line_bytes
    )
    return _with_columns(copy, spec)


def marked_copy(
    prepared: PreparedFile, scratch: Path, encoding: str, max_line_bytes: int
) -> PreparedFile:
    """Give the file read from a UTF-8 copy whose bytes that are no text are marked."""
    target = _copy_path(prepared.found, scratch)
    write_clean_copy(
        prepared.found,
        target,
        encoding=encoding,
        drop=prepared.inspection.long_lines,
        one_newline=prepared.has_one_newline or prepared.readable.format == "lines",
    )
    copy = replace(prepared.found, absolute=target, bytes=target.stat().st_size)
    counted = inspect(copy, limit=max_line_bytes)
    readable = replace(
        prepared.readable, read_from=target, lines=counted.lines, is_marked=True
    )
    inspection = replace(
        prepared.inspection, lines=counted.lines, has_quotes=counted.has_quotes
    )
    marked = replace(prepared, readable=readable, inspection=inspection)
    return replace(marked, long_lines=_long_texts(prepared))


def _without_long_lines(prepared: PreparedFile, scratch: Path) -> PreparedFile:
    target = _copy_path(prepared.found, scratch)
    drop = prepared.inspection.long_lines
    write_clean_copy(
        prepared.found, target, encoding="utf-8", drop=drop, one_newline=False
    )
    readable = replace(prepared.readable, read_from=target, is_marked=True)
    return replace(prepared, readable=readable, long_lines=_long_texts(prepared))


def _long_texts(prepared: PreparedFile) -> tuple[tuple[LongLine, str], ...]:
    return tuple(
        (line, first_bytes(prepared.found, line, _LONG_LINE_TEXT_BYTES))
        for line in prepared.inspection.long_lines
    )


def _copy_path(file: LandingFile, scratch: Path) -> Path:
    """Give a plain file's place in the scratch folder, its format still in the name."""
    name = file.path.removesuffix(".gz").removesuffix(".gzip")
    return scratch / "copies" / name.removesuffix(".zst").removesuffix(".zstd")


def _is_without_header(spec: SourceSpec, path: Path) -> bool:
    fixed = columns_without_header(spec)
    return bool(fixed) and not has_header(path, fixed)


def _split_lines(readable: ReadableFile, spec: SourceSpec) -> ReadableFile:
    """Read a file without header and quotes by line: no line can harm another.

    DuckDB's own CSV reader refuses a whole file for one odd line end in it.
    """
    columns = tuple((column, "VARCHAR") for column in columns_without_header(spec))
    dialect = CsvDialect(delimiter="\t", quote="", header=False)
    return replace(readable, format="lines", columns=columns, dialect=dialect)


def _with_columns(prepared: PreparedFile, spec: SourceSpec) -> PreparedFile:
    path = prepared.readable.read_from
    if spec.reader:
        dialect = CsvDialect(
            spec.reader.delimiter, spec.reader.quote, spec.reader.header
        )
    else:
        dialect = csv_dialect(path, "utf-8")
    columns = csv_columns(path, dialect, "utf-8")
    if not columns:
        raise DamagedFileError(
            "unreadable_file",
            "has no header line: write one, with the names of the columns",
        )
    readable = replace(prepared.readable, columns=columns, dialect=dialect)
    return replace(prepared, readable=readable)
