"""The books of the lake after an erasure: manifests whose counts stay true.

Belongs here: what a manifest says once rows of its load are gone, and which landing
files were rewritten. Not here: which rows those are (`erasure`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ingestion.durable import put_in_place
from ingestion.lake import MANIFEST_NAME, Lake, Manifest, ManifestFile
from ingestion.privacy.mentions import Mentions

# A manifest does not say which of its files an event came from, so that the rows
# erased from a load stand in one entry of their own, with a negative count of landed.
ERASED_ENTRY: Final = "(erased)"


@dataclass(frozen=True, slots=True)
class FileCount:
    """What one Parquet file of the lake holds of the persons."""

    file: Path
    erased: int
    redacted: int

    @property
    def load_id(self) -> str:
        """The load of the file."""
        return self.file.parent.parent.name.removeprefix("load=")

    @property
    def day(self) -> str:
        """The UTC day of the file's rows."""
        return self.file.parent.name.removeprefix("date=")


def add_rewritten(lake: Lake, path: str, sha256: str, size: int, mtime_ns: int) -> None:
    """Let a manifest know a landing file that was rewritten, so that it is not new.

    Does nothing for a file that has never landed.
    """
    for manifest in reversed(lake.manifests()):
        entries = [one for one in manifest.files if one.path == path and one.sha256]
        if entries:
            entry = replace(entries[-1], sha256=sha256, bytes=size, mtime_ns=mtime_ns)
            target = lake.table(manifest.table) / f"load={manifest.load_id}"
            known = (*manifest.rewritten_files, entry)
            write_manifest(
                target / MANIFEST_NAME, replace(manifest, rewritten_files=known)
            )
            return


def changed_manifests(
    lake: Lake,
    counts: Mapping[str, Sequence[FileCount]],
    refused: Sequence[tuple[str, str, str, int]],
    mentions: Mentions,
) -> dict[str, str]:
    """Give the manifests whose counts or key names change, as they will be."""
    changed = {}
    for manifest in lake.manifests():
        own = [
            c for c in counts.get(manifest.table, ()) if c.load_id == manifest.load_id
        ]
        gone = [row for row in refused if row[0] == manifest.load_id]
        after = without_rows(without_refused(manifest, gone), own)
        keys = tuple(
            key for key in after.property_keys if not mentions.stand_in(key.encode())
        )
        if after != manifest or keys != manifest.property_keys:
            path = f"{manifest.table}/load={manifest.load_id}/{MANIFEST_NAME}"
            changed[path] = replace(
                after,
                property_keys=keys,
                schema_changes=tuple(k for k in after.schema_changes if k in keys),
                new_fields=tuple(
                    one
                    for one in after.new_fields
                    if not mentions.stand_in(one.property_name.encode())
                ),
            ).to_json()
    return changed


def without_rows(
    manifest: Manifest, gone: Sequence[FileCount], entry: str = ERASED_ENTRY
) -> Manifest:
    """Give the manifest without rows of some days, counted in an entry of their own."""
    count = sum(one.erased for one in gone)
    if not count:
        return manifest
    days = dict(manifest.rows_per_date)
    for one in gone:
        days[one.day] = days.get(one.day, 0) - one.erased
    old = next(
        (one for one in manifest.files if one.path == entry),
        ManifestFile(entry, "", 0, 0, 0, 0, 0),
    )
    new = replace(old, landed=old.landed - count, erased=old.erased + count)
    others = tuple(one for one in manifest.files if one.path != entry)
    totals = manifest.totals
    return replace(
        manifest,
        files=(*others, new),
        rows_per_date={day: rows for day, rows in days.items() if rows},
        totals=replace(
            totals, landed=totals.landed - count, erased=totals.erased + count
        ),
    )


def without_refused(
    manifest: Manifest, gone: Sequence[tuple[str, str, str, int]]
) -> Manifest:
    """Give the manifest without quarantined rows: load, file, reason and count."""
    if not gone:
        return manifest
    by_file: dict[str, int] = {}
    reasons = dict(manifest.quarantined_by_reason)
    for _, file, reason, count in gone:
        by_file[file] = by_file.get(file, 0) + count
        reasons[reason] = reasons.get(reason, 0) - count
    total = sum(by_file.values())
    files = tuple(
        replace(
            one,
            quarantined=one.quarantined - by_file.get(one.path, 0),
            erased=one.erased + by_file.get(one.path, 0),
        )
        for one in manifest.files
    )
    totals = manifest.totals
    return replace(
        manifest,
        files=files,
        quarantined_by_reason={code: n for code, n in reasons.items() if n},
        totals=replace(
            totals, quarantined=totals.quarantined - total, erased=totals.erased + total
        ),
    )


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replace a manifest; what it knows of rewritten landing files is kept."""
    if path.exists():
        known = Manifest.from_json(path.read_text("utf-8")).rewritten_files
        kept = tuple(dict.fromkeys((*known, *manifest.rewritten_files)))
        manifest = replace(manifest, rewritten_files=kept)
    aside = path.with_name(f".{path.name}.erasing")
    aside.write_text(manifest.to_json(), "utf-8")
    put_in_place(aside, path)
