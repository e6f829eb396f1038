"""One load: some files of one source become one directory of the lake.

Belongs here: the scratch of a load, groups of files and what happens when one fails,
and the counts of each file. Not here: which files a load gets (`landing`), how it ends
(`finishing`).

A group that fails is split in halves until the file at fault stands alone; that file is
refused, the others land.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import duckdb

from ingestion.catalog.models import SourceSpec
from ingestion.lake import Lake, Manifest, ManifestFile
from ingestion.landing_models import LandingOptions
from ingestion.privacy.retention import first_day_kept
from ingestion.sources.files import LandingFile
from ingestion.sources.group_run import (
    AccountingError,
    GroupResult,
    LoadContext,
    run_group,
    run_relation,
)
from ingestion.sources.mapping import MappingError
from ingestion.sources.preparing import PreparedFile, with_one_newline
from ingestion.sources.readers import by_path, numbered_relation, without_rejects
from ingestion.sources.refusals import (
    CREATE_REFUSED,
    Counts,
    collect_refused,
    insert_file,
    refused_by_path,
)
from ingestion.sources.verdicts import Rules

# A statement over numbered rows names each file in a branch of its own.
_GROUP_FILES: Final = 64
_GROUP_FILES_OF_LINES: Final = 5000
_MAPPING_ERRORS: Final = (MappingError, duckdb.BinderException, duckdb.ParserException)


@dataclass(slots=True)
class Load:
    """A load being written. `failed` says which files are not in it, and why.

    `moved` are files that changed while they were read: the next run lands them.
    `erased` counts the rows left out because their persons were erased. `paths` gives
    the landing path of every name under which a file was read.
    """

    context: LoadContext
    incoming: Path
    files: list[ManifestFile] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)
    parts: int = 0
    erased: int = 0
    paths: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> Path:
        """Where the rows of the load's table are written."""
        return self.incoming / self.context.spec.table


@contextmanager
def open_load(
    lake: Lake,
    options: LandingOptions,
    spec: SourceSpec,
    load_id: str,
    earlier: Sequence[Manifest],
) -> Iterator[Load]:
    """Give a load to be filled and committed; without a commit nothing remains."""
    incoming = lake.incoming / load_id
    scratch = incoming / "scratch"
    scratch.mkdir(parents=True)
    (incoming / spec.table).mkdir()
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": options.memory_limit,
        "threads": options.threads,
        "temp_directory": str(scratch / "spill"),
        # Rows of a load have no order; keeping one costs memory and threads.
        "preserve_insertion_order": False,
        # Rows a day before they are written, hence about half the rows of a row
        # group. Smaller is faster (10,000: 2.3 s per 1M events, 30,000: 2.6 s, the
        # default of 524,288: 3.2 s) and makes row groups smaller (25,000; 62,000;
        # 90,000 rows).
        "partitioned_write_flush_threshold": 10_000,
    }
    known = frozenset(
        column
        for manifest in earlier
        if manifest.source == spec.name
        for column in manifest.columns
    )
    try:
        with duckdb.connect(":memory:", config=settings) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("set enable_progress_bar = false")
            connection.execute(CREATE_REFUSED)
            rules = _from_first_day(options.rules(), lake.root, spec.table)
            if rules.remembered:
                rules.remembered.prepare(connection)
            context = LoadContext(connection, spec, rules, load_id, scratch, known)
            yield Load(context, incoming)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _from_first_day(rules: Rules, lake_dir: Path, table: str) -> Rules:
    """Raise the floor to the first day that has not expired."""
    first_day = first_day_kept(lake_dir, table)
    if first_day is None:
        return rules
    return replace(rules, floor_date=max(rules.floor_date, first_day))


def add_files(
    load: Load, files: Sequence[PreparedFile], on_group: Callable[[int], None]
) -> None:
    """Land files in groups of one format and one set of columns.

    `on_group` is told the bytes of each group when it is done.
    """
    groups: dict[object, list[PreparedFile]] = {}
    for file in files:
        readable = file.readable
        columns: object = readable.columns
        if readable.format == "parquet":
            # Order and types may differ from file to file: small files of one group
            # are read side by side.
            columns = frozenset(column for column, _ in readable.columns)
        key = (readable.format, columns, readable.dialect)
        groups.setdefault(key, []).append(file)
    is_mapped = load.context.spec.format == "table"
    for group in groups.values():
        fast = not is_mapped and group[0].readable.format == "lines"
        size = _GROUP_FILES_OF_LINES if fast else _GROUP_FILES
        for start in range(0, len(group), size):
            part = group[start : start + size]
            _add_group(load, part)
            on_group(sum(file.found.bytes for file in part))


def add_rows(load: Load, relation: str) -> None:
    """Land rows that were refused before: a relation of `raw`, `file`, `line`."""
    result = run_relation(load.context, relation, _new_target(load))
    rows = load.context.connection.execute(
        f"select file, count(*) from ({relation}) group by 1"
    ).fetchall()
    counts = collect_refused(load.context, result, ())
    load.erased += counts.erased
    _move_events(load, result)
    refused = refused_by_path(load.context, came_out=None)
    for path, count in rows:
        skipped, quarantined = counts.skipped.get(path, 0), refused.get(path, 0)
        landed = count - skipped - quarantined
        load.files.append(
            ManifestFile(path, "", 0, 0, count, landed, quarantined, skipped)
        )


