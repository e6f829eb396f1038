"""One group of files of one source and format: from lines to Parquet.

Belongs here: running the COPY of a group, the second round for lines of unseen shapes,
and the accounts that prove that every line came out. Not here: where refused rows stood
(`refusals`), what to do about a group that fails (`ingestion.loading`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import duckdb

from ingestion.catalog.models import SourceSpec
from ingestion.landed_tables import EVENTS
from ingestion.sources import table, table_rows
from ingestion.sources.adapters import event_sql, wanted_keys
from ingestion.sources.preparing import PreparedFile, marked_copy
from ingestion.sources.readers import (
    lines_relation,
    numbered_relation,
    sample_relation,
    without_rejects,
)
from ingestion.sources.shapes import Shapes, discover, shapes_of_columns
from ingestion.sources.table_rows import TableQuery
from ingestion.sources.verdicts import (
    REFUSED_EVENT,
    UNKNOWN_SHAPE,
    GroupQuery,
    Rules,
    copy_statement,
)
from ingestion.sql_text import text, text_list

_NULL_PARTITION: Final = "date=__HIVE_DEFAULT_PARTITION__"
_SAMPLE_FILES: Final = 8
_SAMPLE_ROWS: Final = 5_000
_ENCODING_ERROR: Final = "INVALID ENCODING"


class AccountingError(RuntimeError):
    """DuckDB gave another number of lines than the file holds."""


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What all groups of one load share; `known_columns` are of earlier loads."""

    connection: duckdb.DuckDBPyConnection
    spec: SourceSpec
    rules: Rules
    load_id: str
    scratch: Path
    known_columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GroupResult:
    """The rows of a group: directories of `date=...` files, and refused rows.

    `refused` are directories of Parquet files with refused rows, still in the columns
    of events. `rows` is everything that came out.
    """

    events: tuple[Path, ...]
    refused: tuple[Path, ...]
    rows: int
    files: tuple[PreparedFile, ...] = ()
    columns: tuple[str, ...] = ()


def run_group(
    context: LoadContext, files: Sequence[PreparedFile], target: Path
) -> GroupResult:
    """Land the rows of files of one format under `target`; accounts are checked.

    A file with bytes that are no text is read again from a marked copy, so that each
    of its lines gets a verdict of its own. Raises duckdb.Error, MappingError or
    AccountingError; the caller removes `target`.
    """
    again = list(files)
    result = _attempt(context, again, target / "0")
    rejects = _rejects(context)
    foreign = {path for path, kind in rejects if kind == _ENCODING_ERROR}
    if foreign or _missing(context, files, result, rejects):
        again = [
            _marked(context, file)
            if not file.readable.is_marked
            and (not foreign or str(file.readable.read_from) in foreign)
            else file
            for file in files
        ]
        result = _attempt(context, again, target / "1")
    if again[0].readable.format == "csv" and _rejects(context):
        again = _with_unsplit(context, again)
        result = _attempt(context, again, target / "2")
    rejects = _rejects(context)
    if _missing(context, again, result, rejects):
        raise AccountingError(
            f"{', '.join(file.path for file in again)[:200]}: lines went missing while "
            "reading"
        )
    return replace(result, files=tuple(again))


def run_relation(
    context: LoadContext, relation: str, target: Path, *, is_marked: bool = False
) -> GroupResult:
    """Land the rows of any relation of `raw`, `file`, `line` under `target`."""
    shapes = discover(
        context.connection, relation, wanted=wanted_keys(context.spec), is_sample=False
    )
    return _copy(context, relation, shapes, target, is_marked=is_marked)


def _attempt(
    context: LoadContext, files: Sequence[PreparedFile], target: Path
) -> GroupResult:
    for kind in ("errors", "scans"):
        context.connection.execute(f"drop table if exists reject_{kind}")
    relation, shapes = _relation(context, files)
    if context.spec.format == "table":
        _check_columns(context, files[0], shapes)
    marked = any(file.readable.is_marked for file in files)
    first = _copy(context, relation, shapes, target / "a", is_marked=marked)
    if not shapes.is_sample:
        return first
    return _second_round(context, first, target / "b", is_marked=marked)


def _relation(
    context: LoadContext, files: Sequence[PreparedFile]
) -> tuple[str, Shapes]:
    """Give the lines of the group and the keys they have."""
    limit = context.rules.max_line_bytes
    readable = [file.readable for file in files]
    wanted = wanted_keys(context.spec)
    columns = [name for name, _ in readable[0].columns]
    if readable[0].format == "lines" and context.spec.format != "table":
        if columns:
            lines = lines_relation(readable, max_line_bytes=limit)
            delimiter = readable[0].dialect.delimiter
            return lines, Shapes(tuple(columns), delimiter=delimiter)
        sample = sample_relation(
            readable, max_line_bytes=limit, files_read=_SAMPLE_FILES, rows=_SAMPLE_ROWS
        )
        shapes = discover(context.connection, sample, wanted=wanted, is_sample=True)
        return lines_relation(readable, max_line_bytes=limit), shapes
    relation = numbered_relation(readable, max_line_bytes=limit)
    if columns:
        return relation, shapes_of_columns(columns)
    return relation, discover(
        context.connection, relation, wanted=wanted, is_sample=False
    )


def _check_columns(context: LoadContext, file: PreparedFile, shapes: Shapes) -> None:
    """Refuse a mapping that names columns which are not there.

    JSON objects may leave keys out, so that columns of earlier loads count too.
    """
    columns = set(shapes.keys)
    if not file.readable.columns:
        columns |= context.known_columns
    if not columns:
        return
    if context.spec.table == EVENTS:
        table.check_columns(context.spec, columns)
    else:
        table_rows.check_columns(context.spec, columns)


