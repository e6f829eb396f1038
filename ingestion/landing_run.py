"""The books of one landing: what earlier loads hold, what this run has done so far.

Belongs here: the ledger of checksums, reports, progress. Not here: any work on files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingestion.finishing import report_of
from ingestion.lake import Lake, Manifest, ManifestFile
from ingestion.landing_models import (
    FileReport,
    FileStatus,
    LandingOptions,
    LandingProgress,
    LandingResult,
)
from ingestion.sources.files import LandingFile


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the manifests say about files: the last entry of each, all checksums."""

    latest: dict[tuple[str, str], ManifestFile] = field(default_factory=dict)
    loads: dict[tuple[str, str], list[tuple[str, ManifestFile]]] = field(
        default_factory=dict
    )
    checksums: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def of(cls, manifests: Iterable[Manifest]) -> Ledger:
        """Read the ledger out of the manifests, oldest first."""
        ledger = cls()
        for manifest in manifests:
            ledger.add(manifest)
        return ledger

    def add(self, manifest: Manifest) -> None:
        """Enter one more load; rows replayed from quarantine are no files."""
        for file in (*manifest.files, *manifest.rewritten_files):
            if file.sha256:
                key = (manifest.source, file.path)
                self.latest[key] = file
                self.loads.setdefault(key, []).append((manifest.load_id, file))
                self.checksums.add((manifest.source, file.sha256))


@dataclass(slots=True)
class Run:
    """A landing under way: what is known and what has been reported so far."""

    options: LandingOptions
    lake: Lake
    manifests: list[Manifest]
    ledger: Ledger
    new: list[Manifest] = field(default_factory=list)
    reports: list[FileReport] = field(default_factory=list)

    def report(
        self,
        file: LandingFile,
        status: FileStatus,
        reason: str | None = None,
        sha256: str | None = None,
    ) -> None:
        """Report a file of which nothing landed."""
        self.reports.append(
            FileReport(
                *(file.path, file.source, file.bytes, sha256, 0, 0, 0, status, reason)
            )
        )

    def add(self, manifest: Manifest) -> None:
        """Enter a committed load."""
        self.manifests.append(manifest)
        self.new.append(manifest)
        self.ledger.add(manifest)

    def result(self) -> LandingResult:
        """Give what the run did, files in the order of their paths."""
        reasons: dict[str, int] = {}
        changes: dict[str, set[str]] = {}
        for manifest in self.new:
            for reason, count in manifest.quarantined_by_reason.items():
                reasons[reason] = reasons.get(reason, 0) + count
            changes.setdefault(manifest.source, set()).update(manifest.schema_changes)
        return LandingResult(
            loads=tuple(report_of(manifest) for manifest in self.new),
            files=tuple(sorted(self.reports, key=lambda report: report.path)),
            quarantined_by_reason=reasons,
            schema_changes={
                source: tuple(sorted(keys)) for source, keys in changes.items() if keys
            },
            closed=sum(manifest.totals.closed for manifest in self.new),
        )


class Progress:
    """Tells the caller how far a source is."""

    def __init__(
        self, options: LandingOptions, source: str, files: Sequence[LandingFile]
    ) -> None:
        self._tell = options.on_progress
        self._source = source
        self._files = len(files)
        self._bytes = sum(file.bytes for file in files)
        self._done_files = self._done_bytes = self._landed = self._quarantined = 0

    def add_bytes(self, done: int) -> None:
        """Tell that this many bytes of files have been read."""
        self._done_bytes += done
        self._say()

    def add_load(self, manifest: Manifest) -> None:
        """Tell that a load has been committed."""
        self._done_files += len(manifest.files)
        self._landed += manifest.totals.landed
        self._quarantined += manifest.totals.quarantined
        self._say()

    def _say(self) -> None:
        if self._tell is not None:
            self._tell(
                LandingProgress(
                    source=self._source,
                    files_done=self._done_files,
                    files_total=self._files,
                    bytes_done=self._done_bytes,
                    bytes_total=self._bytes,
                    landed=self._landed,
                    quarantined=self._quarantined,
                )
            )


def file_report(source: str, entry: ManifestFile) -> FileReport:
    """Give the report of a file that stands in a manifest."""
    refused = "refused as a whole: see the quarantine for the cure"
    return FileReport(
        path=entry.path,
        source=source,
        bytes=entry.bytes,
        sha256=entry.sha256 or None,
        lines_read=entry.lines_read,
        landed=entry.landed,
        quarantined=entry.quarantined,
        status="failed" if entry.refused else "landed",
        reason=refused if entry.refused else None,
        skipped=entry.skipped,
    )