def refuse_file(
    load: Load, file: LandingFile, sha256: str, reason_code: str, detail: str
) -> None:
    """Refuse a file as a whole: one line read, one quarantined, the file itself."""
    insert_file(load.context, file.path, reason_code, detail)
    load.files.append(
        ManifestFile(
            file.path, sha256, file.bytes, file.mtime_ns, 1, 0, 1, refused=True
        )
    )


def _new_target(load: Load) -> Path:
    load.parts += 1
    return load.context.scratch / f"group{load.parts}"


def _add_group(load: Load, files: Sequence[PreparedFile]) -> None:
    """Land a group, or find the files because of which it cannot be landed."""
    target = _new_target(load)
    connection = load.context.connection
    connection.begin()
    try:
        result = run_group(load.context, files, target)
        if all(file.found.is_unchanged() for file in result.files):
            counts = collect_refused(load.context, result, result.files)
            _count_files(load, result, counts)
            connection.commit()
            _move_events(load, result)
            return
        connection.rollback()
        error: Exception | None = None
    except (*_MAPPING_ERRORS, duckdb.Error, AccountingError) as caught:
        connection.rollback()
        error = caught
    finally:
        shutil.rmtree(target, ignore_errors=True)
    _add_rest(load, files, error)


def _add_rest(
    load: Load, files: Sequence[PreparedFile], error: Exception | None
) -> None:
    """Go on after a group failed, or after files changed while they were read."""
    steady = [file for file in files if file.found.is_unchanged()]
    load.moved.extend(file.path for file in files if file not in steady)
    if error is not None and _is_of_the_machine(error):
        raise error
    if len(steady) < len(files):
        if steady:
            _add_group(load, steady)
    elif len(files) > 1:
        middle = len(files) // 2
        _add_group(load, files[:middle])
        _add_group(load, files[middle:])
    elif isinstance(error, _MAPPING_ERRORS):
        load.failed[files[0].path] = mapping_problem(load.context.spec, error)
    elif files[0].readable.format == "csv" and not files[0].has_one_newline:
        context = load.context
        limit = context.rules.max_line_bytes
        copy = with_one_newline(files[0], context.spec, context.scratch, limit)
        _add_group(load, [copy])
    else:
        detail = f"({str(error).splitlines()[0]})"
        file = files[0]
        refuse_file(load, file.found, file.inspection.sha256, "unreadable_file", detail)


def _is_of_the_machine(error: Exception) -> bool:
    """Say whether disk or memory is at fault, which refusing a file does not cure."""
    full = "No space left" in str(error)
    return full or isinstance(error, (duckdb.OutOfMemoryException, MemoryError))


def mapping_problem(spec: SourceSpec, error: Exception) -> str:
    """Say what is wrong with a table's mapping, and the usual cure."""
    if isinstance(error, MappingError):
        return str(error)
    first = str(error).split("\n")[0]
    return (
        f"source '{spec.name}': an expression does not fit the file's columns "
        f"({first}); every column is text, so cast what is computed with, such as "
        "cast(amount as decimal(18, 6))"
    )


def _move_events(load: Load, result: GroupResult) -> None:
    """Move `date=...` files into the load's rows, under names of their own."""
    for directory in result.events:
        for path in sorted(directory.glob("date=[0-9]*/*.parquet")):
            day = load.rows / path.parent.name
            day.mkdir(exist_ok=True)
            path.rename(day / f"part-{load.parts:04d}{directory.name}-{path.name}")


def _count_files(load: Load, result: GroupResult, counts: Counts) -> None:
    load.columns |= dict.fromkeys(result.columns)
    load.paths |= by_path([file.readable for file in result.files])
    load.erased += counts.erased
    came_out = _rows_by_path(load, result)
    judged = refused_by_path(load.context, came_out=True)
    refused = refused_by_path(load.context, came_out=None)
    for file in result.files:
        path = file.path
        skipped, blank = counts.skipped.get(path, 0), counts.blank.get(path, 0)
        landed = came_out.get(path, 0) - judged.get(path, 0) - skipped - blank
        quarantined = refused.get(path, 0)
        load.files.append(
            ManifestFile(
                path=path,
                sha256=file.inspection.sha256,
                bytes=file.found.bytes,
                mtime_ns=file.found.mtime_ns,
                lines_read=landed + skipped + quarantined,
                landed=landed,
                quarantined=quarantined,
                skipped=skipped,
                blank=blank - len(file.long_lines),
            )
        )


def _rows_by_path(load: Load, result: GroupResult) -> Mapping[str, int]:
    """Count the rows that came out of each file; of lines an own pass has done it."""
    if result.files[0].readable.format == "lines":
        return {file.path: file.inspection.lines for file in result.files}
    relation = numbered_relation(
        [file.readable for file in result.files],
        max_line_bytes=load.context.rules.max_line_bytes,
    )
    rows = load.context.connection.execute(
        f"select file, count(*) from ({without_rejects(relation)}) group by 1"
    ).fetchall()
    return {str(path): int(count) for path, count in rows}
