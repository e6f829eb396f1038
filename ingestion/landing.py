"""Land new files: which there are, which are known, and in what loads they come.

Belongs here: the order of work of one ingestion, from found files to committed loads.
Not here: finding files (`discovery`), the books (`landing_run`), what happens inside a
load (`loading`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ingestion.catalog.models import SourceSpec
from ingestion.discovery import find_files
from ingestion.finishing import finish_load
from ingestion.lake import LakeBusyError, ManifestFile, next_load_id, open_lake
from ingestion.landed_tables import CONSENTS
from ingestion.landing_models import (
    FileReport,
    LandingOptions,
    LandingProgress,
    LandingResult,
    LoadReport,
)
from ingestion.landing_run import Ledger, Progress, Run, file_report
from ingestion.loading import Load, add_files, open_load, refuse_file
from ingestion.sources.files import (
    DamagedFileError,
    Inspection,
    LandingFile,
    UnusableFileError,
    compression_of,
    inspect,
    is_being_written,
    look_at,
)
from ingestion.sources.preparing import PreparedFile, prepare
from ingestion.sql_text import text_list

__all__ = [
    "FileReport",
    "LakeBusyError",
    "LandingOptions",
    "LandingProgress",
    "LandingResult",
    "LoadReport",
    "land",
]


def land(options: LandingOptions, sources: Sequence[SourceSpec]) -> LandingResult:
    """Land every new file below the landing folder, source by source.

    The first folder below the landing folder names the source; folders that no source
    declares, and files outside any folder, hold native events. A file whose checksum
    an earlier load of its source has is not loaded again. Whatever is wrong with a
    file or a row is reported; the rest lands. Raises LakeBusyError when another
    ingestion is at work, and duckdb.Error when disk or memory give out.
    """
    with open_lake(options.lake_dir) as lake:
        manifests = lake.manifests()
        run = Run(options, lake, manifests, Ledger.of(manifests))
        for spec, paths in _consents_first(find_files(options.landing_dir, sources)):
            _land_source(run, spec, _new_files(run, spec, paths))
        return run.result()


def _consents_first(
    found: Iterable[tuple[SourceSpec, list[Path]]],
) -> list[tuple[SourceSpec, list[Path]]]:
    """Give the sources in their order, decisions before the events they are about."""
    return sorted(found, key=lambda one: one[0].table != CONSENTS.name)


def _new_files(
    run: Run, spec: SourceSpec, paths: Sequence[Path]
) -> Iterator[LandingFile]:
    """Give the files to be read; report all others."""
    options = run.options
    for path in paths:
        try:
            file = look_at(path, options.landing_dir, spec.name)
        except UnusableFileError as error:
            relative = path.relative_to(options.landing_dir).as_posix()
            missing = LandingFile(relative, path, spec.name, 0, 0)
            run.report(missing, "failed", f"{relative} {error}")
            continue
        known = run.ledger.latest.get((spec.name, file.path))
        # What an origin brought is whole: it was renamed into place.
        is_settling = spec.origin is None and _is_young(options, file)
        if is_being_written(path) or is_settling:
            run.report(file, "still_growing", "left for the next run, to settle")
        elif known and (known.bytes, known.mtime_ns) == (file.bytes, file.mtime_ns):
            run.report(file, "already_loaded", _known_reason(known), known.sha256)
        elif file.bytes == 0:
            run.report(file, "empty", "the file has no bytes")
        else:
            yield file


def _is_young(options: LandingOptions, file: LandingFile) -> bool:
    """Say whether the last change is near `now`; a clock ahead is near too."""
    age = options.now.timestamp() - file.mtime_ns / 1e9
    return abs(age) < options.settle_seconds


def _known_reason(known: ManifestFile) -> str | None:
    if not known.refused:
        return None
    return "refused before and unchanged since: see the quarantine for the cure"


def _land_source(run: Run, spec: SourceSpec, files: Iterable[LandingFile]) -> None:
    found = list(files)
    progress = Progress(run.options, spec.name, found)
    for batch in _batches(found, run.options.load_bytes):
        load_id = next_load_id(run.lake, run.options.now)
        with open_load(run.lake, run.options, spec, load_id, run.manifests) as load:
            inspected = _inspect_all(run, load, batch)
            prepared = _prepare_all(run, load, inspected)
            add_files(load, prepared, progress.add_bytes)
            _drop_empty(run, load, batch)
            if load.files:
                closes = _superseded(run, load, inspected)
                manifest = finish_load(load, run.lake, run.manifests, closes=closes)
                run.add(manifest)
                progress.add_load(manifest)
            _report_batch(run, load, batch)


def _batches(files: Sequence[LandingFile], size: int) -> Iterator[list[LandingFile]]:
    """Cut files into loads of at most `size` bytes, one file at least."""
    batch: list[LandingFile] = []
    total = 0
    for file in files:
        if batch and total + file.bytes > size:
            yield batch
            batch, total = [], 0
        batch.append(file)
        total += file.bytes
    if batch:
        yield batch


def _inspect_all(
    run: Run, load: Load, batch: Sequence[LandingFile]
) -> list[tuple[LandingFile, Inspection]]:
    """Read the bytes of files; refuse damaged ones, pass over those already loaded."""

    def look(file: LandingFile) -> Inspection | UnusableFileError:
        known = run.ledger.latest.get((file.source, file.path))
        prefix = known.bytes if known and not compression_of(file.absolute) else 0
        limit = run.options.max_line_bytes
        try:
            return inspect(file, limit=limit, prefix_bytes=prefix)
        except UnusableFileError as error:
            return error

    with ThreadPoolExecutor(max(1, run.options.threads)) as pool:
        results = list(pool.map(look, batch))
    fresh = []
    seen = set(run.ledger.checksums)
    for file, found in zip(batch, results, strict=True):
        sha256 = getattr(found, "sha256", "")
        if (file.source, sha256) in seen:
            run.report(file, "already_loaded", None, sha256)
        elif isinstance(found, DamagedFileError):
            refuse_file(load, file, found.sha256, found.reason_code, f"({found})")
        elif isinstance(found, UnusableFileError):
            load.failed[file.path] = f"{file.path} {found}"
        elif found.content_bytes == 0:
            run.report(file, "empty", "the file has no content", sha256)
        else:
            seen.add((file.source, sha256))
            fresh.append((file, found))
    return fresh


def _prepare_all(
    run: Run, load: Load, inspected: Sequence[tuple[LandingFile, Inspection]]
) -> list[PreparedFile]:
    prepared = []
    for file, inspection in inspected:
        try:
            prepared.append(
                prepare(
                    load.context.connection,
                    load.context.spec,
                    file,
                    inspection,
                    scratch=load.context.scratch,
                    max_line_bytes=run.options.max_line_bytes,
                )
            )
        except DamagedFileError as error:
            refuse_file(load, file, inspection.sha256, error.reason_code, f"({error})")
        except UnusableFileError as error:
            load.failed[file.path] = f"{file.path} {error}"
    return prepared


def _drop_empty(run: Run, load: Load, batch: Sequence[LandingFile]) -> None:
    """Report files without a single line; they are no part of a load."""
    by_path = {file.path: file for file in batch}
    for entry in [entry for entry in load.files if not entry.lines_read]:
        load.files.remove(entry)
        file = by_path[entry.path]
        run.report(file, "empty", "the file has no lines", entry.sha256)


def _superseded(
    run: Run, load: Load, inspected: Sequence[tuple[LandingFile, Inspection]]
) -> dict[str, str]:
    """Give the older quarantine rows that these files answer.

    A file that was refused and is here anew; and the rows of a file that has grown
    since: all its lines have been judged again. A file with other content under an
    old name answers nothing.
    """
    prefixes = {file.path: found.prefix_sha256 for file, found in inspected}
    answered: dict[str, list[str]] = {}
    for entry in load.files:
        earlier = run.ledger.loads.get((load.context.spec.name, entry.path), ())
        for load_id, old in earlier:
            grown = prefixes.get(entry.path) == old.sha256
            if old.quarantined and (old.refused or grown):
                answered.setdefault(load_id, []).append(entry.path)
    return {
        load_id: f"file in ({text_list(paths)})" for load_id, paths in answered.items()
    }


def _report_batch(run: Run, load: Load, batch: Sequence[LandingFile]) -> None:
    entries = {entry.path: entry for entry in load.files}
    for file in batch:
        entry = entries.get(file.path)
        if file.path in load.failed:
            run.report(file, "failed", load.failed[file.path])
        elif file.path in load.moved:
            run.report(file, "still_growing", "changed while it was read")
        elif entry is not None:
            run.reports.append(file_report(file.source, entry))
