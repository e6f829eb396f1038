"""The quarantine: which rows wait, why, and how they are tried again.

Belongs here: listing open rows, replay, and the account that nothing was lost. Not
here: why a row is refused (`sources.verdicts`), how rows get here (`finishing`).

A replay is a load of its own. Rows whose full text is here go through the adapters
again as they stand; where the text may not be whole (bad bytes, over-long lines, rows
that could not be split, whole files) the file is landed again from the landing folder,
and duplicates fall out by `event_id`. Rows that are still bad are quarantined again, in
the new load; the old rows are closed by the same commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from ingestion.catalog.models import SourceSpec
from ingestion.discovery import source_named
from ingestion.finishing import finish_load
from ingestion.lake import Lake, next_load_id, open_lake
from ingestion.landing_models import FileReport, LandingOptions, LandingResult
from ingestion.landing_run import Ledger, Run, file_report
from ingestion.loading import (
    Load,
    add_files,
    add_rows,
    mapping_problem,
    open_load,
    refuse_file,
)
from ingestion.privacy.refused_lines import opened_rows
from ingestion.sources.files import (
    DamagedFileError,
    LandingFile,
    UnusableFileError,
    inspect,
    look_at,
)
from ingestion.sources.mapping import MappingError
from ingestion.sources.preparing import PreparedFile, prepare
from ingestion.sources.verdicts import FILE_REASONS
from ingestion.sql_text import text, text_list

_EXAMPLE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Filter:
    """Which open rows: empty means all."""

    load_ids: Sequence[str] = ()
    reasons: Sequence[str] = ()
    sources: Sequence[str] = ()

    def condition(self) -> str:
        """Give the condition on the columns of the quarantine."""
        parts = [
            f"{column} in ({text_list(values)})"
            for column, values in (
                ("load_id", self.load_ids),
                ("reason_code", self.reasons),
                ("source", self.sources),
            )
            if values
        ]
        return " and ".join(parts) or "true"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Rows over all loads: everything read is somewhere.

    `lines_read = landed + skipped + open_rows + closed + erased`; closed rows were
    read again by a later load and are counted there too.
    """

    lines_read: int
    landed: int
    skipped: int
    open_rows: int
    closed: int
    erased: int = 0

    @property
    def is_balanced(self) -> bool:
        """Say whether nothing was lost and nothing doubled."""
        found = self.landed + self.skipped + self.open_rows + self.closed + self.erased
        return self.lines_read == found


def list_quarantine(
    lake_dir: Path,
    *,
    load_ids: Sequence[str] = (),
    reasons: Sequence[str] = (),
    sources: Sequence[str] = (),
    examples: int = 3,
) -> pd.DataFrame:
    """Count the open rows by load, source, file and reason.

    Columns: load_id, source, file, reason_code, reason, row_count, first_line, and
    examples (a list of up to `examples` texts, each cut at 300 characters). Newest
    load first, then the most frequent. No lock is taken.
    """
    lake = Lake(lake_dir)
    if not any(lake.quarantine.glob("load=*/*.parquet")):
        return pd.DataFrame(columns=list(_LISTED))
    where = Filter(load_ids, reasons, sources).condition()
    with duckdb.connect() as connection:
        return connection.execute(
            "select load_id, source, file, reason_code, any_value(reason) as reason, "
            "count(*) as row_count, min(line_number) as first_line, "
            f"coalesce(arg_min(left(raw_text, {_EXAMPLE_CHARACTERS}), "
            f"coalesce(line_number, 0), {max(1, examples)}), []) as examples "
            f"from {_open_rows(lake)} where {where} group by 1, 2, 3, 4 "
            "order by load_id desc, row_count desc, file, reason_code"
        ).df()


_LISTED = (
    *("load_id", "source", "file", "reason_code", "reason", "row_count"),
    *("first_line", "examples"),
)


def reconcile(lake_dir: Path) -> Reconciliation:
    """Add up the manifests and hold them against the open quarantine rows."""
    lake = Lake(lake_dir)
    manifests = lake.manifests()
    open_rows = 0
    if manifests:
        with duckdb.connect() as connection:
            found = connection.execute(
                f"select count(*) from {_open_rows(lake)}"
            ).fetchone()
            open_rows = int(found[0]) if found else 0
    totals = [manifest.totals for manifest in manifests]
    return Reconciliation(
        lines_read=sum(total.lines_read for total in totals),
        landed=sum(total.landed for total in totals),
        skipped=sum(total.skipped for total in totals),
        open_rows=open_rows,
        closed=sum(total.closed for total in totals),
        erased=sum(total.erased for total in totals),
    )


def replay(
    options: LandingOptions,
    sources: Sequence[SourceSpec],
    *,
    load_ids: Sequence[str] = (),
    reasons: Sequence[str] = (),
    source_names: Sequence[str] = (),
) -> LandingResult:
    """Try open rows again, one load a source, with today's declarations and limits.

    Raises LakeBusyError, and MappingError when a table's mapping does not fit. Rows
    whose file must be read again stay open when the file is gone or has changed; the
    report of that file says so.
    """
    chosen = Filter(load_ids, reasons, source_names)
    declared = {spec.name: spec for spec in sources}
    with open_lake(options.lake_dir) as lake:
        manifests = lake.manifests()
        run = Run(options, lake, manifests, Ledger.of(manifests))
        for name in _sources_with(lake, chosen):
            _replay_source(run, source_named(name, declared), chosen)
        return run.result()


