"""How long raw data is kept: days of the lake, quarantined rows, landing files.

Belongs here: what is old enough to go, and the marks that say what is gone. Not here:
what the models do about it (the macro `refuse_to_forget`), erasing persons (`erasure`).

Whole UTC days go from a table. What the warehouse has made of them stays there, its own
copy of the events included; it can no longer be built again from the lake, and refuses
to be. Rows that arrive for a day that is gone go to quarantine (`before_floor`): a day
would be rebuilt from them alone. May be repeated after a kill at any instant: the mark
comes first, files are found by their day, and manifests are counted from themselves.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from ingestion.durable import sync
from ingestion.lake import MANIFEST_NAME, Lake, Manifest
from ingestion.landed_tables import EVENTS, LANDED_TABLES
from ingestion.privacy.erasure_books import (
    FileCount,
    without_refused,
    without_rows,
    write_manifest,
)
from ingestion.sql_text import text

FOLDER: Final = "retained"
FORGOTTEN: Final = ".forgotten"
EXPIRED_ENTRY: Final = "(expired)"
QUARANTINE: Final = "quarantine"
LANDING: Final = "landing"
# The models over events take in what is new; those over other tables are built in full.
EXPIRING: Final = (EVENTS, QUARANTINE, LANDING)


class RetentionError(ValueError):
    """A period of retention that cannot be kept; the message says why."""


@dataclass(frozen=True, slots=True)
class Retained:
    """What went: rows by table, and landing files; `first_days` are still kept."""

    rows: Mapping[str, int] = field(default_factory=dict)
    landing_files: int = 0
    first_days: Mapping[str, date] = field(default_factory=dict)


def read_periods(setting: str) -> dict[str, int]:
    """Read `events=400,quarantine=30,landing=60`: days by table.

    Raises RetentionError for an unknown table, or less than a day.
    """
    periods = {}
    for part in filter(None, (one.strip() for one in setting.split(","))):
        table, _, days = (one.strip() for one in part.partition("="))
        if table in LANDED_TABLES:
            raise RetentionError(
                f"'{table}' is built in full from the lake every night: its history "
                "would go from the marts too"
            )
        if table not in EXPIRING:
            raise RetentionError(
                f"'{table}' is no raw data that can expire: that is "
                f"{', '.join(EXPIRING)}"
            )
        if not days.isdigit() or int(days) < 1:
            raise RetentionError(f"'{part}': write a number of days, `{table}=400`")
        periods[table] = int(days)
    return periods


def retain(
    lake: Lake,
    landing_dir: Path,
    periods: Mapping[str, int],
    today: date,
    *,
    taken_in: str,
    dry_run: bool = False,
) -> Retained:
    """Remove what is older than its table's period, counted in days before `today`.

    `taken_in` is the newest load that the warehouse has built its models from, empty
    where there is none: days of later loads are in no mart yet, and stay.
    """
    first_days = {
        table: min(
            today - timedelta(days=days), _first_day_after(lake, table, taken_in)
        )
        for table, days in periods.items()
        if table not in (QUARANTINE, LANDING)
    }
    rows = {
        table: _expire_days(lake, table, first_day, dry_run=dry_run)
        for table, first_day in first_days.items()
    }
    if QUARANTINE in periods:
        limit = today - timedelta(days=periods[QUARANTINE])
        rows[QUARANTINE] = _expire_quarantine(lake, limit, dry_run=dry_run)
    files = 0
    if LANDING in periods:
        limit = today - timedelta(days=periods[LANDING])
        files = _expire_landing(lake, landing_dir, limit, dry_run=dry_run)
    return Retained(rows, files, first_days)


def first_day_kept(lake_dir: Path, table: str) -> date | None:
    """Return the first day of a table that is whole; None when nothing ever expired."""
    marks = [
        path.name.partition("=")[2].removesuffix(FORGOTTEN)
        for path in (lake_dir / FOLDER).glob(f"{table}=*")
    ]
    return max(map(date.fromisoformat, marks)) if marks else None


def first_day_irreplaceable(lake_dir: Path, table: str) -> date | None:
    """Return the first whole day where the warehouse alone knows earlier ones.

    None where nothing expired, or what did may be forgotten.
    """
    first_day = first_day_kept(lake_dir, table)
    forgotten = lake_dir / FOLDER / f"{table}={first_day}{FORGOTTEN}"
    return None if forgotten.exists() else first_day


def forget(lake_dir: Path, table: str) -> date | None:
    """Let the warehouse be built without the days that are gone; return the first kept.

    What it holds of them is lost with the next full build. A later expiry protects what
    there is then.
    """
    first_day = first_day_kept(lake_dir, table)
    if first_day is not None:
        _mark(lake_dir, f"{table}={first_day}{FORGOTTEN}")
    return first_day


def _first_day_after(lake: Lake, table: str, taken_in: str) -> date:
    """Give the first day of the loads that are newer than one."""
    days = [
        day
        for manifest in lake.manifests()
        if manifest.table == table and manifest.load_id > taken_in
        for day in manifest.rows_per_date
    ]
    return date.fromisoformat(min(days)) if days else date.max


def _expire_days(lake: Lake, table: str, first_day: date, *, dry_run: bool) -> int:
    limit, count = first_day.isoformat(), 0
    manifests = [one for one in lake.manifests() if one.table == table]
    old = {
        one.load_id: [day for day in one.rows_per_date if day < limit]
        for one in manifests
    }
    known = first_day_kept(lake.root, table)
    if any(old.values()) and not dry_run and (known is None or known < first_day):
        _mark(lake.root, f"{table}={limit}")
    for manifest in manifests:
        days = old[manifest.load_id]
        count += sum(manifest.rows_per_date[day] for day in days)
        if not dry_run:
            _remove_days(lake, manifest, days, limit)
    return count


def _remove_days(lake: Lake, manifest: Manifest, days: list[str], limit: str) -> None:
    load = lake.table(manifest.table) / f"load={manifest.load_id}"
    if days:
        gone = [
            FileCount(load / f"date={day}" / "-", manifest.rows_per_date[day], 0)
            for day in days
        ]
        write_manifest(
            load / MANIFEST_NAME, without_rows(manifest, gone, entry=EXPIRED_ENTRY)
        )
    for folder in load.glob("date=*"):
        if folder.name.removeprefix("date=") < limit:
            shutil.rmtree(folder)


def _expire_quarantine(lake: Lake, limit: date, *, dry_run: bool) -> int:
    count = 0
    manifests = lake.manifests()
    for manifest in manifests:
        path = lake.quarantine_file(manifest.load_id)
        if not path.exists() or _committed_on(manifest) >= limit:
            continue
        with duckdb.connect() as connection:
            rows = connection.execute(
                "select load_id, file, reason_code, count(*) from read_parquet("
                f"{text(path)}, hive_partitioning = false) group by all order by all"
            ).fetchall()
        count += sum(row[3] for row in rows)
        if dry_run:
            continue
        closed = sum(one.closes.get(manifest.load_id, 0) for one in manifests)
        # The file goes last. A call that was killed before that has counted its rows
        # already: the manifest says that none are open.
        if manifest.totals.quarantined > closed:
            target = lake.table(manifest.table) / f"load={manifest.load_id}"
            write_manifest(target / MANIFEST_NAME, without_refused(manifest, rows))
        shutil.rmtree(path.parent)
    return count


def _expire_landing(
    lake: Lake, landing_dir: Path, limit: date, *, dry_run: bool
) -> int:
    """Remove files all of whose loads are old; what never landed stays."""
    newest: dict[str, date] = {}
    for manifest in lake.manifests():
        for file in (*manifest.files, *manifest.rewritten_files):
            if file.sha256 and not file.refused:
                committed = _committed_on(manifest)
                newest[file.path] = max(committed, newest.get(file.path, committed))
    count = 0
    for relative, committed in newest.items():
        path = landing_dir / relative
        # A file that changed since has lines that have not landed.
        if committed < limit and path.is_file() and _changed_on(path) < limit:
            count += 1
            if not dry_run:
                path.unlink()
    return count


def _committed_on(manifest: Manifest) -> date:
    return datetime.fromisoformat(manifest.committed_at).astimezone(UTC).date()


def _changed_on(path: Path) -> date:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()


def _mark(lake_dir: Path, name: str) -> None:
    folder = lake_dir / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / name).touch()
    sync(folder)
