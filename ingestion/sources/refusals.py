"""Refused rows: where each stood in its file, and how many there are of which kind.

Belongs here: the temporary table `refused` of a load and all that fills it. Not here:
the verdicts (`verdicts`), the quarantine of the lake (`ingestion.quarantine`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from ingestion.sources.files import BAD_BYTE
from ingestion.sources.group_run import (
    AccountingError,
    GroupResult,
    LoadContext,
    has_rejects,
    refused_relation,
)
from ingestion.sources.preparing import PreparedFile
from ingestion.sources.readers import (
    ReadableFile,
    by_path,
    line_as_json,
    numbered_relation,
    without_rejects,
)
from ingestion.sources.verdicts import (
    BLANK,
    ERASED,
    FILE_REASONS,
    REASONS,
    SKIPPED,
    UNKNOWN_SHAPE,
)
from ingestion.sql_text import text, text_list

# `came_out` tells rows that were among those of the COPY from lines that never were.
CREATE_REFUSED: Final = (
    "create temp table refused (file varchar, line_number bigint, reason_code varchar, "
    "raw_text varchar, detail varchar, came_out boolean)"
)
# Each file that is read has a buffer of two longest lines: 38 MB, so 64 files did not
# fit into 1.8 GB.
_FILES_AT_ONCE: Final = 16
_SHOWN: Final = f"replace(raw_text, {text(BAD_BYTE)}, '\\x')"
_OPEN: Final = f"reason_code not in ({text_list((BLANK, SKIPPED, ERASED))})"


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by landing path that came out of a COPY and are no events.

    `erased` are those among the skipped that belong to persons who were erased.
    """

    blank: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    erased: int = 0


def collect_refused(
    context: LoadContext, result: GroupResult, files: Sequence[PreparedFile]
) -> Counts:
    """Put the refused rows of a group into the table `refused`, with their places.

    Raises AccountingError when a refused line cannot be found again in its file.
    """
    if files and files[0].readable.format == "csv" and has_rejects(context):
        _insert_unsplit(context, files)
    for file in files:
        _insert_long_lines(context, file)
    if not result.refused:
        return Counts()
    paths = by_path([file.readable for file in files])
    relation = refused_relation(
        context, result, f"reason_code <> {text(UNKNOWN_SHAPE)}"
    )
    context.connection.execute(f"create or replace temp table found as {relation}")
    context.connection.execute(
        f"insert into refused select file, line_number, reason_code, {_SHOWN}, detail, "
        f"true from found where line_number is not null and {_OPEN}"
    )
    _insert_unnumbered(context, files, paths)
    skipped, erased = (_counted(context, kind, paths) for kind in (SKIPPED, ERASED))
    both = {path: skipped.get(path, 0) + n for path, n in erased.items()}
    return Counts(
        _counted(context, BLANK, paths), {**skipped, **both}, sum(erased.values())
    )


def insert_file(context: LoadContext, path: str, reason_code: str, detail: str) -> None:
    """Refuse a file as a whole."""
    context.connection.execute(
        "insert into refused values (?, null, ?, null, ?, false)",
        [path, reason_code, detail],
    )


def refused_by_path(context: LoadContext, *, came_out: bool | None) -> dict[str, int]:
    """Count the rows of the table `refused`; None counts all."""
    where = "" if came_out is None else f"where came_out = {came_out}"
    rows = context.connection.execute(
        f"select file, count(*) from refused {where} group by 1"
    ).fetchall()
    return {str(path): int(count) for path, count in rows}


def quarantine_select(context: LoadContext) -> str:
    """Give the rows of the load's quarantine file."""
    cures = " ".join(
        f"when {text(code)} then {text(sentence)}" for code, sentence in REASONS.items()
    )
    now = context.rules.now
    return (
        f"select {text(context.load_id)} as load_id, "
        f"{text(context.spec.name)} as source, file, line_number, reason_code, "
        f"concat_ws(' ', case reason_code {cures} end, detail) as reason, raw_text, "
        f"(timestamptz {text(now.isoformat())})::timestamp as quarantined_at "
        "from refused order by file, line_number"
    )


