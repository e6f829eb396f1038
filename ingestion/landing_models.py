"""What ingestion is told and what it tells: options, progress, reports.

Belongs here: the frozen values that cross the border of this wing. Not here: any
work on files (`landing`, `loading`, `quarantine`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from ingestion.landed_tables import EVENTS
from ingestion.privacy.plan import NO_PRIVACY_PLAN, PrivacyPlan
from ingestion.privacy.remembered import remembered_ids
from ingestion.sources.verdicts import Rules
from ingestion.tracking_plan.plan import NO_PLAN, TrackingPlan

FileStatus = Literal["landed", "already_loaded", "still_growing", "failed", "empty"]


@dataclass(frozen=True, slots=True)
class LandingProgress:
    """How far a landing is; bytes are those of the files, compressed or not."""

    source: str
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    landed: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class LandingOptions:
    """What a landing needs to know.

    `now` is the instant of the run (with a time zone). Files whose last change is less
    than `settle_seconds` away from it are left for the next run. `load_bytes` bounds
    the files of one load. DuckDB keeps to `memory_limit` and spills beside the load.
    `plan` is what the catalog's tracking plan asks of events. `erasure_key` knows the
    rows of persons who were erased. `privacy` says what becomes of personal data.
    """

    landing_dir: Path
    lake_dir: Path
    now: datetime
    settle_seconds: float = 2.0
    max_line_bytes: int = 16 * 1024 * 1024
    max_future_hours: float = 24
    floor_date: date = date(2000, 1, 1)
    memory_limit: str = "2GB"
    threads: int = 2
    load_bytes: int = 1000**3
    on_progress: Callable[[LandingProgress], None] | None = None
    plan: TrackingPlan = NO_PLAN
    erasure_key: bytes | None = field(default=None, repr=False)
    privacy: PrivacyPlan = NO_PRIVACY_PLAN

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError(f"now={self.now!r} has no time zone: give it one")

    def rules(self) -> Rules:
        """Give what the verdicts need to know.

        Raises ErasureKeyError when persons were erased and the key is not there.
        """
        return Rules(
            self.now,
            self.max_future_hours,
            self.floor_date,
            self.max_line_bytes,
            self.plan,
            remembered=remembered_ids(self.lake_dir, self.erasure_key),
            privacy=self.privacy,
        )


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file; `path` is relative to the landing folder.

    `lines_read = landed + skipped + quarantined`. `reason` says why a file was not
    landed, with the cure. A file refused as a whole is `failed` with one quarantined
    row: the file itself.
    """

    path: str
    source: str
    bytes: int
    sha256: str | None
    lines_read: int
    landed: int
    quarantined: int
    status: FileStatus
    reason: str | None = None
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """One committed load; `rows_per_date` counts landed rows by UTC day."""

    load_id: str
    source: str
    lines_read: int
    landed: int
    quarantined: int
    skipped: int
    rows_per_date: Mapping[str, int] = field(default_factory=dict)
    table: str = EVENTS


@dataclass(frozen=True, slots=True)
class LandingResult:
    """What a landing or a replay did.

    `schema_changes` are the property keys that a source sends for the first time;
    `closed` counts older quarantine rows that this run has answered.
    """

    loads: tuple[LoadReport, ...] = ()
    files: tuple[FileReport, ...] = ()
    quarantined_by_reason: Mapping[str, int] = field(default_factory=dict)
    schema_changes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    closed: int = 0

    @property
    def landed(self) -> int:
        """Events that landed."""
        return self.landed_rows(EVENTS)

    def landed_rows(self, table: str) -> int:
        """Give the rows of a table that landed."""
        return sum(load.landed for load in self.loads if load.table == table)

    @property
    def quarantined(self) -> int:
        """Rows that went to quarantine."""
        return sum(load.quarantined for load in self.loads)

    @property
    def failed_files(self) -> tuple[FileReport, ...]:
        """Files that need a person."""
        return tuple(file for file in self.files if file.status == "failed")
