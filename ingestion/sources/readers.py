"""Relations that give the lines of files: `raw` (JSON text), `file` and `line`.

Belongs here: one SELECT for each format. Lines of JSON are given as they stand, rows
of CSV and Parquet as JSON objects of their columns, so that all that follows knows one
shape only. Not here: what the keys mean (`native`, `table`).

`raw` is null for a blank line. `line` is null in the fast relation of `lines`, whose
rejected rows are numbered afterwards: numbering costs DuckDB its parallel read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from ingestion.sources.files import (
    NO_DELIMITER,
    DamagedFileError,
    Format,
    opened,
    suffix_of,
)
from ingestion.sql_text import name, text, text_list

_DELIMITERS: Final = (",", ";", "\t", "|")
_FAITHFUL_TYPES: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE")
_NAMES_OF_A_HEADER: Final = 3
# Beyond what a limit allows: a line is cut out or judged by its own limit first.
_LINE_SLACK: Final = 1 << 21
# DuckDB buffers sixteen of the longest lines for each open file, 0.3 GB, and statements
# over numbered rows open many files at once.
_BUFFERED_LINES: Final = 2


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How a CSV file is written."""

    delimiter: str = ","
    quote: str = '"'
    header: bool = True


@dataclass(frozen=True, slots=True)
class ReadableFile:
    """A file ready to be read: under which name it landed, and where it is read.

    `lines` is the count of an independent pass, None where one is not possible.
    `columns` are those of CSV and Parquet files, with their types. Lines may have them
    too: they are given as they stand, to be split (`verdicts`). `unsplit` are the
    lines of a CSV file that cannot be split into its columns, once they are known:
    they keep their place in the numbering. `is_marked` says that bytes which are no
    text are marked in it.
    """

    path: str
    read_from: Path
    format: Format
    lines: int | None = None
    columns: tuple[tuple[str, str], ...] = ()
    dialect: CsvDialect = CsvDialect()
    unsplit: tuple[int, ...] = ()
    is_marked: bool = False


def lines_relation(files: Sequence[ReadableFile], *, max_line_bytes: int) -> str:
    """Give the lines of files of lines, `file` being the path read, no numbers."""
    scan = _scan_lines([file.read_from for file in files], max_line_bytes)
    return f"select raw, filename as file, null::bigint as line from {scan}"


def numbered_relation(files: Sequence[ReadableFile], *, max_line_bytes: int) -> str:
    """Give the lines or records of files of one format, numbered from 1 in each."""
    return "\nunion all\n".join(
        _numbered(file, max_line_bytes=max_line_bytes) for file in files
    )


def without_rejects(relation: str) -> str:
    """Give a relation that leaves the tables of unreadable lines as they are.

    It lists them elsewhere: a read that only ignores them drops the good lines that
    follow one with wrong quotes.
    """
    elsewhere = "rejects_table = 'further_errors', rejects_scan = 'further_scans'"
    stored = "store_rejects = true"
    return relation.replace(stored, f"{stored}, {elsewhere}")