def _copy(
    context: LoadContext,
    relation: str,
    shapes: Shapes,
    target: Path,
    *,
    is_marked: bool,
) -> GroupResult:
    target.mkdir(parents=True)
    statement = _statement(context, relation, shapes, target, is_marked=is_marked)
    rows = context.connection.execute(statement).fetchall()
    refused = target / _NULL_PARTITION
    return GroupResult(
        events=(target,),
        refused=(refused,) if refused.exists() else (),
        rows=int(rows[0][0]) if rows else 0,
        columns=shapes.keys,
    )


def _statement(
    context: LoadContext,
    relation: str,
    shapes: Shapes,
    target: Path,
    *,
    is_marked: bool,
) -> str:
    """Give the COPY of lines: as events, or as rows of another table."""
    spec = context.spec
    if spec.table != EVENTS:
        rows = TableQuery(
            relation=relation,
            rows=table_rows.row_sql(spec, shapes),
            shapes=shapes,
            source=spec.name,
            load_id=context.load_id,
            has_marked_bytes=is_marked,
        )
        return table_rows.copy_statement(rows, context.rules, str(target))
    query = GroupQuery(
        relation=relation,
        event=event_sql(spec, shapes),
        shapes=shapes,
        source=spec.name,
        load_id=context.load_id,
        has_marked_bytes=is_marked,
    )
    return copy_statement(query, context.rules, str(target))


def _second_round(
    context: LoadContext, first: GroupResult, target: Path, *, is_marked: bool
) -> GroupResult:
    """Land the lines whose shape the sample had not seen, knowing all their keys."""
    if not first.refused:
        return first
    relation = refused_relation(context, first, f"reason_code = {text(UNKNOWN_SHAPE)}")
    found = context.connection.execute(f"select count(*) from ({relation})").fetchone()
    if not found or not found[0]:
        return first
    lines = f"select raw_text as raw, file, line_number as line from ({relation})"
    second = run_relation(context, lines, target, is_marked=is_marked)
    if second.rows != found[0]:
        raise AccountingError(f"{found[0]} lines went in, {second.rows} came out")
    return GroupResult(
        events=first.events + second.events,
        refused=first.refused + second.refused,
        rows=first.rows,
        columns=tuple(dict.fromkeys((*first.columns, *second.columns))),
    )


def refused_relation(context: LoadContext, result: GroupResult, where: str) -> str:
    """Give refused rows under their real names."""
    globs = text_list(directory / "*.parquet" for directory in result.refused)
    is_event = context.spec.table == EVENTS
    travelled = REFUSED_EVENT if is_event else table_rows.REFUSED_ROW
    named = ", ".join(f"{sql} as {column}" for column, sql in travelled.items())
    files = f"read_parquet([{globs}], hive_partitioning = false)"
    return f"select * from (select {named} from {files}) where {where}"


def _rejects(context: LoadContext) -> list[tuple[str, str]]:
    """Give file and kind of error of each line that DuckDB could not read."""
    if not has_rejects(context):
        return []
    rows = context.connection.execute(
        "select any_value(file_path), any_value(error_type::varchar) "
        "from reject_errors join reject_scans using (scan_id, file_id) "
        "group by scan_id, file_id, line"
    ).fetchall()
    return [(str(path), str(kind)) for path, kind in rows]


def has_rejects(context: LoadContext) -> bool:
    """Say whether DuckDB has listed lines that it could not read."""
    found = context.connection.execute(
        "select count(*) from duckdb_tables() where table_name = 'reject_errors'"
    ).fetchone()
    return bool(found and found[0])


def _missing(
    context: LoadContext,
    files: Sequence[PreparedFile],
    result: GroupResult,
    rejects: Sequence[tuple[str, str]],
) -> bool:
    """Say whether fewer or more rows came out than an independent count expects."""
    kind = files[0].readable.format
    if kind == "lines":
        return result.rows != sum(file.inspection.lines for file in files)
    if kind != "csv" or any(
        file.inspection.has_quotes and file.readable.dialect.quote for file in files
    ):
        return False
    expected = sum(file.inspection.lines for file in files)
    expected -= sum(file.readable.dialect.header for file in files)
    gap = expected - result.rows - len(rejects)
    return gap != 0 and gap != _blank_lines(context, files)


def _blank_lines(context: LoadContext, files: Sequence[PreparedFile]) -> int:
    scan = without_rejects(
        lines_relation(
            [file.readable for file in files],
            max_line_bytes=context.rules.max_line_bytes,
        )
    )
    found = context.connection.execute(
        f"select count(*) from ({scan}) where raw is null"
    ).fetchone()
    return int(found[0]) if found else 0


def _marked(context: LoadContext, file: PreparedFile) -> PreparedFile:
    return marked_copy(file, context.scratch, "utf-8", context.rules.max_line_bytes)


def _with_unsplit(
    context: LoadContext, files: Sequence[PreparedFile]
) -> list[PreparedFile]:
    """Tell CSV files which of their lines cannot be split, to number past them."""
    if files[0].readable.format != "csv" or not has_rejects(context):
        return list(files)
    rows = context.connection.execute(
        "select file_path, list(distinct line) "
        "from reject_errors join reject_scans using (scan_id, file_id) "
        f"where error_type::varchar <> {text(_ENCODING_ERROR)} group by 1"
    ).fetchall()
    lines = {str(path): tuple(sorted(found)) for path, found in rows}
    return [
        replace(
            file,
            readable=replace(
                file.readable,
                unsplit=lines.get(str(file.readable.read_from), file.readable.unsplit),
            ),
        )
        for file in files
    ]