def _counted(
    context: LoadContext, reason: str, paths: Mapping[str, str]
) -> dict[str, int]:
    rows = context.connection.execute(
        "select file, count(*) from found "
        f"where reason_code = {text(reason)} group by 1"
    ).fetchall()
    return {paths.get(str(file), str(file)): int(count) for file, count in rows}


def _insert_unnumbered(
    context: LoadContext, files: Sequence[PreparedFile], paths: Mapping[str, str]
) -> None:
    """Insert rows without a line number, looking their text up in their files.

    Equal text in one file has one verdict, so that the text finds the lines.
    """
    rows = context.connection.execute(
        f"select file, count(*) from found where line_number is null and {_OPEN} "
        "group by 1 order by 1"
    ).fetchall()
    readable = {str(file.readable.read_from): file.readable for file in files}
    shown = _shown([file.readable for file in files])
    for start in range(0, len(rows), _FILES_AT_ONCE):
        part = rows[start : start + _FILES_AT_ONCE]
        lines = numbered_relation(
            [readable[file] for file, _ in part],
            max_line_bytes=context.rules.max_line_bytes,
        )
        pairs = ", ".join(f"({text(file)}, {text(paths[file])})" for file, _ in part)
        with _sides_as_written(context):
            inserted = context.connection.execute(
                "insert into refused "
                f"select path, line, reason_code, {shown}, detail, true "
                f"from ({without_rejects(lines)}) as lines join ("
                "select distinct path, raw_text, reason_code, detail from found "
                f"join (values {pairs}) as files (read_from, path) on file = read_from "
                f"where line_number is null and {_OPEN}) as wanted "
                "on lines.file = wanted.path and lines.raw = wanted.raw_text"
            ).fetchone()
        if not inserted or inserted[0] != sum(count for _, count in part):
            named = ", ".join(paths[file] for file, _ in part)
            raise AccountingError(f"{named[:200]}: refused lines could not be found")


@contextmanager
def _sides_as_written(context: LoadContext) -> Iterator[None]:
    """Let joins keep their right side in memory.

    DuckDB takes any text file for 42 rows, and kept whole files rather than the few
    refused lines.
    """
    context.connection.execute("set disabled_optimizers = 'build_side_probe_side'")
    try:
        yield
    finally:
        context.connection.execute("reset disabled_optimizers")


def _shown(files: Sequence[ReadableFile]) -> str:
    """Give the text that quarantine keeps of a row, which replay reads as JSON."""
    if not files or not files[0].columns:
        return _SHOWN
    return (
        f"case when reason_code in ({text_list(FILE_REASONS)}) then {_SHOWN} "
        f"else {line_as_json(files[0], 'raw_text')} end"
    )


def _insert_unsplit(context: LoadContext, files: Sequence[PreparedFile]) -> None:
    """Insert the CSV rows that have no columns to be judged by."""
    paths = by_path([file.readable for file in files])
    pairs = ", ".join(f"({text(key)}, {text(path)})" for key, path in paths.items())
    context.connection.execute(
        "insert into refused select path, line, "
        "case when error_type::varchar in ('MISSING COLUMNS', 'TOO MANY COLUMNS') "
        "then 'wrong_column_count' "
        "when error_type::varchar = 'LINE SIZE OVER MAXIMUM' then 'line_too_long' "
        f"else 'malformed_row' end, replace(csv_line, {text(BAD_BYTE)}, '\\x'), "
        "null, false "
        "from (select distinct on (scan_id, file_id, line) * from reject_errors) "
        "join reject_scans using (scan_id, file_id) "
        f"join (values {pairs}) as files (read_from, path) on file_path = read_from"
    )


def _insert_long_lines(context: LoadContext, file: PreparedFile) -> None:
    for line, start in file.long_lines:
        detail = f"(It starts at byte {line.offset} and has {line.bytes} bytes.)"
        context.connection.execute(
            "insert into refused values (?, ?, 'line_too_long', ?, ?, false)",
            [file.path, line.line_number, start, detail],
        )