def sample_relation(
    files: Sequence[ReadableFile], *, max_line_bytes: int, files_read: int, rows: int
) -> str:
    """Give the first rows of some files of JSON lines, spread over all of them."""
    step = max(1, len(files) // files_read)
    parts = (
        f"(select raw from {_scan_lines([file.read_from], max_line_bytes)} "
        f"limit {rows})"
        for file in files[::step]
    )
    return " union all ".join(parts)


def csv_dialect(path: Path, encoding: str) -> CsvDialect:
    """Find the delimiter of a native CSV file by its header line."""
    if suffix_of(path).lower() == ".tsv":
        return CsvDialect(delimiter="\t")
    header = _first_line(path, encoding)
    return CsvDialect(delimiter=max(_DELIMITERS, key=header.count))


def has_header(path: Path, columns: Collection[str]) -> bool:
    """Say whether the first line names some of these columns, alone or among others.

    One cell of an event may say what a column is called (`event`); three will not.
    """
    cells = re.split(r"[,;|\t]", _first_line(path, "utf-8"))
    known = {cell.strip().strip('"').lower() for cell in cells} & set(columns)
    return len(known) >= _NAMES_OF_A_HEADER


def csv_columns(
    path: Path, dialect: CsvDialect, encoding: str
) -> tuple[tuple[str, str], ...]:
    """Give the columns by the header; without one they are column0, column1, ..."""
    line = _first_line(path, encoding)
    if dialect.quote:
        reader = csv.reader(
            [line], delimiter=dialect.delimiter, quotechar=dialect.quote
        )
        cells = next(reader, [])
    else:
        cells = line.split(dialect.delimiter) if line else []
    if not dialect.header:
        return tuple((f"column{i}", "VARCHAR") for i in range(len(cells)))
    names: dict[str, str] = {}
    for i, cell in enumerate(cells):
        label = cell.strip() or f"column{i}"
        taken = label.lower() in names
        label = f"{label}_{i}" if taken else label
        names[label.lower()] = label
    return tuple((label, "VARCHAR") for label in names.values())


def parquet_columns(
    connection: duckdb.DuckDBPyConnection, path: Path
) -> tuple[tuple[str, str], ...]:
    """Give names and DuckDB types; DamagedFileError for what is no Parquet file."""
    try:
        rows = connection.execute(
            f"describe select * from read_parquet({text(path)}, "
            "hive_partitioning = false)"
        ).fetchall()
    except duckdb.Error as error:
        raise DamagedFileError(
            "unreadable_file",
            f"cannot be read as Parquet ({_first_sentence(error)}): write it again; "
            "it is tried anew when it changes",
        ) from None
    return tuple((str(row[0]), str(row[1])) for row in rows)


def _first_sentence(error: Exception) -> str:
    return str(error).splitlines()[0].strip().rstrip(".")


def _first_line(path: Path, encoding: str) -> str:
    with opened(path) as stream:
        start = bytes(stream.read(1 << 16))
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    decoded = io.StringIO(start.decode(encoding, errors="replace"))
    return decoded.readline().rstrip("\r\n")


def _scan_lines(paths: Sequence[Path], max_line_bytes: int) -> str:
    longest = max_line_bytes + _LINE_SLACK
    return (
        f"read_csv([{text_list(paths)}], columns = {{'raw': 'VARCHAR'}}, "
        f"delim = chr({ord(NO_DELIMITER)}), quote = '', escape = '', header = false, "
        "auto_detect = false, strict_mode = false, filename = true, "
        f"max_line_size = {longest}, buffer_size = {_BUFFERED_LINES * longest}, "
        "ignore_errors = true, store_rejects = true)"
    )


def _numbered(file: ReadableFile, *, max_line_bytes: int) -> str:
    if file.format == "lines":
        source, raw, first = _scan_lines([file.read_from], max_line_bytes), "raw", 0
    elif file.format == "array":
        size = max_line_bytes + _LINE_SLACK
        source = (
            f"read_json_objects([{text(file.read_from)}], format = 'array', "
            f"maximum_object_size = {size})"
        )
        raw, first = "json::varchar", 0
    elif file.format == "csv":
        source, raw = _scan_csv(file, max_line_bytes), _as_json(file.columns)
        first = int(file.dialect.header)
    else:
        source = f"read_parquet([{text(file.read_from)}], hive_partitioning = false)"
        raw, first = _as_json(file.columns), 0
    place = f"row_number() over () + {first}"
    # The k-th unsplit line moves all that follow it down by one.
    thresholds = [line - k for k, line in enumerate(sorted(file.unsplit))]
    numbered = f"select {raw} as raw, {place} as place from {source}"
    moved = f"len(list_filter({thresholds}::bigint[], lambda x: x <= place))"
    line = f"place + {moved}" if thresholds else "place"
    return f"select raw, {text(file.path)} as file, {line} as line from ({numbered})"


def _scan_csv(file: ReadableFile, max_line_bytes: int) -> str:
    columns = ", ".join(f"{text(column)}: 'VARCHAR'" for column, _ in file.columns)
    dialect = file.dialect
    longest = max_line_bytes + _LINE_SLACK
    return (
        f"read_csv([{text(file.read_from)}], columns = {{{columns}}}, "
        f"delim = {text(dialect.delimiter)}, quote = {text(dialect.quote)}, "
        f"escape = {text(dialect.quote)}, "
        f"header = {str(dialect.header).lower()}, auto_detect = false, "
        f"strict_mode = true, max_line_size = {longest}, "
        f"buffer_size = {_BUFFERED_LINES * longest}, "
        "ignore_errors = true, store_rejects = true)"
    )


def line_as_json(file: ReadableFile, line: str) -> str:
    """Give the JSON object that rows of CSV are, of a line that is split by SQL."""
    cells = ", ".join(
        f"{name(column)} := nullif(cells[{i}], '')"
        for i, (column, _) in enumerate(file.columns, 1)
    )
    split = f"string_split({line}, {text(file.dialect.delimiter)})"
    return (
        f"list_transform([{split}], "
        f"lambda cells: to_json(struct_pack({cells}))::varchar)[1]"
    )


def _as_json(columns: Sequence[tuple[str, str]]) -> str:
    """Pack a row as a JSON object; numbers that JSON cannot hold become text."""
    cells = ", ".join(
        f"{name(column)} := {_json_cell(column, type_)}" for column, type_ in columns
    )
    return f"to_json(struct_pack({cells}))::varchar"


def _json_cell(column: str, type_: str) -> str:
    plain = type_ in _FAITHFUL_TYPES or type_ in ("VARCHAR", "BOOLEAN", "JSON")
    nested = type_.endswith("]") or type_.startswith(("STRUCT", "MAP"))
    return name(column) if plain or nested else f"{name(column)}::varchar"


def by_path(files: Sequence[ReadableFile]) -> Mapping[str, str]:
    """Give the landing path of every name under which a relation may give a file."""
    return {str(file.read_from): file.path for file in files}
