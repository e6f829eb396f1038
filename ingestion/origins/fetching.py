"""Fetch from all declared origins: the order of work, tries, and reports.

Belongs here: one origin after the other, what happens when one is away. Not here: how
an origin is read (`s3`, `postgres`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingestion.catalog.models import PostgresOrigin, S3Origin, SourceSpec
from ingestion.origins import postgres, s3
from ingestion.origins.ledger import FetchedFile, OriginLedger, open_ledger
from ingestion.origins.models import (
    FetchOptions,
    FetchProgress,
    FetchResult,
    FetchStatus,
    OriginError,
    OriginReport,
)


@dataclass(slots=True)
class _Tally:
    """What a fetch of one source has kept so far, over all its tries."""

    source: str
    options: FetchOptions
    files: list[FetchedFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unchanged: int = 0

    def add(self, file: FetchedFile) -> None:
        """Count a kept file, and tell."""
        self.files.append(file)
        if self.options.on_progress is not None:
            self.options.on_progress(
                FetchProgress(self.source, len(self.files), self.bytes(), self.rows())
            )

    def bytes(self) -> int:
        """Give the bytes of all kept files."""
        return sum(file.bytes for file in self.files)

    def rows(self) -> int:
        """Give the rows of all kept files, where they are known."""
        return sum(file.rows for file in self.files)


def fetch(options: FetchOptions, sources: Sequence[SourceSpec]) -> FetchResult:
    """Bring what is new at each declared origin into the landing folder.

    An origin that is away is reported and the others go on; what it gave before it
    died stays, and the next fetch goes on from there. Raises OSError when the landing
    folder cannot be written.
    """
    return FetchResult(
        tuple(_fetch_source(options, spec) for spec in sources if spec.origin)
    )


def _fetch_source(options: FetchOptions, spec: SourceSpec) -> OriginReport:
    tally = _Tally(spec.name, options)
    reason = None
    try:
        with open_ledger(options.landing_dir / spec.name) as ledger:
            _try(options, spec, ledger, tally)
    except OriginError as error:
        reason = str(error)
    done: FetchStatus = "fetched" if tally.files else "unchanged"
    return OriginReport(
        source=spec.name,
        status="failed" if reason else done,
        files=len(tally.files),
        bytes=tally.bytes(),
        rows=tally.rows(),
        unchanged=tally.unchanged,
        reason=reason,
        problems=tuple(tally.problems),
    )


def _try(
    options: FetchOptions, spec: SourceSpec, ledger: OriginLedger, tally: _Tally
) -> None:
    """Read an origin, again when the connection died; each try goes on from there."""
    for attempt in range(1, options.attempts + 1):
        try:
            _read(options, spec, ledger, tally)
            return
        except OriginError as error:
            if not error.is_passing or attempt == options.attempts:
                raise
        time.sleep(options.pause_seconds)


def _read(
    options: FetchOptions, spec: SourceSpec, ledger: OriginLedger, tally: _Tally
) -> None:
    origin = spec.origin
    tally.problems.clear()
    if isinstance(origin, PostgresOrigin):
        before = len(tally.files)
        for file in postgres.read(origin, ledger, options):
            tally.add(file)
        tally.unchanged += len(tally.files) == before
    elif isinstance(origin, S3Origin):
        store = s3.open_store(origin, options)
        listing = s3.look_for_new(store, origin, spec, ledger)
        tally.unchanged = listing.unchanged
        tally.problems.extend(listing.problems)
        for file in s3.download(
            store, origin, listing.new, ledger, options, tally.problems
        ):
            tally.add(file)