def _open_rows(lake: Lake) -> str:
    files = text(lake.quarantine / "load=*" / "*.parquet")
    return f"read_parquet({files}, hive_partitioning = false)"


def _sources_with(lake: Lake, chosen: Filter) -> list[str]:
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select distinct source from {_open_rows(lake)} "
            f"where {chosen.condition()} order by 1"
        ).fetchall()
    return [str(row[0]) for row in rows]


def _replay_source(run: Run, spec: SourceSpec, chosen: Filter) -> None:
    load_id = next_load_id(run.lake, run.options.now)
    where = f"({chosen.condition()}) and source = {text(spec.name)}"
    with open_load(run.lake, run.options, spec, load_id, run.manifests) as load:
        whole, left = _files_to_read(run, load, where)
        again = {file.path for file in whole}
        by_text = f"{where} and reason_code not in ({text_list(FILE_REASONS)})"
        if again:
            by_text += f" and file not in ({text_list(again)})"
        _add_rows(run, load, by_text)
        _add_whole_files(run, load, whole)
        if not load.files:
            run.reports.extend(left)
            return
        landed = [entry.path for entry in load.files if entry.sha256]
        answered = f"({by_text})"
        if landed:
            same = f"source = {text(spec.name)} and file in ({text_list(landed)})"
            answered += f" or ({same})"
        closes = dict.fromkeys(_loads_with(run.lake, answered), answered)
        manifest = finish_load(
            load, run.lake, run.manifests, closes=closes, replay_of=tuple(closes)
        )
        run.add(manifest)
        run.reports.extend((*left, *_reports(load, spec)))


def _loads_with(lake: Lake, where: str) -> list[str]:
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select distinct load_id from {_open_rows(lake)} where {where} order by 1"
        ).fetchall()
    return [str(row[0]) for row in rows]


def _add_rows(run: Run, load: Load, where: str) -> None:
    relation = (
        "select raw_text as raw, file, line_number as line "
        f"from {_open_rows(run.lake)} where {where}"
    )
    found = load.context.connection.execute(
        f"select count(*) from ({relation})"
    ).fetchone()
    if not found or not found[0]:
        return
    context = load.context
    relation = opened_rows(context.connection, context.rules.privacy, relation)
    try:
        add_rows(load, relation)
    except duckdb.BinderException as error:
        raise MappingError(mapping_problem(load.context.spec, error)) from None


def _files_to_read(
    run: Run, load: Load, where: str
) -> tuple[list[LandingFile], list[FileReport]]:
    """Give the files to land again, and reports of those that cannot be."""
    rows = load.context.connection.execute(
        f"select distinct file from {_open_rows(run.lake)} "
        f"where {where} and reason_code in ({text_list(FILE_REASONS)}) order by 1"
    ).fetchall()
    whole: list[LandingFile] = []
    left: list[FileReport] = []
    for (path,) in rows:
        file = _same_file(run, str(path), load.context.spec.name)
        if isinstance(file, LandingFile):
            whole.append(file)
        else:
            left.append(file)
    return whole, left


def _same_file(run: Run, path: str, source: str) -> LandingFile | FileReport:
    landing = run.options.landing_dir
    known = run.ledger.latest.get((source, path))
    problem = "has changed since: it is landed by the next ingestion, as a new file"
    try:
        file = look_at(landing / path, landing, source)
        if known and (known.bytes, known.mtime_ns) == (file.bytes, file.mtime_ns):
            return file
    except UnusableFileError as error:
        problem = str(error)
    reason = f"{path} {problem}; its rows stay in quarantine"
    return FileReport(path, source, 0, None, 0, 0, 0, "failed", reason)


def _add_whole_files(run: Run, load: Load, files: Sequence[LandingFile]) -> None:
    prepared = []
    for file in files:
        one = _prepared(run, load, file)
        if one is not None:
            prepared.append(one)
    add_files(load, prepared, lambda done: None)


def _prepared(run: Run, load: Load, file: LandingFile) -> PreparedFile | None:
    limit = run.options.max_line_bytes
    try:
        inspection = inspect(file, limit=limit)
        return prepare(
            load.context.connection,
            load.context.spec,
            file,
            inspection,
            scratch=load.context.scratch,
            max_line_bytes=limit,
        )
    except DamagedFileError as error:
        known = run.ledger.latest[(file.source, file.path)]
        refuse_file(load, file, known.sha256, error.reason_code, f"({error})")
    except UnusableFileError as error:
        load.failed[file.path] = f"{file.path} {error}"
    return None


def _reports(load: Load, spec: SourceSpec) -> list[FileReport]:
    failed = [
        FileReport(path, spec.name, 0, None, 0, 0, 0, "failed", reason)
        for path, reason in load.failed.items()
    ]
    return [*failed, *(file_report(spec.name, entry) for entry in load.files)]
